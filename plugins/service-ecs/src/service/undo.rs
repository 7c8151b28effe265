//! Taking back what this run changed of a service.

use aws_sdk_ecs::{
    operation::update_service::builders::UpdateServiceFluentBuilder, types::Service as EcsService,
};
use longshore_aws::{Freshness, Ownership, failure};
use longshore_model::{Action, Failure, FailureKind, StepPlan};
use longshore_plugin::{Context, Result, stuck};

use super::{
    ServiceStep,
    options::Changed,
    step::{NoWayBack, is_active},
    stop::Stopped,
    target::{Replaced, Target},
};
use crate::{
    follow::{Expect, WAY_BACK},
    reads::count,
    role, tags,
};

/// The origin of a request to go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The user: if its rollout fails, the service returns to what ran before.
    ByUser,
    /// A run that takes back its own change.
    ByRun,
}

impl ServiceStep {
    /// A service that was made goes again, and one that was changed goes back to its revision, its images, its number of
    /// tasks and its settings; its rollout is followed.
    pub(super) async fn take_back(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        match plan.action {
            Action::NoChange => Ok(()),
            Action::Create => self.removal().run(context).await,
            // Not the same service any more: it was deleted and made anew.
            Action::Replace | Action::Delete => Err(stuck(plan.action, &plan.resource)),
            action => {
                let before = context.kept::<EcsService>().ok_or_else(|| stuck(action, &plan.resource))?;
                // It was tried as soon as the rollout had failed.
                if let Some(NoWayBack(failure)) = context.kept() {
                    return Err(failure);
                }
                let target = self.target(before).await?;
                let restored = self.restore_to(context, &target, Asked::ByRun).await;
                restored.map_err(|failure| Failure {
                    help: failure.help.or_else(|| Some(self.look())),
                    ..failure
                })
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
        let (definition, _) = self.task_definition(revision).await?;
        self.require_role(revision, definition.execution_role_arn()).await
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

    /// Changes the service to be as the target, its tags included, and follows its rollout. ECS's own rollback is preferred,
    /// because it brings the images back that ran: any other deployment resolves the tags anew.
    pub(super) async fn restore_to(&self, context: &Context, to: &Target, asked: Asked) -> Result<()> {
        let Some(now) = self.observe(Freshness::Now).await?.filter(is_active) else { return Ok(()) };
        self.require_ours(&Ownership::of(context), &now)?;
        let refusal = match self.stop_rollout(context, &now, to).await? {
            Stopped::RolledBack => return self.restore_settings(context, &to.state).await,
            Stopped::No => None,
            Stopped::Refused(failure) => {
                context.progress(format!("ECS does not stop the deployment: {}", failure.message));
                Some(failure)
            }
        };
        let now = self.observe(Freshness::Now).await?.unwrap_or(now);
        let replaced = self.replaced(&now, to).await?;
        if begins_deployment(&to.state, &now) || !replaced.is_empty() {
            return self.redeploy(context, to, replaced, asked).await;
        }
        match refusal {
            Some(refusal) => Err(refusal),
            None => self.restore_settings(context, &to.state).await,
        }
    }

    /// Restores the number of tasks, the settings and the tags of a service that runs the right service revision.
    pub(super) async fn restore_settings(&self, context: &Context, before: &EcsService) -> Result<()> {
        let Some(now) = self.observe(Freshness::Now).await?.filter(is_active) else { return Ok(()) };
        let options = Changed::between(before, &now).of_next_tasks();
        // A count that is not declared was not changed by this run: if it differs, it was scaled meanwhile.
        let desired = self.service.desired_count.map(|_| before.desired_count);
        let is_same = !options.any()
            && desired.is_none_or(|desired| now.desired_count == desired)
            && now.deployment_configuration == before.deployment_configuration;
        let arn = now.service_arn().unwrap_or_default();
        if is_same {
            return tags::restore(&self.aws, arn, before.tags(), now.tags()).await;
        }
        let call = options.restore(before, self.update(desired, before).await?);
        let answer = call.send().await.map_err(|error| failure(&error, self.at("UpdateService")))?;
        tags::restore(&self.aws, arn, before.tags(), now.tags()).await?;
        let Some(service) = answer.service else { return Ok(()) };
        let timeout = self.service.deployment.timeout.max(WAY_BACK);
        self.follow(context, service, Expect::Current, desired.map(count), timeout, false).await?;
        Ok(())
    }

    /// The call that gives the service the deployment settings of a state, and so many tasks.
    async fn update(&self, desired: Option<i32>, state: &EcsService) -> Result<UpdateServiceFluentBuilder> {
        let call = self.aws.ecs().await?.update_service().cluster(&self.service.cluster);
        let call = call.service(&self.service.name).set_desired_count(desired);
        Ok(call.set_deployment_configuration(state.deployment_configuration.clone()))
    }

    /// Deploys the target anew. Images that are known to be `replaced` are pinned from the start, and others once ECS has
    /// resolved their tags to other digests than those that ran.
    async fn redeploy(
        &self,
        context: &Context,
        to: &Target,
        mut replaced: Replaced,
        asked: Asked,
    ) -> Result<()> {
        let mut state = to.state.clone();
        loop {
            let is_pinned = !replaced.is_empty();
            if is_pinned {
                state.task_definition = Some(self.register_pinned(context, to, &replaced).await?);
            } else if let Some(revision) = state.task_definition() {
                self.require_execution_role(revision).await?;
            }
            let deployed = self.deploy_as(context, &state, asked).await;
            let now = self.observe(Freshness::Now).await?;
            if let Some(now) = now.filter(|now| !is_pinned && now.task_definition == state.task_definition) {
                replaced = self.replaced(&now, to).await?;
                if !replaced.is_empty() {
                    continue;
                }
            }
            return deployed;
        }
    }

    /// Updates the service to be as `state`, and follows the deployment that this begins.
    async fn deploy_as(&self, context: &Context, state: &EcsService, asked: Asked) -> Result<()> {
        let Some(now) = self.observe(Freshness::Now).await?.filter(is_active) else { return Ok(()) };
        context.progress("going back to what ran before");
        let known = self.known_deployments(Some(&now)).await?;
        let desired = self.service.desired_count.map(|_| state.desired_count);
        let call = self
            .update(desired, state)
            .await?
            .set_task_definition(state.task_definition.clone())
            .set_network_configuration(state.network_configuration.clone());
        let call = Changed::between(state, &now).restore(state, call);
        let answer = call.send().await.map_err(|error| failure(&error, self.at("UpdateService")))?;
        // Before it is followed: from here on ECS goes back by itself, whether anybody sees the end of it or not.
        let arn = now.service_arn().unwrap_or_default();
        tags::restore(&self.aws, arn, state.tags(), now.tags()).await?;
        let Some(service) = answer.service else { return Ok(()) };
        let expect = Expect::New(known);
        match asked {
            Asked::ByUser => self.follow_or_go_back(context, service, expect, None).await?,
            Asked::ByRun => {
                let timeout = self.timeout_for(&service, WAY_BACK);
                self.follow(context, service, expect, desired.map(count), timeout, false).await?
            }
        };
        Ok(())
    }
}

/// Returns true if the change from one state of a service to the other begins a deployment.
pub(super) fn begins_deployment(one: &EcsService, other: &EcsService) -> bool {
    one.task_definition != other.task_definition
        || one.network_configuration != other.network_configuration
        || Changed::between(one, other).replaces_tasks()
}
