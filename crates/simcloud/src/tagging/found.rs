//! The resources of a region that have tags.

use std::collections::BTreeMap;

use crate::World;

/// A resource with its tags.
pub(super) struct Found {
    pub(super) arn: String,
    pub(super) tags: BTreeMap<String, String>,
}

impl Found {
    /// `service:type`, as a resource type filter writes it: both are parts of the ARN.
    pub(super) fn kind(&self) -> String {
        let mut parts = self.arn.splitn(6, ':').skip(2);
        let service = parts.next().unwrap_or_default();
        let resource = parts.nth(2).unwrap_or_default();
        let kind = resource.split(['/', ':']).next().unwrap_or_default();
        format!("{service}:{kind}")
    }
}

/// Returns the tagged resources of a region, by ARN.
///
/// Secrets that wait for their deletion are among them: nothing documents that this API leaves them out, and a client
/// has to cope with it.
pub(super) fn in_region(world: &World, region: &str) -> Vec<Found> {
    let ecs = world.ecs.tagged(region, &world.account).into_iter().map(|(arn, tags)| (arn, tags.clone()));
    let secrets = world
        .secrets
        .all()
        .filter(|secret| secret.region == region && !secret.forced)
        .map(|secret| (secret.arn.clone(), secret.tags.clone()));
    let parameters = world
        .ssm
        .all()
        .filter(|parameter| parameter.region == region)
        .map(|parameter| (parameter.arn.clone(), parameter.tags.clone()));
    let groups = world.logs.groups(region).map(|group| (group.arn.clone(), group.tags.clone()));
    let keys = world.kms.in_region(region).map(|key| (key.arn.clone(), key.tags.clone()));
    let balancing = world.elbv2.tagged(region).map(|(arn, tags)| (arn.clone(), tags.clone()));
    let scalable = world.autoscaling.tagged(region).map(|(arn, tags)| (arn.clone(), tags.clone()));
    let networks = world.ec2.tagged(region, &world.account);
    let mut found: Vec<Found> = ecs
        .chain(secrets)
        .chain(parameters)
        .chain(groups)
        .chain(keys)
        .chain(networks)
        .chain(balancing)
        .chain(scalable)
        .filter(|(_, tags)| !tags.is_empty())
        .map(|(arn, tags)| Found { arn, tags })
        .collect();
    found.sort_by(|one, other| one.arn.cmp(&other.arn));
    found
}
