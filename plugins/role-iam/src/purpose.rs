//! A role's purpose: the ECS agent's use of it.

use std::collections::{BTreeMap, BTreeSet};

use longshore_aws::{Freshness, Ownership};
use longshore_plugin::{Context, Result, RoleSpec};

use crate::{
    builder::IamRoles,
    desired::has_policies_of_others,
    files::Files,
    needs::{Kind, Need, Read, needs},
    policy::Place,
    pull_and_log::PullAndLog,
};

/// A role's purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Purpose {
    /// The values that it reads, as far as they are known or foreseen.
    pub(crate) reads: BTreeSet<Read>,
    /// The repositories that it pulls from, and the log groups that it writes to.
    pub(crate) pull_and_log: PullAndLog,
    /// The files that it reads.
    pub(crate) files: Files,
    /// The reads that it must not have, of other secrets and parameters.
    pub(crate) beside: Vec<Need>,
}

impl Purpose {
    /// Returns the required permissions.
    pub(crate) fn needs(&self) -> Vec<Need> {
        let mut needs = needs(&self.reads);
        needs.extend(self.pull_and_log.needs());
        needs.extend(self.files.needs());
        needs
    }
}

impl IamRoles {
    /// Returns a role's purpose, with the full ARNs of the keys.
    pub(crate) async fn purpose(&self, context: &Context, role: &RoleSpec) -> Result<Purpose> {
        let mut reads = BTreeSet::new();
        for secret in &role.secrets {
            let key = match &secret.key {
                Some(key) => Some(self.aws.key_arn(key).await?),
                None => None,
            };
            if let Some(arn) = secret.arn_or_foreseen() {
                reads.insert(Read::of(arn, key)?);
            }
        }
        let (identity, region) = (self.aws.identity().await?, self.aws.region().await?);
        let place = Place { partition: &identity.partition, region, account: &identity.account };
        let pull_and_log = PullAndLog::of(role, &place);
        let others = self.others(context, role).await;
        let beside = beside(&others, &reads, &place);
        Ok(Purpose { reads, pull_and_log, files: Files::of(&role.files)?, beside })
    }

    /// Returns the ARNs of the stack's other secrets and parameters. Those that existed when the role was planned have
    /// their full ARNs: only a read of a secret tells the six characters that Secrets Manager adds. The list is shared
    /// with the steps that plan secrets.
    async fn others(&self, context: &Context, role: &RoleSpec) -> Vec<String> {
        // Only Longshore gives permissions to the role.
        if self.options.existing.is_none() && !has_policies_of_others(role) {
            return role.others.clone();
        }
        let list = async || {
            let listed = self.aws.reads().secrets(Ownership::of(context).stack(), Freshness::Planned).await;
            // Without the list, the ARNs are those that are foreseen.
            let listed = listed.unwrap_or_default();
            // Of a large stack's list, each role keeps what it asks for.
            let full = |arn: &String| {
                let (begin, _) = arn.rsplit_once('-')?;
                let (_, name) = begin.split_once(":secret:")?;
                let arn = listed.get(name)?.arn.clone()?;
                let is_same = arn.rsplit_once('-')?.0 == begin;
                is_same.then(|| (begin.to_owned(), arn))
            };
            role.others.iter().filter_map(full).collect()
        };
        let listed: &BTreeMap<String, String> = self.listed.get_or_init(list).await;
        let full = |arn: &String| {
            let (name, _) = arn.rsplit_once('-')?;
            listed.get(name).cloned()
        };
        role.others.iter().map(|arn| full(arn).unwrap_or_else(|| arn.clone())).collect()
    }
}

/// Returns the reads that the role must not have: the stack's other secrets, and a secret and a parameter that do not
/// exist.
fn beside(others: &[String], reads: &BTreeSet<Read>, place: &Place<'_>) -> Vec<Need> {
    let Place { partition, region, account } = place;
    let nobodys = [
        format!("arn:{partition}:secretsmanager:{region}:{account}:secret:of-nobody-XXXXXX"),
        format!("arn:{partition}:ssm:{region}:{account}:parameter/of-nobody"),
    ];
    let others = others.iter().chain(&nobodys).filter_map(|arn| Read::of(arn, None).ok());
    let others: BTreeSet<(Kind, String)> = others.map(|read| (read.kind, read.arn)).collect();
    let is_own = |arn: &String| reads.iter().any(|read| read.arn == *arn);
    let others = others.into_iter().filter(|(_, arn)| !is_own(arn));
    others.map(|(kind, resource)| Need { action: kind.action(), resource, context: Vec::new() }).collect()
}
