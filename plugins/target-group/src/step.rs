//! The step.

use async_trait::async_trait;
use longshore_aws::{
    Aws, Owner, Ownership,
    load_balancing::{address, is_host},
};
use longshore_model::{Action, Failure, FailureKind, Inputs, Outputs, StepPlan};
use longshore_plugin::{Context, Result, Step};

use crate::{
    LISTENER_RULE_ARN, LOAD_BALANCER_ARN, TARGET_GROUP_ARN, URL,
    api::{Api, Group, pairs},
    difference,
    observed::{Observed, Surroundings, literal},
    options::Options,
};

/// A target group with the rule that forwards to it.
pub(crate) struct TargetGroupStep {
    pub(crate) aws: Aws,
    pub(crate) options: Options,
    /// The target group's name.
    pub(crate) name: String,
}

/// A target group as people know it.
pub(crate) fn resource(name: &str) -> String {
    format!("target group {name}")
}

impl TargetGroupStep {
    pub(crate) fn api(&self) -> Api<'_> {
        Api(&self.aws)
    }

    pub(crate) fn resource(&self) -> String {
        resource(&self.name)
    }

    pub(crate) fn require(&self, ownership: &Ownership, group: &Group) -> Result<()> {
        let rename = "set `name` of the step to another one";
        let required = ownership.require(format!("target group `{}`", self.name), rename, pairs(&group.tags));
        required.map_err(|failure| failure.at(format!("elasticloadbalancing:DescribeTags {}", group.arn)))
    }

    pub(crate) fn require_unprotected(&self, ownership: &Ownership, group: &Group) -> Result<()> {
        let checked = ownership.require_unprotected(self.resource(), pairs(&group.tags));
        checked.map_err(|failure| failure.at(format!("elasticloadbalancing:DescribeTags {}", group.arn)))
    }

    pub(crate) async fn observe(&self, context: &Context, listener: Option<&str>) -> Result<Observed> {
        Observed::read(self.api(), context, &self.name, listener).await
    }

    /// The address at which requests reach the targets.
    pub(crate) fn url(&self, around: &Surroundings) -> String {
        let of_field = |field: &str| {
            let mut conditions = self.options.conditions.iter();
            conditions.find(|condition| condition.field == field)?.values.first()
        };
        let host = of_field("host-header").filter(|host| is_host(host));
        let host = host.unwrap_or(&around.load_balancer.dns_name);
        let path = of_field("path-pattern").map(String::as_str);
        address(&around.listener.protocol, &around.listener.port, host, path)
    }

    fn known(&self, plan: StepPlan, around: &Surroundings) -> StepPlan {
        plan.output(LOAD_BALANCER_ARN, around.listener.load_balancer.as_str()).output(URL, self.url(around))
    }
}

#[async_trait]
impl Step for TargetGroupStep {
    async fn plan(&self, context: &Context, inputs: &Inputs) -> Result<StepPlan> {
        let ownership = Ownership::of(context);
        let Some(around) = Surroundings::read(self.api(), &self.options, inputs).await? else {
            let plan = StepPlan::new(Action::Create, self.resource());
            return Ok(plan.changes(difference::of_new(&self.options, None)));
        };
        let observed = self.observe(context, Some(&around.arn)).await?;
        let Some(group) = &observed.group else {
            let plan = StepPlan::new(Action::Create, self.resource());
            let plan = plan.changes(difference::of_new(&self.options, Some(&around)));
            return Ok(self.known(plan, &around));
        };
        self.require(&ownership, group)?;
        let replaced = difference::unchangeable(&self.options, &around, group);
        if !replaced.is_empty() {
            self.require_unprotected(&ownership, group)?;
            let fields: Vec<&str> = replaced.iter().map(|change| change.field.as_str()).collect();
            let mut plan = StepPlan::new(Action::Replace, self.resource());
            plan.reason = Some(format!("cannot be changed in place: {}", fields.join(", ")));
            return Ok(self.known(plan.changes(replaced), &around));
        }
        let changes = difference::in_place(&self.options, &around, &ownership, group, &observed);
        let action = if changes.is_empty() { Action::NoChange } else { Action::Update };
        let action = if changes.is_empty() { action } else { ownership.action(pairs(&group.tags), action) };
        let mut plan = StepPlan::new(action, self.resource()).changes(changes);
        plan = plan.output(TARGET_GROUP_ARN, group.arn.as_str());
        // A rule that moves to another listener is another one.
        if let Some(rule) = &observed.rule {
            plan = plan.output(LISTENER_RULE_ARN, rule.arn.as_str());
        }
        Ok(self.known(plan, &around))
    }

    async fn apply(&self, context: &Context, inputs: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        let around = Surroundings::read(self.api(), &self.options, inputs).await?.ok_or_else(|| {
            let message = "the listener or the VPC is not known although the steps before have ended";
            Failure::new(FailureKind::Internal, message)
        })?;
        let (group, rule) = self.make(context, &around, plan).await?;
        let outputs = [
            (TARGET_GROUP_ARN, group),
            (LISTENER_RULE_ARN, rule),
            (LOAD_BALANCER_ARN, around.listener.load_balancer.clone()),
            (URL, self.url(&around)),
        ];
        Ok(outputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        let mut plan = StepPlan::new(Action::NoChange, self.resource());
        let ownership = Ownership::of(context);
        let observed = self.observe(context, literal(&self.options)).await?;
        if observed.rules().next().is_some() {
            plan.action = Action::Delete;
        }
        match &observed.group {
            Some(group) if ownership.owner(pairs(&group.tags)) == Owner::Ours => {
                self.require_unprotected(&ownership, group)?;
                plan.action = Action::Delete;
            }
            Some(_) => plan.notes.push("stays, because this stack does not own it".to_owned()),
            None => {}
        }
        Ok(plan)
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        let observed = self.observe(context, literal(&self.options)).await?;
        self.delete(context, &observed).await
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        self.take_back(context, plan).await
    }
}
