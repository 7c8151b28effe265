//! Making, changing and deleting.

use std::{collections::BTreeSet, time::Duration};

use longshore_aws::{
    Owner, Ownership,
    wait::{Patience, Probe, still_there, until, until_deleted},
};
use longshore_model::{Action, Failure, FailureKind, Outputs, StepPlan};
use longshore_plugin::{Context, Result};
use serde_json::{Value, json};

use super::{
    DNS_NAME, HOSTED_ZONE_ID, LISTENER_ARN, SECURITY_GROUP, TARGET_SECURITY_GROUP,
    api::{Balancer, Listener},
    difference::{self, WantedListener},
    observed::{Observed, REDIRECT_TAG, Surroundings, WantedGroup, front_group, require_group, target_group},
    step::LoadBalancerStep,
};
use crate::{
    LOAD_BALANCER_ARN, URL,
    api::{Api, pairs, pairs_json},
    network::{Network, SecurityGroup},
};

/// The attribute that keeps a load balancer from being deleted.
const PROTECTION: &str = "deletion_protection.enabled";
/// The time until a new load balancer is active: two minutes, as a rule.
const PROVISIONING: Patience = Patience {
    deadline: Duration::from_secs(600),
    first: Duration::from_secs(2),
    longest: Duration::from_secs(10),
};
/// The time until the network interfaces of a deleted load balancer, and of tasks, are gone.
const INTERFACES: Patience = Patience::of(Duration::from_secs(600));
/// The time until EC2 shows a new security group everywhere.
const PROPAGATION: Patience = Patience::of(Duration::from_secs(60));

impl LoadBalancerStep {
    /// Makes everything as declared. Returns the outputs.
    pub(crate) async fn make(
        &self,
        context: &Context,
        around: &Surroundings,
        plan: &StepPlan,
    ) -> Result<Outputs> {
        let ownership = Ownership::of(context).except(&self.options.tags);
        let mut observed = self.observe(context, Some(&around.vpc)).await?;
        self.require(context, &around.vpc, &observed)?;
        if let Some(balancer) = &observed.balancer
            && !difference::unchangeable(&self.options, around, balancer).is_empty()
        {
            if plan.action != Action::Replace {
                let message = format!("the {} has changed since it was planned", self.resource());
                return Err(Failure::new(FailureKind::Conflict, message)
                    .at(format!("elasticloadbalancing:DescribeLoadBalancers {}", self.name))
                    .help("run this again: the next plan shows the current state"));
            }
            // Tasks may still be in the groups: those of the VPC stay.
            let balancer =
                observed.balancer.take().filter(|it| ownership.owner(pairs(&it.tags)) == Owner::Ours);
            if let Some(balancer) = balancer {
                delete_balancer(self.api(), context, &balancer, &observed.listeners).await?;
            }
            observed.listeners.clear();
        }
        context.keep_first(|| observed.clone());

        let front = match front_group(&self.options, &self.name) {
            Some(wanted) => Some(self.make_group(context, &ownership, around, &observed, &wanted).await?),
            None => None,
        };
        let targets = match target_group(&self.options, &self.name, front.as_deref()) {
            Some(wanted) => Some(self.make_group(context, &ownership, around, &observed, &wanted).await?),
            None => None,
        };
        let made = || front.iter().cloned().collect();
        let groups: BTreeSet<String> = around.groups.clone().unwrap_or_else(made);
        let balancer = match &observed.balancer {
            Some(balancer) => {
                self.change_balancer(&ownership, around, &groups, balancer).await?;
                balancer.clone()
            }
            None => self.create_balancer(&ownership, around, &groups).await?,
        };
        let listener = self.make_listeners(&ownership, around, &observed, &balancer.arn).await?;
        for group in observed.leftovers(&self.options, &ownership, &around.vpc) {
            // Tasks leave a group only with the steps behind this one.
            if !self.network().delete_group(&group.id).await? {
                context.warn(format!(
                    "the security group {} is in use yet: the next deploy deletes it",
                    group.id
                ));
            }
        }
        self.wait_until_active(context, &balancer).await?;

        let outputs = [
            (LISTENER_ARN, Some(listener)),
            (LOAD_BALANCER_ARN, Some(balancer.arn.clone())),
            (DNS_NAME, Some(balancer.dns_name.clone())),
            (HOSTED_ZONE_ID, Some(balancer.hosted_zone.clone())),
            (URL, Some(self.url(&balancer))),
            (SECURITY_GROUP, groups.first().cloned()),
            (TARGET_SECURITY_GROUP, targets),
        ];
        Ok(outputs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }

    /// The tags of a new resource.
    fn tags<'a>(&'a self, ownership: &'a Ownership) -> Vec<(&'a str, &'a str)> {
        ownership.tags().into_iter().chain(pairs(&self.options.tags)).collect()
    }

    /// Makes a security group as declared, and returns its id.
    async fn make_group(
        &self,
        context: &Context,
        ownership: &Ownership,
        around: &Surroundings,
        observed: &Observed,
        wanted: &WantedGroup,
    ) -> Result<String> {
        let group = match observed.group(wanted, &around.vpc) {
            Some(group) => group.clone(),
            None => self.create_group(context, ownership, around, wanted).await?,
        };
        let tags = difference::tags(&self.options, ownership, &group.tags);
        self.network().add_tags(&group.id, tags).await?;
        self.change_ingress(&group, wanted).await?;
        Ok(group.id)
    }

    async fn create_group(
        &self,
        context: &Context,
        ownership: &Ownership,
        around: &Surroundings,
        wanted: &WantedGroup,
    ) -> Result<SecurityGroup> {
        let tags = self.tags(ownership);
        self.network().create_group(&wanted.name, &wanted.description, &around.vpc, &tags).await?;
        // Also if its name was taken: an earlier attempt may have made it, and its answer was lost.
        until(context, PROPAGATION, |_| async {
            let named = self.network().groups("group-name", &[&wanted.name]).await?;
            Ok(match named.into_iter().find(|group| group.vpc == around.vpc) {
                Some(group) => {
                    require_group(ownership, &group)?;
                    Probe::Done(group)
                }
                None => Probe::Again(
                    Failure::new(
                        FailureKind::NotFound,
                        format!("EC2 does not show the new security group {}", wanted.name),
                    )
                    .at(format!("ec2:DescribeSecurityGroups {}", wanted.name))
                    .help("run this again"),
                ),
            })
        })
        .await
    }

    /// Lets in the declared traffic, and then keeps all other out.
    async fn change_ingress(&self, group: &SecurityGroup, wanted: &WantedGroup) -> Result<()> {
        let new = wanted.missing(group);
        if !self.network().authorize(&group.id, &new).await? {
            // An attempt whose answer was lost has let in all of it, or others a part of it.
            let now = self.network().groups("group-id", &[&group.id]).await?;
            for permission in now.iter().flat_map(|now| wanted.missing(now)) {
                self.network().authorize(&group.id, &[permission]).await?;
            }
        }
        let others = group.ingress.keys().filter(|permission| !wanted.ingress.contains(permission));
        self.network().revoke(&group.id, &others.collect::<Vec<_>>()).await
    }

    async fn create_balancer(
        &self,
        ownership: &Ownership,
        around: &Surroundings,
        groups: &BTreeSet<String>,
    ) -> Result<Balancer> {
        let input = json!({
            "Name": self.name,
            "Scheme": self.options.scheme,
            "Subnets": around.subnets,
            "SecurityGroups": groups,
            "Tags": pairs_json(self.tags(ownership)),
        });
        let balancer = self.api().create_balancer(&self.name, input).await?;
        let attributes: Vec<_> = pairs(&self.options.attributes).collect();
        self.api().modify_balancer(&balancer.arn, &attributes).await?;
        Ok(balancer)
    }

    async fn change_balancer(
        &self,
        ownership: &Ownership,
        around: &Surroundings,
        groups: &BTreeSet<String>,
        balancer: &Balancer,
    ) -> Result<()> {
        if balancer.subnets != around.subnets {
            self.api().set_subnets(&balancer.arn, &around.subnets).await?;
        }
        if balancer.groups != *groups {
            self.api().set_security_groups(&balancer.arn, groups).await?;
        }
        let attributes = difference::attributes(&self.options, balancer);
        self.api().modify_balancer(&balancer.arn, &attributes).await?;
        let tags = difference::tags(&self.options, ownership, &balancer.tags);
        self.api().add_tags(&balancer.arn, tags).await
    }

    /// Makes the listeners as declared. Returns the ARN of the one that takes requests.
    async fn make_listeners(
        &self,
        ownership: &Ownership,
        around: &Surroundings,
        observed: &Observed,
        balancer: &str,
    ) -> Result<String> {
        let redirect = difference::redirect(&self.options);
        let old_redirect = observed.redirect(&self.options, ownership);
        // Its port may be needed by the other listener.
        if let (None, Some(old)) = (&redirect, old_redirect) {
            self.api().delete_listener(&old.arn).await?;
        }
        let wanted = difference::listener(&self.options, around.certificate.as_deref());
        let there = observed.listener(&self.options, ownership);
        let listener = self.make_listener(ownership, balancer, &wanted, there).await?;
        if let Some(wanted) = redirect {
            self.make_listener(ownership, balancer, &wanted, old_redirect).await?;
        }
        Ok(listener)
    }

    async fn make_listener(
        &self,
        ownership: &Ownership,
        balancer: &str,
        wanted: &WantedListener<'_>,
        there: Option<&Listener>,
    ) -> Result<String> {
        let mark = wanted.is_redirect.then_some((REDIRECT_TAG, "true"));
        let Some(there) = there else {
            let mut input = listener_json(wanted, wanted.new_ssl_policy());
            input["Tags"] = pairs_json(self.tags(ownership).into_iter().chain(mark));
            return self.api().create_listener(balancer, input).await;
        };
        if wanted.differs(there) {
            // A listener that gets TLS needs a policy as a new one does.
            let gets_tls = there.ssl_policy.is_none();
            let policy = if gets_tls { wanted.new_ssl_policy() } else { wanted.ssl_policy };
            self.api().modify_listener(&there.arn, listener_json(wanted, policy)).await?;
        }
        let mark = mark.filter(|(key, _)| !there.tags.contains_key(*key));
        let tags = difference::tags(&self.options, ownership, &there.tags).into_iter().chain(mark);
        self.api().add_tags(&there.arn, tags).await?;
        Ok(there.arn.clone())
    }

    async fn wait_until_active(&self, context: &Context, made: &Balancer) -> Result<()> {
        if made.is_active() {
            return Ok(());
        }
        context.progress("waiting until the load balancer is set up");
        until(context, PROVISIONING, |_| async {
            let at = format!("elasticloadbalancing:DescribeLoadBalancers {}", made.arn);
            let Some(balancer) = self.api().bare_balancer(&made.arn).await? else {
                let message = format!("the {} was deleted while it was set up", self.resource());
                return Err(Failure::new(FailureKind::Conflict, message).at(at).help("run this again"));
            };
            if balancer.is_active() {
                return Ok(Probe::Done(()));
            }
            let reason = balancer.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let message = format!("the {} is {}{reason}", self.resource(), balancer.state);
            if balancer.state == "failed" {
                let help = "look at the reason; the next deploy replaces it";
                return Err(Failure::new(FailureKind::Invalid, message).at(at).help(help));
            }
            let help = "run this again: it goes on from here";
            Ok(Probe::Again(Failure::new(FailureKind::Unavailable, message).at(at).help(help)))
        })
        .await
    }

    /// Deletes the load balancer with its listeners and the groups, as far as the stack owns them.
    pub(crate) async fn delete(&self, context: &Context, observed: &Observed) -> Result<()> {
        let ownership = Ownership::of(context);
        if let Some(balancer) = &observed.balancer
            && ownership.owner(pairs(&balancer.tags)) == Owner::Ours
        {
            delete_balancer(self.api(), context, balancer, &observed.listeners).await?;
        }
        for group in observed.own_groups(&ownership) {
            delete_group(self.network(), context, &group.id).await?;
        }
        Ok(())
    }
}

/// A listener as a call has it.
fn listener_json(wanted: &WantedListener<'_>, ssl_policy: Option<&str>) -> Value {
    let mut input = json!({
        "Port": wanted.port,
        "Protocol": wanted.protocol,
        "DefaultActions": wanted.actions,
    });
    if let Some(certificate) = wanted.certificate {
        input["Certificates"] = json!([{ "CertificateArn": certificate }]);
    }
    if let Some(policy) = ssl_policy {
        input["SslPolicy"] = json!(policy);
    }
    input
}

/// Checks that a load balancer may be removed: nothing protects it, and listeners and rules are the stack's own.
pub(crate) async fn require_removable(
    api: Api<'_>,
    context: &Context,
    balancer: &Balancer,
    listeners: &[Listener],
) -> Result<()> {
    let ownership = Ownership::of(context);
    let name = balancer_name(&balancer.arn);
    let checked = ownership.require_unprotected(super::step::resource(name), pairs(&balancer.tags));
    checked.map_err(|failure| failure.at(format!("elasticloadbalancing:DescribeTags {}", balancer.arn)))?;
    if is_protected(balancer) && !context.undoes {
        let message = format!("the load balancer {name} has deletion protection, and so is not removed");
        return Err(Failure::new(FailureKind::Protected, message)
            .at(format!("elasticloadbalancing:DescribeLoadBalancerAttributes {}", balancer.arn))
            .help(format!(
                "set `attributes.\"{PROTECTION}\"` of the step to false, deploy, and run this again"
            )));
    }
    let of_others = |what: &str, arn: &str| {
        let message = format!("the load balancer {name} has a {what} that this stack does not own");
        Failure::new(FailureKind::Conflict, message)
            .at(format!("elasticloadbalancing:DescribeTags {arn}"))
            .help(format!("it would go with the load balancer: delete the {what}, and run this again"))
    };
    for listener in listeners {
        if ownership.owner(pairs(&listener.tags)) != Owner::Ours {
            return Err(of_others("listener", &listener.arn));
        }
        for rule in api.rules(&listener.arn).await? {
            if ownership.owner(pairs(&rule.tags)) != Owner::Ours {
                return Err(of_others("rule", &rule.arn));
            }
        }
    }
    Ok(())
}

fn is_protected(balancer: &Balancer) -> bool {
    balancer.attributes.get(PROTECTION).is_some_and(|value| value == "true")
}

/// The name in the ARN of a load balancer.
pub(super) fn balancer_name(arn: &str) -> &str {
    arn.split_once(":loadbalancer/app/").and_then(|(_, rest)| rest.split('/').next()).unwrap_or(arn)
}

/// Deletes a load balancer with its listeners.
pub(crate) async fn delete_balancer(
    api: Api<'_>,
    context: &Context,
    balancer: &Balancer,
    listeners: &[Listener],
) -> Result<()> {
    require_removable(api, context, balancer, listeners).await?;
    if is_protected(balancer) {
        api.modify_balancer(&balancer.arn, &[(PROTECTION, "false")]).await?;
    }
    let arn = balancer.arn.as_str();
    let delete = || async move {
        api.delete_balancer(arn).await?;
        Ok(api.bare_balancer(arn).await?.is_none())
    };
    until_deleted(context, &super::step::resource(balancer_name(arn)), delete).await
}

/// Deletes a security group once nothing uses it.
pub(crate) async fn delete_group(network: Network<'_>, context: &Context, id: &str) -> Result<()> {
    until(context, INTERFACES, |attempt| async move {
        if network.delete_group(id).await? {
            let is_gone = network.groups("group-id", &[id]).await?.is_empty();
            let again = || Probe::Again(still_there(&format!("security group {id}")));
            return Ok(if is_gone { Probe::Done(()) } else { again() });
        }
        if attempt == 0 {
            context.progress("waiting until no network interface uses the security group");
        }
        Ok(Probe::Again(Network::in_use(id)))
    })
    .await
}
