//! IAM's state.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    delayed::Delayed,
    error::no_role,
    managed::{self, Managed},
};
use crate::{ApiError, Moment, Partition};

/// The roles and policies of the account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Iam {
    pub(super) account: String,
    /// The account's partition.
    pub(crate) partition: Partition,
    /// The delay until authorisation sees a write, in milliseconds.
    pub(super) propagation_ms: u64,
    pub(super) roles: BTreeMap<String, Role>,
    /// By role name; kept beyond the role's deletion until everybody has seen it.
    pub(super) grants: BTreeMap<String, Delayed<Option<Grants>>>,
    /// Customer managed policies by ARN.
    pub(super) policies: BTreeMap<String, CustomerPolicy>,
    /// Their default versions' documents by ARN.
    pub(super) documents: BTreeMap<String, Delayed<Option<String>>>,
}

/// A role without its permissions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Role {
    /// The name, unique without regard to case.
    pub name: String,
    /// `/`, or `/some/path/`.
    pub path: String,
    /// The unique id, which a new role of the same name does not share.
    pub id: String,
    /// When it was created.
    pub created: Moment,
    /// The description.
    pub description: Option<String>,
    /// The longest session, in seconds.
    pub max_session: u32,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A role's trust policy and permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// The full ARN, path included.
    pub arn: String,
    /// The trust policy's document.
    pub trust: String,
    /// Inline policies: name and document.
    pub inline: BTreeMap<String, String>,
    /// ARNs of attached managed policies.
    pub attached: BTreeSet<String>,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
}

/// A customer managed policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CustomerPolicy {
    /// The name, unique in the account.
    pub name: String,
    /// `/`, or `/some/path/`.
    pub path: String,
    /// The unique id.
    pub id: String,
    /// The description.
    pub description: Option<String>,
    /// When it was created.
    pub created: Moment,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Iam {
    /// An account without roles. Writes are seen by authorisation `propagation_ms` later.
    #[must_use]
    pub fn new(account: &str, propagation_ms: u64) -> Self {
        Self {
            account: account.to_owned(),
            partition: Partition::default(),
            propagation_ms,
            roles: BTreeMap::new(),
            grants: BTreeMap::new(),
            policies: BTreeMap::new(),
            documents: BTreeMap::new(),
        }
    }

    /// The same account in another partition.
    #[must_use]
    pub(crate) fn within(self, partition: Partition) -> Self {
        Self { partition, ..self }
    }

    /// Returns the ARN of something of the account's IAM.
    pub(crate) fn arn(&self, resource: impl fmt::Display) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition, self.account)
    }

    /// The policy of AWS's with this ARN, if the simulated cloud has it.
    pub(super) fn of_aws(&self, arn: &str) -> Option<&'static Managed> {
        managed::ALL.iter().find(|policy| policy.arn(self.partition) == arn)
    }

    /// Sets the propagation delay of writes to come.
    pub fn set_propagation(&mut self, delay: Duration) {
        self.propagation_ms = delay.as_millis() as u64;
    }

    /// A role by name, as IAM's own reads see it.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<(&Role, &Grants)> {
        Some((self.roles.get(name)?, self.grants.get(name)?.latest().as_ref()?))
    }

    /// Returns true if a role with this ARN exists. Others than IAM see that at once: what they see late is what the role may do,
    /// and who may assume it.
    #[must_use]
    pub fn role_exists(&self, arn: &str) -> bool {
        self.grants.values().any(|grants| grants.latest().as_ref().is_some_and(|grants| grants.arn == arn))
    }

    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.propagation_ms)
    }

    /// The grants of the role with this ARN, as authorisation sees them at `now`.
    pub(super) fn seen_grants(&self, now: Moment, role_arn: &str) -> Option<&Grants> {
        let name = role_arn.rsplit('/').next()?;
        self.grants.get(name)?.seen(now).as_ref().filter(|grants| grants.arn == role_arn)
    }

    /// A managed policy's document, AWS's or the account's own, as authorisation sees it at `now`.
    pub(super) fn seen_document(&self, now: Moment, policy_arn: &str) -> Option<&str> {
        match self.of_aws(policy_arn) {
            Some(policy) => Some(policy.document),
            None => self.documents.get(policy_arn)?.seen(now).as_deref(),
        }
    }

    /// A managed policy's document as IAM's own reads see it.
    pub(super) fn latest_document(&self, policy_arn: &str) -> Option<&str> {
        match self.of_aws(policy_arn) {
            Some(policy) => Some(policy.document),
            None => self.documents.get(policy_arn)?.latest().as_deref(),
        }
    }
}

/// The operations' access to the state.
impl Iam {
    /// The ARN of the role with this name, as IAM's own reads see it.
    pub(crate) fn role_arn(&self, name: &str) -> Option<&str> {
        self.role(name).map(|(_, grants)| grants.arn.as_str())
    }

    /// A role that has to be there.
    pub(super) fn required_role(&self, name: &str) -> Result<(&Role, &Grants), ApiError> {
        self.role(name).ok_or_else(|| no_role(name))
    }

    /// All roles, by name.
    pub(super) fn all_roles(&self) -> impl Iterator<Item = (&Role, &Grants)> {
        self.roles.keys().filter_map(|name| self.role(name))
    }

    /// The names of the roles that a managed policy is attached to.
    pub(super) fn attached_to(&self, arn: &str) -> impl Iterator<Item = &Role> {
        self.all_roles().filter(move |(_, grants)| grants.attached.contains(arn)).map(|(role, _)| role)
    }

    /// The roles whose permissions boundary is this policy.
    pub(super) fn bounded_by(&self, arn: &str) -> impl Iterator<Item = &Role> {
        self.all_roles()
            .filter(move |(_, grants)| grants.boundary.as_deref() == Some(arn))
            .map(|(role, _)| role)
    }

    /// Changes what a role grants; what changes nothing need not propagate.
    pub(super) fn change_grants(
        &mut self,
        now: Moment,
        name: &str,
        change: impl FnOnce(&mut Grants),
    ) -> Result<(), ApiError> {
        let before = self.required_role(name)?.1;
        let mut after = before.clone();
        change(&mut after);
        if after != *before {
            self.write_grants(now, name, Some(after));
        }
        Ok(())
    }

    /// Sets what a role grants, or that it is gone, and forgets roles whose deletion everybody has seen.
    pub(super) fn write_grants(&mut self, now: Moment, name: &str, grants: Option<Grants>) {
        let delay = self.delay();
        self.grants.retain(|_, grants| grants.latest().is_some() || !grants.is_settled(now));
        self.grants
            .entry(name.to_owned())
            .or_insert_with(|| Delayed::settled(None))
            .write(now, delay, grants);
    }

    /// The same for a customer managed policy's document.
    pub(super) fn write_document(&mut self, now: Moment, arn: &str, document: Option<String>) {
        let delay = self.delay();
        self.documents.retain(|_, document| document.latest().is_some() || !document.is_settled(now));
        self.documents
            .entry(arn.to_owned())
            .or_insert_with(|| Delayed::settled(None))
            .write(now, delay, document);
    }
}
