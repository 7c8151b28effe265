//! Load balancers of the stack that no step makes any more, and their security groups.

use async_trait::async_trait;
use longshore_aws::{Aws, Freshness, Owner, Ownership, RESOURCE_TAG, is_protected};
use longshore_plugin::{Context, Declared, Result, Stays, Undeclared, UndeclaredResource};

use super::{
    observed::name_of_targets,
    step::resource,
    write::{balancer_name, delete_balancer, delete_group},
};
use crate::{
    api::{Api, Tags, pairs},
    network::Network,
};

/// Finds and removes load balancers with their listeners, and security groups.
pub(crate) struct Orphans {
    pub(crate) aws: Aws,
}

/// The ARNs of the stack's load balancers, and the ids of its security groups.
#[derive(Debug, Default)]
struct Candidates {
    balancers: Vec<String>,
    groups: Vec<String>,
}

fn is_load_balancer(resource: &str) -> bool {
    resource.starts_with("loadbalancer/app/")
}

impl Orphans {
    /// The resources with the stack's tags. The index of tags may be behind.
    async fn candidates(&self, ownership: &Ownership) -> Result<Candidates> {
        let mut candidates = Candidates::default();
        if let Some(owned) = self.aws.reads().owned(ownership.stack(), Freshness::Planned).await? {
            for one in owned.iter().filter(|one| one.is_of(ownership)) {
                match (one.arn.service(), one.arn.resource().split_once('/')) {
                    ("ec2", Some(("security-group", id))) => candidates.groups.push(id.to_owned()),
                    ("elasticloadbalancing", _) if is_load_balancer(one.arn.resource()) => {
                        candidates.balancers.push(one.arn.to_string());
                    }
                    _ => {}
                }
            }
            return Ok(candidates);
        }
        let all = Api(&self.aws).all_balancers().await?.into_iter();
        let own = all.filter(|(_, tags)| ownership.owner(pairs(tags)) == Owner::Ours);
        candidates.balancers = own.map(|(arn, _)| arn).collect();
        let tag = format!("tag:{}", longshore_aws::STACK_TAG);
        let groups = Network(&self.aws).groups(&tag, &[ownership.stack()]).await?.into_iter();
        candidates.groups = groups.map(|group| group.id).collect();
        Ok(candidates)
    }

    /// The orphaned groups: those for targets, which refer to the others, first.
    async fn groups(
        &self,
        ownership: &Ownership,
        declared: &Declared,
        ids: &[String],
    ) -> Result<Vec<(String, UndeclaredResource)>> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let groups = Network(&self.aws).groups("group-id", &ids).await?.into_iter();
        let orphans = groups.filter_map(|group| {
            let name = name_of_group(&group.name).to_owned();
            let title = (title_of_group(&group.name), name.as_str());
            let orphan = orphan(ownership, declared, title, group.id, &group.tags)?;
            Some((name, orphan))
        });
        let mut orphans: Vec<_> = orphans.collect();
        orphans
            .sort_by_key(|(_, orphan)| (std::cmp::Reverse(orphan.resource.len()), orphan.resource.clone()));
        Ok(orphans)
    }

    async fn remove_group(
        &self,
        context: &Context,
        ownership: &Ownership,
        found: &UndeclaredResource,
    ) -> Result<()> {
        let group = Network(&self.aws).groups("group-id", &[&found.id]).await?.into_iter().next();
        let Some(group) = group.filter(|group| ownership.owner(pairs(&group.tags)) == Owner::Ours) else {
            return Ok(());
        };
        ownership.require_unprotected(&found.resource, pairs(&group.tags))?;
        delete_group(Network(&self.aws), context, &group.id).await
    }
}

/// The name of the load balancer that a group with this name belongs to.
fn name_of_group(name: &str) -> &str {
    name.strip_suffix(&name_of_targets("")).unwrap_or(name)
}

fn title_of_group(name: &str) -> String {
    format!("security group {name}")
}

/// The orphan that the resource `title` of the load balancer `name` is. `None` if it is not the stack's, or the load balancer is
/// declared.
fn orphan(
    ownership: &Ownership,
    declared: &Declared,
    (title, name): (String, &str),
    id: String,
    tags: &Tags,
) -> Option<UndeclaredResource> {
    let step = tags.get(RESOURCE_TAG).cloned().unwrap_or_default();
    let is_ours = ownership.owner(pairs(tags)) == Owner::Ours;
    if !is_ours || declared.makes(&step, &resource(name)) {
        return None;
    }
    let stays = is_protected(pairs(tags)).then_some(Stays::Protected);
    Some(UndeclaredResource { resource: title, step, id, stays })
}

#[async_trait]
impl Undeclared for Orphans {
    fn what(&self) -> &'static str {
        "load-balancers"
    }

    /// Groups are found on their own only if their load balancer is gone, or is not removed.
    async fn find(&self, context: &Context, declared: &Declared) -> Result<Vec<UndeclaredResource>> {
        let ownership = Ownership::of(context);
        let candidates = self.candidates(&ownership).await?;
        let mut found = Vec::new();
        for arn in candidates.balancers {
            let name = balancer_name(&arn).to_owned();
            let Some(balancer) = Api(&self.aws).balancer_at(&arn).await? else { continue };
            found.extend(orphan(&ownership, declared, (resource(&name), &name), arn, &balancer.tags));
        }
        found.sort();
        let titles: Vec<String> = found.iter().map(|orphan| orphan.resource.clone()).collect();
        let groups = self.groups(&ownership, declared, &candidates.groups).await?.into_iter();
        found.extend(groups.filter(|(name, _)| !titles.contains(&resource(name))).map(|(_, orphan)| orphan));
        Ok(found)
    }

    async fn along(
        &self,
        context: &Context,
        declared: &Declared,
        found: &UndeclaredResource,
    ) -> Result<Vec<UndeclaredResource>> {
        let ownership = Ownership::of(context);
        let candidates = self.candidates(&ownership).await?;
        let groups = self.groups(&ownership, declared, &candidates.groups).await?.into_iter();
        Ok(groups.filter(|(name, _)| resource(name) == found.resource).map(|(_, orphan)| orphan).collect())
    }

    async fn remove(&self, context: &Context, declared: &Declared, found: &UndeclaredResource) -> Result<()> {
        let ownership = Ownership::of(context);
        if !found.id.starts_with("arn:") {
            return self.remove_group(context, &ownership, found).await;
        }
        let along = self.along(context, declared, found).await?;
        if let Some(balancer) = Api(&self.aws).balancer_at(&found.id).await?
            && ownership.owner(pairs(&balancer.tags)) == Owner::Ours
        {
            let listeners = Api(&self.aws).listeners(&found.id).await?;
            delete_balancer(Api(&self.aws), context, &balancer, &listeners).await?;
        }
        for group in along {
            self.remove_group(context, &ownership, &group).await?;
        }
        Ok(())
    }
}
