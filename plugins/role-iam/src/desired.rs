//! A role as it is declared.

use std::collections::{BTreeMap, BTreeSet};

use longshore_aws::{Identity, bounded};
use longshore_model::{Arn, Known, Name};
use longshore_plugin::{Context, Result, RoleSpec};

use crate::{
    options::RoleOptions,
    ownership::RoleOwnership,
    policy::{Document, Place, check_size},
    pull_and_log::TASK_EXECUTION,
    purpose::Purpose,
};

/// The name of the inline policy for secrets and parameters.
pub(crate) const READ_SECRETS: &str = "read-secrets";

/// The name of the inline policy for images in ECR and for logs.
pub(crate) const PULL_AND_LOG: &str = "pull-and-log";

/// The name of the inline policy for files in Amazon S3.
pub(crate) const READ_FILES: &str = "read-files";

/// The names of all inline policies that there may be.
pub(crate) const INLINE_POLICIES: [&str; 3] = [READ_SECRETS, PULL_AND_LOG, READ_FILES];

/// The longest session of a role in seconds: what IAM gives to a role that says nothing of it (API reference,
/// CreateRole). ECS does not ask for more.
pub(crate) const MAX_SESSION: i32 = 3600;

/// Managed policies of AWS that open no secret, by their paths.
const HARMLESS: [&str; 2] = [TASK_EXECUTION, "service-role/AWSLambdaBasicExecutionRole"];

/// The longest name of a role (IAM API reference, CreateRole).
const NAME_LIMIT: usize = 64;

/// A role as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Desired {
    pub(crate) name: String,
    pub(crate) path: String,
    /// The description for readers.
    pub(crate) description: String,
    /// The trust policy.
    pub(crate) trust: String,
    /// The inline policies, by their names.
    pub(crate) inline: BTreeMap<&'static str, Inline>,
    /// The managed policies, by their ARNs.
    pub(crate) managed: BTreeSet<String>,
    /// The permissions boundary; nothing leaves the role's as it is.
    pub(crate) boundary: Option<String>,
    pub(crate) ownership: RoleOwnership,
    /// The role's purpose.
    pub(crate) purpose: Purpose,
    /// The ARN that the role has, or will have.
    pub(crate) arn: String,
}

/// An inline policy as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inline {
    /// It names a secret that is yet to be made.
    AfterApply,
    /// The document.
    Document(String),
}

/// The name of a role.
pub(crate) fn name(stack: &Name, role: &RoleSpec) -> String {
    match &role.name {
        Some(name) => name.clone(),
        None => bounded(&format!("{stack}-{}-execution", role.service), NAME_LIMIT),
    }
}

impl Desired {
    pub(crate) fn of(
        context: &Context,
        role: &RoleSpec,
        options: &RoleOptions,
        purpose: Purpose,
        identity: &Identity,
        region: &str,
    ) -> Result<Self> {
        let name = name(&context.stack, role);
        let place = Place { partition: &identity.partition, region, account: &identity.account };
        let managed: BTreeSet<_> =
            role.managed_policies.iter().map(|policy| managed(policy, &identity.partition)).collect();
        let has_task_execution = managed.iter().any(|policy| is_of_aws(policy, TASK_EXECUTION));
        // With ARNs that are foreseen, what is wrong with the policies is found before anything is made.
        let reads = Document::reads(&purpose.reads).map(|document| document.to_json()).transpose()?;
        let is_allowed = has_task_execution && purpose.pull_and_log.created.is_empty();
        let pulls_and_logs = Document::pulls_and_logs(&purpose.pull_and_log).filter(|_| !is_allowed);
        let pulls_and_logs = pulls_and_logs.map(|document| document.to_json()).transpose()?;
        let files = Document::files(&purpose.files).map(|document| document.to_json()).transpose()?;
        check_size(&name, reads.iter().chain(&pulls_and_logs).chain(&files))?;
        let is_open = role.secrets.iter().any(|secret| secret.arn == Known::AfterApply);
        let reads = if is_open { Some(Inline::AfterApply) } else { reads.map(Inline::Document) };
        let reads = reads.map(|policy| (READ_SECRETS, policy));
        let pulls_and_logs = pulls_and_logs.map(|document| (PULL_AND_LOG, Inline::Document(document)));
        let files = files.map(|document| (READ_FILES, Inline::Document(document)));
        let inline = reads.into_iter().chain(pulls_and_logs).chain(files).collect();
        Ok(Self {
            path: options.path.clone(),
            description: format!(
                "Execution role of the service {}, kept by Longshore for the stack {}",
                role.service, context.stack
            ),
            trust: Document::trust(&place, options.confused_deputy_conditions).to_json()?,
            inline,
            managed,
            boundary: options.permissions_boundary.as_ref().map(|arn| arn.as_str().to_owned()),
            ownership: RoleOwnership::of(context, region),
            purpose,
            arn: format!("arn:{}:iam::{}:role{}{name}", identity.partition, identity.account, options.path),
            name,
        })
    }
}

/// Returns true if a role has managed policies that may open anything.
pub(crate) fn has_policies_of_others(role: &RoleSpec) -> bool {
    let is_harmless = |policy: &String| HARMLESS.iter().any(|path| policy == path || is_of_aws(policy, path));
    !role.managed_policies.iter().all(is_harmless)
}

/// Returns true if an ARN is that of a policy that AWS manages.
fn is_of_aws(policy: &str, path: &str) -> bool {
    policy.split_once(":iam::aws:policy/").is_some_and(|(_, there)| there == path)
}

/// The ARN of a managed policy: given as such, or as the path of one that AWS manages.
fn managed(policy: &str, partition: &str) -> String {
    match policy.parse::<Arn>() {
        Ok(arn) => arn.to_string(),
        Err(_) => format!("arn:{partition}:iam::aws:policy/{policy}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_that_aws_manages_are_named_by_their_path() {
        let policy = "service-role/AmazonECSTaskExecutionRolePolicy";
        assert_eq!(managed(policy, "aws-cn"), format!("arn:aws-cn:iam::aws:policy/{policy}"));
        assert_eq!(managed("arn:aws:iam::1:policy/own", "aws"), "arn:aws:iam::1:policy/own");
    }
}
