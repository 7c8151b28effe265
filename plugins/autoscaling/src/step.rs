//! The step.

use std::time::Duration;

use async_trait::async_trait;
use longshore_aws::{
    Aws, Freshness, Owner, Ownership,
    wait::{Patience, Probe, until},
};
use longshore_model::{Action, Effect, Failure, FailureKind, Inputs, Outputs, StepPlan};
use longshore_plugin::{Context, Result, Step};

use crate::{
    SCALABLE_TARGET_ARN, SERVICE_ARN,
    api::{Api, POLICIES, Target, pairs, text},
    declared::Declared,
    difference::{Difference, of_others},
    observed::Observed,
    options::{Options, PREFIX},
    policy_arn,
};

/// The scalable target of a service.
pub(crate) struct AutoScalingStep {
    pub(crate) aws: Aws,
    pub(crate) options: Options,
    /// The service: `service/CLUSTER/SERVICE`.
    pub(crate) resource: String,
    /// For how long tasks may take to start.
    pub(crate) timeout: Duration,
    /// Notes on the declaration.
    pub(crate) notes: Vec<String>,
}

/// A scalable target as people know it.
pub(crate) fn title(resource: &str) -> String {
    format!("scalable target {}", resource.strip_prefix("service/").unwrap_or(resource))
}

impl AutoScalingStep {
    pub(crate) fn api(&self) -> Api<'_> {
        Api(&self.aws)
    }

    pub(crate) async fn observe(&self) -> Result<Option<Observed>> {
        Observed::read(self.api(), &self.resource).await
    }

    pub(crate) fn require(&self, ownership: &Ownership, target: &Target) -> Result<()> {
        let rename = "remove this step";
        let required = ownership.require(title(&self.resource), rename, pairs(&target.tags));
        required.map_err(|failure| {
            failure.at(format!("application-autoscaling:ListTagsForResource {}", self.resource))
        })
    }

    pub(crate) fn require_unprotected(&self, ownership: &Ownership, target: &Target) -> Result<()> {
        let checked = ownership.require_unprotected(title(&self.resource), pairs(&target.tags));
        checked.map_err(|failure| {
            failure.at(format!("application-autoscaling:ListTagsForResource {}", self.resource))
        })
    }

    /// Returns true if the bounds of the target will change the count of the service.
    pub(crate) async fn scales(&self, freshness: Freshness) -> Result<bool> {
        Ok(self.tasks(freshness).await?.is_some_and(|(count, _)| !self.has_bounds(count)))
    }

    /// Waits until as many tasks run as AWS has set within the bounds.
    pub(crate) async fn follow(&self, context: &Context) -> Result<()> {
        let title = title(&self.resource);
        until(context, Patience::of(self.timeout), |_| async {
            let Some((count, running)) = self.tasks(Freshness::Now).await? else {
                return Ok(Probe::Done(()));
            };
            if self.has_bounds(count) && running >= count {
                return Ok(Probe::Done(()));
            }
            context.progress(format!("{running} of {count} tasks are running"));
            let message = format!("the {title} is registered, but {running} of {count} tasks are running");
            Ok(Probe::Again(
                Failure::new(FailureKind::Unavailable, message)
                    .at(format!("ecs:DescribeServices {}", self.resource))
                    .help(
                        "look at the service with `longshore status`: its events say why tasks do not start",
                    ),
            ))
        })
        .await
    }

    fn has_bounds(&self, count: i32) -> bool {
        u32::try_from(count).is_ok_and(|count| (self.options.min..=self.options.max).contains(&count))
    }

    /// The numbers of tasks that the service wants and that run.
    async fn tasks(&self, freshness: Freshness) -> Result<Option<(i32, i32)>> {
        let mut parts = self.resource.split('/').skip(1);
        let (Some(cluster), Some(name)) = (parts.next(), parts.next()) else { return Ok(None) };
        let service = self.aws.reads().service(cluster, name, freshness).await?;
        Ok(service.map(|service| (service.desired_count(), service.running_count())))
    }
}

#[async_trait]
impl Step for AutoScalingStep {
    async fn plan(&self, context: &Context, inputs: &Inputs) -> Result<StepPlan> {
        let ownership = Ownership::of(context);
        let declared = Declared::of(self.api(), &self.options, inputs).await?;
        // The target goes with a service that is replaced.
        let observed = match inputs.get(SERVICE_ARN).value() {
            Some(_) => self.observe().await?,
            None => None,
        };
        if let Some(observed) = &observed {
            self.require(&ownership, &observed.target)?;
        }
        let difference = Difference::of(&declared, observed.as_ref(), &ownership);
        let action = match &observed {
            None => Action::Create,
            Some(_) if difference.changes.is_empty() => Action::NoChange,
            Some(observed) => ownership.action(pairs(&observed.target.tags), Action::Update),
        };
        let mut plan = StepPlan::new(action, title(&self.resource));
        if difference.registers && self.scales(Freshness::Planned).await? {
            plan.effect = Effect::Scaling;
        }
        plan.notes.extend(self.notes.iter().cloned());
        if let Some(observed) = &observed {
            let others = of_others(&self.options, observed);
            let note = |other| format!("the {other} stays, because its name does not begin with `{PREFIX}`");
            plan.notes.extend(others.into_iter().map(note));
            plan = plan.output(SCALABLE_TARGET_ARN, observed.target.arn());
            for (label, input) in declared.items(POLICIES) {
                let name = POLICIES.name_of(input);
                let is_kept = !difference.deletes.iter().any(|(_, deleted)| deleted == name);
                if let Some(policy) = observed.item(POLICIES, name).filter(|_| is_kept) {
                    plan = plan.output(&policy_arn(label), text(policy, "PolicyARN"));
                }
            }
        }
        Ok(plan.changes(difference.changes))
    }

    async fn apply(&self, context: &Context, inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs> {
        self.make(context, inputs).await
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        let mut plan = StepPlan::new(Action::NoChange, title(&self.resource));
        let ownership = Ownership::of(context);
        let Some(observed) = self.observe().await? else { return Ok(plan) };
        if ownership.owner(pairs(&observed.target.tags)) != Owner::Ours {
            plan.notes.push("stays, because this stack does not own it".to_owned());
            return Ok(plan);
        }
        self.require_unprotected(&ownership, &observed.target)?;
        plan.action = Action::Delete;
        let note = |other| format!("AWS removes the {other} with it");
        plan.notes.extend(of_others(&self.options, &observed).into_iter().map(note));
        Ok(plan)
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        self.delete(context).await
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        self.take_back(context, plan).await
    }
}
