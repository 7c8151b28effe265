//! The step.

use async_trait::async_trait;
use longshore_aws::{Aws, Owner, Ownership, load_balancing::address};
use longshore_model::{Action, Failure, FailureKind, Inputs, Outputs, StepPlan};
use longshore_plugin::{Context, Result, Step};

use super::{
    DNS_NAME, HOSTED_ZONE_ID, LISTENER_ARN, SECURITY_GROUP, TARGET_SECURITY_GROUP,
    api::Balancer,
    difference,
    observed::{Observed, Surroundings, require, target_group},
    options::Options,
    write::require_removable,
};
use crate::{
    LOAD_BALANCER_ARN, URL,
    api::{Api, pairs},
    network::Network,
};

/// A load balancer with its listeners and its security groups.
pub(crate) struct LoadBalancerStep {
    pub(crate) aws: Aws,
    pub(crate) options: Options,
    /// The name of the load balancer and of its security group.
    pub(crate) name: String,
}

/// A load balancer as people know it.
pub(crate) fn resource(name: &str) -> String {
    format!("load balancer {name}")
}

impl LoadBalancerStep {
    pub(crate) fn api(&self) -> Api<'_> {
        Api(&self.aws)
    }

    pub(crate) fn network(&self) -> Network<'_> {
        Network(&self.aws)
    }

    pub(crate) fn resource(&self) -> String {
        resource(&self.name)
    }

    pub(crate) async fn observe(&self, context: &Context, vpc: Option<&str>) -> Result<Observed> {
        Observed::read(&self.aws, &Ownership::of(context), &self.name, vpc).await
    }

    pub(crate) fn require(&self, context: &Context, vpc: &str, observed: &Observed) -> Result<()> {
        require(observed, &self.options, context, vpc, &self.name)
    }

    /// The address at which the listener takes requests.
    pub(crate) fn url(&self, balancer: &Balancer) -> String {
        address(self.options.protocol(), &self.options.port.to_string(), &balancer.dns_name, None)
    }

    /// Adds the outputs that stay when the load balancer is changed in place.
    fn known(
        &self,
        mut plan: StepPlan,
        ownership: &Ownership,
        around: &Surroundings,
        observed: &Observed,
    ) -> StepPlan {
        let Some(balancer) = &observed.balancer else { return plan };
        plan = plan
            .output(LOAD_BALANCER_ARN, balancer.arn.as_str())
            .output(DNS_NAME, balancer.dns_name.as_str())
            .output(HOSTED_ZONE_ID, balancer.hosted_zone.as_str())
            .output(URL, self.url(balancer));
        if let Some(listener) = observed.listener(&self.options, ownership) {
            plan = plan.output(LISTENER_ARN, listener.arn.as_str());
        }
        let groups = difference::groups(&self.options, around, &self.name, observed);
        let Some(first) = groups.as_ref().and_then(|groups| groups.first()) else { return plan };
        plan = plan.output(SECURITY_GROUP, first.as_str());
        let targets = target_group(&self.options, &self.name, Some(first));
        match targets.and_then(|targets| observed.group(&targets, &around.vpc)) {
            Some(targets) => plan.output(TARGET_SECURITY_GROUP, targets.id.as_str()),
            None => plan,
        }
    }

    fn noted(&self, mut plan: StepPlan) -> StepPlan {
        plan.notes.extend(difference::note(&self.options));
        plan
    }
}

#[async_trait]
impl Step for LoadBalancerStep {
    async fn plan(&self, context: &Context, inputs: &Inputs) -> Result<StepPlan> {
        let ownership = Ownership::of(context).except(&self.options.tags);
        let (options, name) = (&self.options, self.name.as_str());
        let Some(around) = Surroundings::read(&self.aws, options, inputs).await? else {
            let plan = StepPlan::new(Action::Create, self.resource());
            let changes = difference::of_new(options, None, name, &Observed::default(), &ownership);
            return Ok(self.noted(plan.changes(changes)));
        };
        let observed = self.observe(context, Some(&around.vpc)).await?;
        self.require(context, &around.vpc, &observed)?;
        let Some(balancer) = &observed.balancer else {
            let plan = StepPlan::new(Action::Create, self.resource());
            let changes = difference::of_new(options, Some(&around), name, &observed, &ownership);
            return Ok(self.noted(plan.changes(changes)));
        };
        let replaced = difference::unchangeable(options, &around, balancer);
        if !replaced.is_empty() {
            require_removable(self.api(), context, balancer, &observed.listeners).await?;
            let fields: Vec<&str> = replaced.iter().map(|change| change.field.as_str()).collect();
            let mut plan = StepPlan::new(Action::Replace, self.resource());
            plan.reason = Some(format!("cannot be changed in place: {}", fields.join(", ")));
            return Ok(self.noted(plan.changes(replaced)));
        }
        let changes = difference::in_place(options, &around, &ownership, name, balancer, &observed);
        let action = if changes.is_empty() {
            Action::NoChange
        } else {
            ownership.action(pairs(&balancer.tags), Action::Update)
        };
        let plan = StepPlan::new(action, self.resource()).changes(changes);
        let plan = if plan.is_change() { self.noted(plan) } else { plan };
        Ok(self.known(plan, &ownership, &around, &observed))
    }

    async fn apply(&self, context: &Context, inputs: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        let around = Surroundings::read(&self.aws, &self.options, inputs).await?.ok_or_else(|| {
            let message = "the subnets or security groups are not known although the steps before have ended";
            Failure::new(FailureKind::Internal, message)
        })?;
        self.make(context, &around, plan).await
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        let mut plan = StepPlan::new(Action::NoChange, self.resource());
        let ownership = Ownership::of(context);
        let observed = self.observe(context, None).await?;
        if !observed.own_groups(&ownership).is_empty() {
            plan.action = Action::Delete;
        }
        match &observed.balancer {
            Some(balancer) if ownership.owner(pairs(&balancer.tags)) == Owner::Ours => {
                require_removable(self.api(), context, balancer, &observed.listeners).await?;
                plan.action = Action::Delete;
            }
            Some(_) => plan.notes.push("stays, because this stack does not own it".to_owned()),
            None => {}
        }
        Ok(plan)
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        let observed = self.observe(context, None).await?;
        self.delete(context, &observed).await
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        self.take_back(context, plan).await
    }
}
