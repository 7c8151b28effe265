//! Taking a service back to an earlier revision, as it was asked for.

use async_trait::async_trait;
use aws_sdk_ecs::types::Service as EcsService;
use longshore_aws::{Freshness, Ownership};
use longshore_model::{Action, Effect, Failure, FailureKind, FieldChange, Inputs, Outputs, Shown, StepPlan};
use longshore_plugin::{Context, Result, Step};

use super::{
    SERVICE_ARN, ServiceStep,
    earlier::Earlier,
    network::Placement,
    step::is_active,
    target::{self, Replaced, Target},
    undo::Asked,
};
use crate::{follow::Expect, planned, revision, task_definition::revision_of};

/// Takes a service back to an earlier revision.
pub(crate) struct RollbackStep {
    service: ServiceStep,
    /// The family of its task definition.
    family: String,
    /// The revision that was named; otherwise the one before.
    to: Option<String>,
}

impl RollbackStep {
    /// Returns the step that takes a service back to a revision of `family`: the one that `to` names, or the one before.
    pub(crate) fn new(service: ServiceStep, family: String, to: Option<&str>) -> Self {
        Self { service, family, to: to.map(str::to_owned) }
    }
}

impl ServiceStep {
    /// The service, if it is there and the stack's.
    ///
    /// # Errors
    /// When it is not.
    pub(super) async fn running(&self, context: &Context, freshness: Freshness) -> Result<EcsService> {
        let Some(service) = self.observe(freshness).await?.filter(is_active) else {
            let message = format!("the {} is not there", self.resource());
            let failure = Failure::new(FailureKind::NotFound, message).at(self.at("DescribeServices"));
            return Err(failure.help("`longshore deploy` makes it"));
        };
        self.require_ours(&Ownership::of(context), &service)?;
        Ok(service)
    }

    /// Follows a deployment of what is asked for, with as many tasks as the service has.
    pub(super) async fn follow_asked(
        &self,
        context: &Context,
        service: EcsService,
        expect: Expect,
    ) -> Result<Outputs> {
        self.follow_or_go_back(context, service, expect, None).await
    }
}

/// Returns the effect of a deployment on the tasks of a service.
pub(super) const fn effect(service: &EcsService) -> Effect {
    if service.desired_count > 0 { Effect::RollingUpdate } else { Effect::None }
}

/// Returns the differences between a service and an earlier revision.
fn changes(service: &EcsService, earlier: &Earlier, replaced: &Replaced) -> Vec<FieldChange> {
    let running = revision::running(service).unwrap_or_default();
    let mut changes = Vec::new();
    if running != earlier.arn {
        let shown = |arn: &str| Some(Shown::text(revision_of(arn)));
        changes.push(FieldChange::new("taskDefinition", shown(running), shown(&earlier.arn)));
    }
    let vpc = service.network_configuration().and_then(|network| network.awsvpc_configuration());
    let other = earlier.network.as_ref().and_then(|network| network.awsvpc_configuration());
    if let Some((vpc, other)) = vpc.zip(other) {
        changes.extend(Placement::of(vpc).changes_to(&Placement::of(other)));
    }
    changes.extend(target::changes(replaced));
    changes
}

impl Earlier {
    /// Returns the state of `service` once it has gone back.
    fn target(&self, service: &EcsService) -> Target {
        let mut state = service.clone();
        state.task_definition = Some(self.arn.clone());
        state.network_configuration = self.network.clone().or(state.network_configuration);
        // The note names the revision that runs now, so it is removed: the next plan then reads the running one.
        state.tags = Some(revision::with_note_of(service.tags(), &[]));
        Target { state, revision: self.revision.clone() }
    }
}

#[async_trait]
impl Step for RollbackStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        let service = self.service.running(context, Freshness::Planned).await?;
        let ownership = Ownership::of(context);
        let running = revision::running(&service).unwrap_or_default();
        let found = match &self.to {
            Some(named) => Some(self.service.named(&self.family, named, &ownership).await?),
            None => self.service.previous(&self.family, &service, &ownership).await?,
        };
        let Some(earlier) = found else {
            let message = format!("there is no earlier revision of {} to go back to", revision_of(running));
            let failure = Failure::new(FailureKind::NotFound, message);
            return Err(failure.at(self.service.at("ListServiceDeployments")));
        };
        let target = earlier.target(&service);
        let replaced = self.service.replaced(&service, &target).await?;
        let changes = changes(&service, &earlier, &replaced);
        let is_rolling_out = self.service.rollout_to_stop(&service, &target).await?.is_some();
        let mut plan = StepPlan::new(Action::Update, self.service.resource());
        if changes.is_empty() && !is_rolling_out {
            plan.action = Action::NoChange;
            plan.notes.push(format!("the service runs {} already", revision_of(&earlier.arn)));
            return Ok(plan);
        }
        plan.effect = effect(&service);
        if is_rolling_out {
            plan.notes.push("ECS stops the deployment in progress and rolls it back".to_owned());
        } else if !replaced.is_empty() {
            plan.notes.push(
                "registers a revision of the task definition that names the images which ran by their digests: their \
                 tags name others by now"
                    .to_owned(),
            );
        }
        plan.reason = Some(format!("back to {}: {}", revision_of(&earlier.arn), earlier.reason));
        context.keep(earlier);
        Ok(plan.changes(changes))
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        let step = &self.service;
        let service = step.running(context, Freshness::Now).await?;
        let not_planned = || Failure::new(FailureKind::Internal, "it was not planned");
        let earlier: Earlier = context.kept().ok_or_else(not_planned)?;
        let target = earlier.target(&service);
        let replaced = step.replaced(&service, &target).await?;
        planned::still(plan, &changes(&service, &earlier, &replaced))
            .map_err(|failure| failure.at(step.resource()))?;
        context.keep_first(|| service.clone());
        step.restore_to(context, &target, Asked::ByUser).await?;
        Ok([(SERVICE_ARN.to_owned(), service.service_arn.unwrap_or_default())].into())
    }

    async fn plan_removal(&self, _context: &Context) -> Result<StepPlan> {
        Ok(StepPlan::new(Action::NoChange, self.service.resource()))
    }

    async fn remove(&self, _context: &Context) -> Result<()> {
        Ok(())
    }
}
