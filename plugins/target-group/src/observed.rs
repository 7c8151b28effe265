//! The actual state of a step: the listener that it needs, its target group and its rule.

use longshore_aws::{Owner, Ownership, RESOURCE_TAG};
use longshore_model::{Failure, FailureKind, Inputs, Text};
use longshore_plugin::{Context, Result};

use crate::{
    api::{Api, Group, Listener, LoadBalancer, pairs},
    network::Network,
    options::Options,
    rule::Rule,
};

/// The listener, and what it belongs to.
pub(crate) struct Surroundings {
    pub(crate) arn: String,
    pub(crate) listener: Listener,
    pub(crate) load_balancer: LoadBalancer,
    /// The VPC of the target group.
    pub(crate) vpc: String,
}

impl Surroundings {
    /// Looks at the listener. `None` if its ARN is known only after apply.
    pub(crate) async fn read(api: Api<'_>, options: &Options, inputs: &Inputs) -> Result<Option<Self>> {
        let Some(arn) = options.listener.value(inputs) else { return Ok(None) };
        let missing = |what: &str, id: &str, help: &str| {
            Failure::new(FailureKind::NotFound, format!("there is no {what} {id}")).help(help)
        };
        let listener = api.listener(arn).await?.ok_or_else(|| {
            missing("listener", arn, "set `listener` to the ARN of a listener in the region of the stack")
                .at("elasticloadbalancing:DescribeListeners")
        })?;
        let load_balancer = api.load_balancer(&listener.load_balancer).await?.ok_or_else(|| {
            missing("load balancer", &listener.load_balancer, "run this again: it has just been deleted")
                .at("elasticloadbalancing:DescribeLoadBalancers")
        })?;
        let vpc = match &options.vpc {
            None => load_balancer.vpc.clone(),
            Some(vpc) => match vpc.value(inputs) {
                None => return Ok(None),
                Some(vpc) if vpc == load_balancer.vpc => vpc.to_owned(),
                Some(vpc) if Network(api.0).has_vpc(vpc).await? => {
                    let message =
                        format!("the VPC {vpc} is not that of the load balancer, {}", load_balancer.vpc);
                    return Err(Failure::new(FailureKind::Invalid, message)
                        .at("elasticloadbalancing:DescribeLoadBalancers")
                        .help("remove `vpc`: the load balancer's is the default"));
                }
                Some(vpc) => {
                    let help = "remove `vpc`: the load balancer's is the default";
                    return Err(missing("VPC", vpc, help).at("ec2:DescribeVpcs"));
                }
            },
        };
        Ok(Some(Self { arn: arn.to_owned(), listener, load_balancer, vpc }))
    }
}

/// The target group and the rules of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) group: Option<Group>,
    /// The rule on the declared listener.
    pub(crate) rule: Option<Rule>,
    /// Rules on other listeners: the declaration has named these before.
    pub(crate) strays: Vec<Rule>,
}

impl Observed {
    /// Looks at the target group `name`, and at the rules on `listener` and on those of the group's load balancers.
    pub(crate) async fn read(
        api: Api<'_>,
        context: &Context,
        name: &str,
        listener: Option<&str>,
    ) -> Result<Self> {
        let ownership = Ownership::of(context);
        let group = api.group(name).await?;
        let is_own = |rule: &Rule| {
            ownership.owner(pairs(&rule.tags)) == Owner::Ours
                && rule.tags.get(RESOURCE_TAG).map(String::as_str) == Some(context.step.as_str())
        };
        let is_adoptable = |rule: &Rule| {
            ownership.owner(pairs(&rule.tags)) == Owner::Nobody
                && ownership.is_ours_or_adopted(pairs(&rule.tags))
                && group.as_ref().is_some_and(|group| rule.forwards == [group.arn.clone()])
        };
        let (mut rule, mut strays) = (None, Vec::new());
        if let Some(listener) = listener {
            let rules = api.rules(listener).await?;
            let found = rules.iter().find(|rule| is_own(rule));
            rule = found.or_else(|| rules.iter().find(|rule| is_adoptable(rule))).cloned();
        }
        for load_balancer in group.iter().flat_map(|group| &group.load_balancers) {
            for other in api.listeners_of(load_balancer).await? {
                if Some(other.as_str()) != listener {
                    strays.extend(api.rules(&other).await?.into_iter().filter(is_own));
                }
            }
        }
        Ok(Self { group, rule, strays })
    }

    /// All rules.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rule.iter().chain(&self.strays)
    }
}

/// The listener as far as the declaration alone tells it.
pub(crate) fn literal(options: &Options) -> Option<&str> {
    match &options.listener {
        Text::Literal(arn) => Some(arn),
        Text::Reference(_) => None,
    }
}
