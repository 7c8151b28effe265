//! A role as it is declared.

use std::collections::BTreeSet;

use longshore_aws::{Identity, bounded};
use longshore_model::{Arn, Known, Name};
use longshore_plugin::{Context, Result, RoleSpec};

use crate::{
    needs::Read,
    options::RoleOptions,
    ownership::RoleOwnership,
    policy::{Document, Place, check_size},
    proof::prove,
};

/// The name of the inline policy.
pub(crate) const INLINE_POLICY: &str = "read-secrets";

/// The longest name of a role (IAM API reference, CreateRole).
const NAME_LIMIT: usize = 64;

/// A role as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Desired {
    pub(crate) name: String,
    pub(crate) path: String,
    /// What people read beside it. It is set when the role is made, and then theirs to change.
    pub(crate) description: String,
    /// The trust policy.
    pub(crate) trust: String,
    pub(crate) inline: Inline,
    /// The managed policies, by their ARNs.
    pub(crate) managed: BTreeSet<String>,
    /// The permissions boundary; nothing leaves the role's as it is.
    pub(crate) boundary: Option<String>,
    pub(crate) ownership: RoleOwnership,
    /// What it may read, as far as that is known or foreseen.
    pub(crate) reads: BTreeSet<Read>,
    /// The ARN that the role has, or will have.
    pub(crate) arn: String,
}

/// The inline policy as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inline {
    /// There is nothing to be read.
    None,
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
        reads: BTreeSet<Read>,
        identity: &Identity,
        region: &str,
    ) -> Result<Self> {
        let name = name(&context.stack, role);
        let place = Place { partition: &identity.partition, region, account: &identity.account };
        // With ARNs that are foreseen, what is wrong with the policy is found before anything is made.
        let document = Document::reads(&reads).map(|document| document.to_json()).transpose()?;
        if let Some(document) = &document {
            check_size(&name, document)?;
            prove(document, &reads)?;
        }
        let inline = match document {
            _ if role.secrets.iter().any(|secret| secret.arn == Known::AfterApply) => Inline::AfterApply,
            Some(document) => Inline::Document(document),
            None => Inline::None,
        };
        Ok(Self {
            path: options.path.clone(),
            description: format!(
                "Execution role of the service {}, kept by Longshore for the stack {}",
                role.service, context.stack
            ),
            trust: Document::trust(&place, options.confused_deputy_conditions).to_json()?,
            inline,
            managed: role
                .managed_policies
                .iter()
                .map(|policy| managed(policy, &identity.partition))
                .collect(),
            boundary: options.permissions_boundary.as_ref().map(|arn| arn.as_str().to_owned()),
            ownership: RoleOwnership::of(context, region),
            reads,
            arn: format!("arn:{}:iam::{}:role{}{name}", identity.partition, identity.account, options.path),
            name,
        })
    }
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
