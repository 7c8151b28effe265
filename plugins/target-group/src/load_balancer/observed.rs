//! The actual state of a step: the network that it needs, its load balancer, its listeners and its security groups.

use std::collections::{BTreeMap, BTreeSet};

use longshore_aws::{Aws, Owner, Ownership};
use longshore_model::{AFTER_APPLY, Failure, FailureKind, Inputs, Text};
use longshore_plugin::{Context, Result};

use super::{
    api::{Balancer, Listener},
    options::{Access, Options},
};
use crate::{
    api::{Api, Tags, pairs},
    network::{Network, Peer, Permission, SecurityGroup},
};

/// The tag with the value `true` of the listener that redirects to the one with TLS.
pub(super) const REDIRECT_TAG: &str = "longshore:redirect";

/// The network that a load balancer needs, and its certificate.
pub(crate) struct Surroundings {
    pub(crate) vpc: String,
    pub(crate) subnets: BTreeSet<String>,
    /// The ids of existing security groups, if the declaration names them.
    pub(crate) groups: Option<BTreeSet<String>>,
    pub(crate) certificate: Option<String>,
}

fn values<'a>(texts: impl IntoIterator<Item = &'a Text>, inputs: &'a Inputs) -> Option<Vec<&'a str>> {
    texts.into_iter().map(|text| text.value(inputs)).collect()
}

fn missing(what: &str, id: &str, option: &str, at: &str) -> Failure {
    let help = format!("set `{option}` to those that exist in the region of the stack");
    Failure::new(FailureKind::NotFound, format!("there is no {what} {id}")).at(at).help(help)
}

impl Surroundings {
    /// Looks at subnets and security groups. `None` if the id of one of them, or the certificate, is known only after apply.
    pub(crate) async fn read(aws: &Aws, options: &Options, inputs: &Inputs) -> Result<Option<Self>> {
        let named: &[Text] = match &options.access {
            Access::Existing(groups) => groups,
            Access::Made(_) => &[],
        };
        let known = values(&options.subnets, inputs)
            .zip(values(named, inputs))
            .zip(values(&options.certificate, inputs));
        let Some(((subnets, groups), certificate)) = known else { return Ok(None) };
        let vpc = vpc_of(Network(aws), &subnets).await?;
        let groups = match &options.access {
            Access::Existing(_) => Some(existing(Network(aws), &groups, &vpc).await?),
            Access::Made(_) => None,
        };
        Ok(Some(Self {
            vpc,
            subnets: subnets.into_iter().map(str::to_owned).collect(),
            groups,
            certificate: certificate.first().map(|arn| (*arn).to_owned()),
        }))
    }
}

/// Checks subnets, and returns their VPC.
async fn vpc_of(network: Network<'_>, ids: &[&str]) -> Result<String> {
    const AT: &str = "ec2:DescribeSubnets";
    let found = network.subnets(ids).await?;
    if let Some(id) = ids.iter().find(|id| !found.iter().any(|subnet| subnet.id == **id)) {
        return Err(missing("subnet", id, "subnets", AT));
    }
    let invalid =
        |message: String, help: &str| Err(Failure::new(FailureKind::Invalid, message).at(AT).help(help));
    let vpcs: BTreeSet<_> = found.iter().map(|subnet| subnet.vpc.as_str()).collect();
    let [vpc] = vpcs.iter().copied().collect::<Vec<_>>()[..] else {
        let vpcs = Vec::from_iter(vpcs).join(" and ");
        return invalid(format!("the subnets are in different VPCs: {vpcs}"), "name subnets of one VPC");
    };
    let mut by_zone: BTreeMap<&str, &str> = BTreeMap::new();
    for subnet in &found {
        if let Some(other) = by_zone.insert(&subnet.zone, &subnet.id) {
            let message = format!(
                "the subnets {other} and {} are in the same availability zone, {}",
                subnet.id, subnet.zone
            );
            return invalid(message, "name at least two subnets, each in an availability zone of its own");
        }
    }
    Ok(vpc.to_owned())
}

/// Checks existing security groups, and returns their ids.
async fn existing(network: Network<'_>, ids: &[&str], vpc: &str) -> Result<BTreeSet<String>> {
    const AT: &str = "ec2:DescribeSecurityGroups";
    let found = network.groups("group-id", ids).await?;
    for id in ids {
        let Some(group) = found.iter().find(|group| group.id == *id) else {
            return Err(missing("security group", id, "security-groups", AT));
        };
        if group.vpc != vpc {
            let message =
                format!("the security group {id} is in {}, and the subnets are in {vpc}", group.vpc);
            return Err(Failure::new(FailureKind::Invalid, message)
                .at(AT)
                .help("name security groups of the VPC of the subnets"));
        }
    }
    Ok(ids.iter().map(|id| (*id).to_owned()).collect())
}

/// A security group that the step makes.
#[derive(Clone, Debug)]
pub(crate) struct WantedGroup {
    pub(crate) name: String,
    /// The beginning of its fields in a plan.
    pub(crate) prefix: &'static str,
    pub(crate) description: String,
    pub(crate) ingress: BTreeSet<Permission>,
}

impl WantedGroup {
    /// The traffic that a group does not let in, without descriptions.
    pub(crate) fn missing(&self, group: &SecurityGroup) -> Vec<(&Permission, Option<&str>)> {
        let missing = self.ingress.iter().filter(|permission| !group.ingress.contains_key(*permission));
        missing.map(|permission| (permission, None)).collect()
    }
}

/// The name of the group for targets.
pub(super) fn name_of_targets(name: &str) -> String {
    format!("{name}-targets")
}

/// The group of the load balancer. `None` if the declaration names existing ones.
pub(crate) fn front_group(options: &Options, name: &str) -> Option<WantedGroup> {
    let Access::Made(blocks) = &options.access else { return None };
    let of_port = |port: u32| blocks.iter().map(move |block| Permission::tcp(port, Peer::block(block)));
    Some(WantedGroup {
        name: name.to_owned(),
        prefix: "",
        description: format!("Requests to the load balancer {name}"),
        ingress: options.ports().into_iter().flat_map(of_port).collect(),
    })
}

/// The group for targets of a load balancer with the group `front`, if the step makes it.
pub(crate) fn target_group(options: &Options, name: &str, front: Option<&str>) -> Option<WantedGroup> {
    let Access::Made(_) = &options.access else { return None };
    let front = front.unwrap_or(AFTER_APPLY).to_owned();
    Some(WantedGroup {
        name: name_of_targets(name),
        prefix: "targets.",
        description: format!("Requests from the load balancer {name}"),
        ingress: [Permission::all_tcp(Peer::Group(front))].into(),
    })
}

/// The resources of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) balancer: Option<Balancer>,
    /// All listeners of the load balancer, by port.
    pub(crate) listeners: Vec<Listener>,
    /// Security groups with the names of those that the step makes: the stack's own, and those of others in the VPC.
    pub(crate) groups: Vec<SecurityGroup>,
}

impl Observed {
    /// Looks at the load balancer `name` and at the groups of that name, in `vpc` if they belong to others.
    pub(crate) async fn read(
        aws: &Aws,
        ownership: &Ownership,
        name: &str,
        vpc: Option<&str>,
    ) -> Result<Self> {
        let balancer = Api(aws).balancer(name).await?;
        let listeners = match &balancer {
            Some(balancer) => Api(aws).listeners(&balancer.arn).await?,
            None => Vec::new(),
        };
        let mut groups = Network(aws).groups("group-name", &[name, &name_of_targets(name)]).await?;
        groups.retain(|group| {
            Some(group.vpc.as_str()) == vpc || ownership.owner(pairs(&group.tags)) == Owner::Ours
        });
        Ok(Self { balancer, listeners, groups })
    }

    /// The group that the step makes, if it is there.
    pub(crate) fn group(&self, wanted: &WantedGroup, vpc: &str) -> Option<&SecurityGroup> {
        self.groups.iter().find(|group| group.name == wanted.name && group.vpc == vpc)
    }

    /// The stack's own groups that the declaration does not need any more: those for targets first.
    pub(crate) fn leftovers(
        &self,
        options: &Options,
        ownership: &Ownership,
        vpc: &str,
    ) -> Vec<&SecurityGroup> {
        let is_made = matches!(options.access, Access::Made(_));
        self.own_groups(ownership).into_iter().filter(|group| !is_made || group.vpc != vpc).collect()
    }

    /// The stack's own groups: those for targets, which refer to the others, first.
    pub(crate) fn own_groups(&self, ownership: &Ownership) -> Vec<&SecurityGroup> {
        let own = self.groups.iter().filter(|group| ownership.owner(pairs(&group.tags)) == Owner::Ours);
        let mut own: Vec<_> = own.collect();
        own.sort_by_key(|group| std::cmp::Reverse(group.name.len()));
        own
    }

    /// The listener that takes requests. It may be on another port than the declared one.
    pub(crate) fn listener(&self, options: &Options, ownership: &Ownership) -> Option<&Listener> {
        let own = |listener: &&Listener| {
            ownership.owner(pairs(&listener.tags)) == Owner::Ours && !is_redirect(&listener.tags)
        };
        let on_port = |listener: &&Listener| listener.port == options.port;
        let mut listeners = self.listeners.iter();
        let adoptable =
            |listener: &&Listener| on_port(listener) && ownership.is_ours_or_adopted(pairs(&listener.tags));
        listeners
            .clone()
            .find(|listener| own(listener) && on_port(listener))
            .or_else(|| listeners.clone().find(own))
            .or_else(|| listeners.find(|listener| adoptable(listener) && !is_redirect(&listener.tags)))
    }

    /// The listener that redirects to the one with TLS, although it may not be declared any more.
    pub(crate) fn redirect(&self, options: &Options, ownership: &Ownership) -> Option<&Listener> {
        let own = |listener: &&Listener| {
            ownership.owner(pairs(&listener.tags)) == Owner::Ours && is_redirect(&listener.tags)
        };
        let taken = self.listener(options, ownership).map(|listener| listener.arn.as_str());
        let adoptable = |listener: &&Listener| {
            Some(listener.port) == options.redirect_port()
                && Some(listener.arn.as_str()) != taken
                && ownership.is_ours_or_adopted(pairs(&listener.tags))
        };
        self.listeners.iter().find(own).or_else(|| self.listeners.iter().find(adoptable))
    }
}

fn is_redirect(tags: &Tags) -> bool {
    tags.get(REDIRECT_TAG).is_some_and(|value| value == "true")
}

/// The way out if a name is taken.
const RENAME: &str = "set `name` of the step to another one";

/// Checks that a security group may be changed.
pub(crate) fn require_group(ownership: &Ownership, group: &SecurityGroup) -> Result<()> {
    let what = format!("security group `{}`", group.name);
    let required = ownership.require(what, RENAME, pairs(&group.tags));
    required.map_err(|failure| failure.at(format!("ec2:DescribeSecurityGroups {}", group.id)))
}

/// Checks that all resources with the names of the step's may be changed, and that the ports are free.
pub(crate) fn require(
    observed: &Observed,
    options: &Options,
    context: &Context,
    vpc: &str,
    name: &str,
) -> Result<()> {
    let ownership = Ownership::of(context);
    if let Some(balancer) = &observed.balancer {
        let required = ownership.require(format!("load balancer `{name}`"), RENAME, pairs(&balancer.tags));
        required
            .map_err(|failure| failure.at(format!("elasticloadbalancing:DescribeTags {}", balancer.arn)))?;
        // Some emulators name no kind.
        if !["", "application"].contains(&balancer.kind.as_str()) {
            let message = format!("`{name}` is the name of a load balancer of the type {}", balancer.kind);
            let at = format!("elasticloadbalancing:DescribeLoadBalancers {}", balancer.arn);
            return Err(Failure::new(FailureKind::Conflict, message).at(at).help(RENAME));
        }
    }
    if let Access::Made(_) = options.access {
        for group in observed.groups.iter().filter(|group| group.vpc == vpc) {
            require_group(&ownership, group)?;
        }
    }
    let own = [observed.listener(options, &ownership), observed.redirect(options, &ownership)];
    let is_own = |listener: &Listener| own.iter().flatten().any(|own| own.arn == listener.arn);
    let mut others = observed.listeners.iter().filter(|listener| !is_own(listener));
    if let Some(taken) = others.find(|listener| options.ports().contains(&listener.port)) {
        let message = format!(
            "the load balancer `{name}` has a listener on port {} that Longshore did not make",
            taken.port
        );
        return Err(Failure::new(FailureKind::Conflict, message)
            .at(format!("elasticloadbalancing:DescribeListeners {}", taken.arn))
            .help("delete that listener, or set `port` of the step to another one"));
    }
    Ok(())
}
