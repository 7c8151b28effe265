//! Pulls from Amazon ECR, which the execution role itself authorises.

use super::{Role, refusal::Refusal};
use crate::{
    Moment, World,
    iam::{Context, Denial},
    partition::{self, ecr_registry},
    policy::Who,
};

/// The actions that a pull requires (ECR user guide, "Amazon ECR on Amazon ECS").
const PULL: [&str; 3] =
    ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];

/// Logs in to the registry of an image, if that is one of ECR's.
pub(super) fn log_in(world: &World, now: Moment, role: Option<&Role>, image: &str) -> Result<(), Refusal> {
    // Without an execution role, the instance's own pulls.
    let (Some(role), Some(_)) = (role, ecr_registry(image)) else { return Ok(()) };
    may(world, now, role, "ecr:GetAuthorizationToken", "*").map_err(|denial| {
        Refusal::new(format!(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): AccessDeniedException: {denial}"
        ))
    })
}

/// Checks that the role may pull an image. Repository policies of other accounts are not simulated: they allow every
/// pull.
pub(super) fn may_pull(
    world: &World,
    now: Moment,
    role: Option<&Role>,
    image: &str,
    repository: &str,
) -> Result<(), Refusal> {
    let (Some(role), Some((account, region))) = (role, ecr_registry(image)) else { return Ok(()) };
    let resource = partition::arn("ecr", region, account, format_args!("repository/{repository}"));
    PULL.iter().try_for_each(|action| may(world, now, role, action, &resource)).map_err(|_| {
        Refusal::new(format!(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: unexpected status from HEAD request to https://{}/v2/{repository}/manifests: 403 Forbidden",
            image.split('/').next().unwrap_or_default()
        ))
    })
}

fn may(world: &World, now: Moment, role: &Role, action: &str, resource: &str) -> Result<(), Denial> {
    let who = Who::Session { role: &role.arn, session: &role.session };
    world.iam.authorize(now, who, action, resource, &Context::new(), None)
}
