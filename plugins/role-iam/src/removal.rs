//! Removing roles.

use std::time::Duration;

use aws_sdk_iam::Client;
use longshore_aws::{
    Aws, failure,
    wait::{self, Patience, Probe},
};
use longshore_model::FailureKind;
use longshore_plugin::{Context, Result};

use crate::{
    observed::{self, found},
    ownership::RoleOwnership,
};

/// The time limit for IAM to notice that a role has no policies any more.
const PATIENCE: Patience = Patience::of(Duration::from_secs(30));

/// Removes a role that the stack owns. IAM wants its policies gone first. The role with its tags goes last, so that a
/// removal which was broken off is found, and owned, by the next one.
pub(crate) async fn delete(aws: &Aws, context: &Context, name: &str) -> Result<()> {
    let client = aws.iam().await?;
    let Some(observed) = observed::role(client, name).await? else { return Ok(()) };
    let ownership = RoleOwnership::of(context, aws.region().await?);
    if ownership.foreign(&observed.tags).is_some() {
        return Ok(());
    }
    ownership.require_unprotected(name, &observed.tags)?;
    context.progress(format!("removing the role {name}"));
    let probe = |_| async move {
        strip(client, name).await?;
        let at = format!("iam:DeleteRole {name}");
        let Err(error) = client.delete_role().role_name(name).send().await else {
            return Ok(match observed::role(client, name).await? {
                None => Probe::Done(()),
                Some(_) => Probe::Again(wait::still_there(&format!("role {name}")).at(at)),
            });
        };
        let failure = failure(&error, at);
        match failure.kind {
            FailureKind::NotFound => Ok(Probe::Done(())),
            FailureKind::Conflict => Ok(Probe::Again(failure)),
            _ => Err(failure),
        }
    };
    wait::until(context, PATIENCE, probe).await
}

/// Takes all policies from a role.
async fn strip(client: &Client, name: &str) -> Result<()> {
    for policy in observed::managed_arns(client, name).await? {
        let answer = client.detach_role_policy().role_name(name).policy_arn(&policy).send().await;
        found(answer, &format!("iam:DetachRolePolicy {name} {policy}"))?;
    }
    for policy in observed::inline_names(client, name).await? {
        let answer = client.delete_role_policy().role_name(name).policy_name(&policy).send().await;
        found(answer, &format!("iam:DeleteRolePolicy {name} {policy}"))?;
    }
    Ok(())
}
