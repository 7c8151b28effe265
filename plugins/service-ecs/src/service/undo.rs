//! Taking back what this run changed of a service.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::Service as EcsService;
use longshore_aws::{Freshness, Ownership, failure};
use longshore_model::{Action, Failure, FailureKind, StepPlan};
use longshore_plugin::{Context, Result, stuck};

use super::{ServiceStep, options::Changed, step::is_active};
use crate::{
    follow::{Expect, WAY_BACK},
    reads::count,
    role, tags,
};

impl ServiceStep {
    /// A service that was made goes again, and one that was changed goes back to its revision, its number of tasks and its
    /// settings; its rollout is followed.
    pub(super) async fn take_back(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        match plan.action {
            Action::NoChange => Ok(()),
            Action::Create => self.removal().run(context).await,
            // Not the same service any more: it was deleted and made anew.
            Action::Replace | Action::Delete => Err(stuck(plan.action, &plan.resource)),
            action => {
                let before =
                    self.before.of(&self.service.name).ok_or_else(|| stuck(action, &plan.resource))?;
                // It was tried as soon as the rollout had failed.
                if let Some(failure) = self.no_way_back.get() {
                    return Err(failure.clone());
                }
                self.restore_to(context, before).await.map_err(|failure| Failure {
                    help: failure.help.or_else(|| Some(self.look())),
                    ..failure
                })?;
                self.require_images(plan).await
            }
        }
    }

    pub(super) fn look(&self) -> String {
        let (cluster, name) = (&self.service.cluster, &self.service.name);
        format!("look at it with `aws ecs describe-services --cluster {cluster} --services {name}`")
    }

    /// Makes sure that tasks of a revision can start: the run may have replaced the execution role that it names. A role
    /// comes back after what uses it, if it does.
    pub(super) async fn require_execution_role(&self, revision: &str) -> Result<()> {
        let client = self.aws.ecs().await?;
        let answer = client.describe_task_definition().task_definition(revision).send().await;
        let answer = answer.map_err(|error| failure(&error, self.at("DescribeTaskDefinition")))?;
        let role = answer.task_definition.and_then(|revision| revision.execution_role_arn);
        self.require_role(revision, role.as_deref()).await
    }

    /// The same of a revision whose execution role is known.
    pub(super) async fn require_role(&self, revision: &str, role: Option<&str>) -> Result<()> {
        let Some(arn) = role else { return Ok(()) };
        if !role::is_missing(&self.aws, arn).await {
            return Ok(());
        }
        let revision = revision.rsplit('/').next().unwrap_or(revision);
        let message = format!(
            "the service cannot go back to {revision}: its execution role {arn} is not there any more, and no task would \
             start"
        );
        Err(Failure::new(FailureKind::Stuck, message)
            .at(format!("iam:GetRole {}", role::name_of(arn)))
            .help("correct what failed and run `longshore deploy` to go on from here"))
    }

    /// Changes the service to be as it was `before`, its tags included, and follows its rollout.
    pub(super) async fn restore_to(&self, context: &Context, before: EcsService) -> Result<()> {
        let Some(now) = self.observe(Freshness::Now).await?.filter(is_active) else { return Ok(()) };
        self.require_ours(&Ownership::of(context), &now)?;
        let options = Changed::between(&before, &now);
        // A count that is not declared was not changed by this run: if it differs, it was scaled meanwhile.
        let is_counted = self.service.desired_count.is_some();
        let is_same = !options.any()
            && now.task_definition == before.task_definition
            && (!is_counted || now.desired_count == before.desired_count)
            && now.network_configuration == before.network_configuration
            && now.deployment_configuration == before.deployment_configuration;
        let arn = now.service_arn().unwrap_or_default();
        if is_same {
            return tags::restore(&self.aws, arn, before.tags(), now.tags()).await;
        }
        let begins = begins_deployment(&before, &now);
        if let Some(revision) = before.task_definition.as_ref().filter(|_| begins) {
            self.require_execution_role(revision).await?;
        }
        context.progress("going back to what ran before");
        let known = if begins { self.known_deployments(Some(&now)).await? } else { BTreeSet::new() };
        let call = self
            .aws
            .ecs()
            .await?
            .update_service()
            .cluster(&self.service.cluster)
            .service(&self.service.name)
            .set_task_definition(before.task_definition.clone())
            .set_desired_count(is_counted.then_some(before.desired_count))
            .set_network_configuration(before.network_configuration.clone())
            .set_deployment_configuration(before.deployment_configuration.clone());
        let call = options.restore(&before, call);
        let answer = call.send().await.map_err(|error| failure(&error, self.at("UpdateService")))?;
        // Before it is followed: from here on ECS goes back by itself, whether anybody sees the end of it or not.
        tags::restore(&self.aws, arn, before.tags(), now.tags()).await?;
        let Some(service) = answer.service else { return Ok(()) };
        let expect = if begins { Expect::New(known) } else { Expect::Current };
        let desired = is_counted.then(|| count(before.desired_count));
        let timeout = self.service.deployment.timeout.max(WAY_BACK);
        self.follow(context, service, expect, desired, timeout, false).await?;
        Ok(())
    }
}

/// Returns true if the change from one state of a service to the other begins a deployment.
pub(super) fn begins_deployment(one: &EcsService, other: &EcsService) -> bool {
    one.task_definition != other.task_definition
        || one.network_configuration != other.network_configuration
        || Changed::between(one, other).replaces_tasks()
}
