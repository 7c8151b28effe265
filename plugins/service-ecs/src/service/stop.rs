//! Stopping a service deployment: ECS rolls it back to the last service revision that was deployed with success, and
//! with it to the images that ran.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stop-service-deployment.html>

use aws_sdk_ecs::types::{
    Service as EcsService, ServiceDeploymentBrief, ServiceDeploymentStatus, StopServiceDeploymentStopType,
};
use longshore_aws::{Freshness, failure, is_blank, is_unsupported};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Result};

use super::{ServiceStep, options::Changed, target::Target};
use crate::follow::{Expect, WAY_BACK};

/// The result of stopping a rollout.
pub(super) enum Stopped {
    /// ECS has rolled back to the target.
    RolledBack,
    /// No rollout was going on whose rollback leads to the target.
    No,
    /// ECS has refused to stop it.
    Refused(Failure),
}

/// Returns true if ECS rolls a deployment in this state back when it is stopped.
const fn can_be_rolled_back(status: &ServiceDeploymentStatus) -> bool {
    matches!(
        status,
        ServiceDeploymentStatus::Pending
            | ServiceDeploymentStatus::InProgress
            | ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress
    )
}

/// Returns the service deployment whose rollback leads to the service revision `wanted`. ECS's rollbacks lead to the last
/// service revision that was deployed with success.
fn leading_to<'a>(briefs: &'a [ServiceDeploymentBrief], wanted: &str) -> Option<&'a str> {
    let newest = briefs.first()?;
    let is_successful =
        |brief: &&ServiceDeploymentBrief| brief.status == Some(ServiceDeploymentStatus::Successful);
    let last_success =
        briefs.iter().find(is_successful).and_then(|brief| brief.target_service_revision_arn());
    let is_going_on = newest.status.as_ref().is_some_and(can_be_rolled_back);
    let leads_there = newest.target_service_revision_arn() != Some(wanted)
        && last_success.is_none_or(|revision| revision == wanted);
    newest.service_deployment_arn().filter(|_| is_going_on && leads_there)
}

impl ServiceStep {
    /// Returns the service deployment that ECS would roll back to the target, if one is under way.
    pub(super) async fn rollout_to_stop(&self, now: &EcsService, to: &Target) -> Result<Option<String>> {
        let Some(wanted) = to.revision_arn() else { return Ok(None) };
        // This is no part of a service revision, and has to reach the tasks with a deployment of its own.
        if Changed::between(&to.state, now).execute_command {
            return Ok(None);
        }
        let briefs = self.reads().service_deployments().await?.unwrap_or_default();
        Ok(leading_to(&briefs, wanted).map(str::to_owned))
    }

    /// Stops the rollout that is going on, if ECS then rolls back to the target, and follows the rollback to its end.
    pub(super) async fn stop_rollout(
        &self,
        context: &Context,
        now: &EcsService,
        to: &Target,
    ) -> Result<Stopped> {
        let Some(arn) = self.rollout_to_stop(now, to).await? else { return Ok(Stopped::No) };
        let call = self.aws.ecs().await?.stop_service_deployment().service_deployment_arn(&arn);
        if let Err(error) = call.stop_type(StopServiceDeploymentStopType::Rollback).send().await {
            let failed = failure(&error, self.at("StopServiceDeployment"));
            let is_known =
                |error: &aws_sdk_ecs::operation::stop_service_deployment::StopServiceDeploymentError| {
                    error.is_conflict_exception()
                        || error.is_service_deployment_not_found_exception()
                        || error.is_unsupported_feature_exception()
                };
            let is_refused = failed.kind == FailureKind::Denied
                || is_unsupported(&error)
                || is_blank(&error)
                || error.as_service_error().is_some_and(is_known);
            return if is_refused { Ok(Stopped::Refused(failed)) } else { Err(failed) };
        }
        context.progress(format!("ECS stops the deployment and rolls back to {}", to.described()));
        let timeout = self.service.deployment.timeout.max(WAY_BACK);
        self.follow(context, now.clone(), Expect::Rollback(arn.clone()), None, timeout, false).await?;
        let ended = self.aws.reads().service_deployment(&arn, Freshness::Now).await?;
        let rollback = ended.as_ref().and_then(|deployment| deployment.rollback());
        let is_there = rollback.and_then(|rollback| rollback.service_revision_arn()) == to.revision_arn();
        Ok(if is_there { Stopped::RolledBack } else { Stopped::No })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(target: &str, status: ServiceDeploymentStatus) -> ServiceDeploymentBrief {
        ServiceDeploymentBrief::builder()
            .service_deployment_arn(format!("deployment of {target}"))
            .target_service_revision_arn(target)
            .status(status)
            .build()
    }

    #[test]
    fn only_rollouts_that_lead_to_the_target_are_stopped() {
        use ServiceDeploymentStatus as Status;
        let success = |target| brief(target, Status::Successful);
        for status in
            [Status::Pending, Status::InProgress, Status::RollbackRequested, Status::RollbackInProgress]
        {
            let briefs = [brief("c", status.clone()), success("b"), success("a")];
            assert_eq!(leading_to(&briefs, "b"), Some("deployment of c"), "{status}");
            assert_eq!(leading_to(&briefs, "a"), None, "{status}: ECS would roll back to b");
            assert_eq!(leading_to(&briefs, "c"), None, "{status}: it is what is wanted");
            assert_eq!(leading_to(&briefs[..1], "b"), Some("deployment of c"), "{status}: history is cut");
        }
        for status in [Status::StopRequested, Status::Stopped, Status::Successful, Status::RollbackFailed] {
            let briefs = [brief("c", status.clone()), success("b")];
            assert_eq!(leading_to(&briefs, "b"), None, "{status}");
        }
        assert_eq!(leading_to(&[], "b"), None);
    }
}
