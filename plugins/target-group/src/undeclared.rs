//! Target groups of the stack that no step makes any more.

use async_trait::async_trait;
use longshore_aws::{Aws, Freshness, Owner, Ownership, RESOURCE_TAG, is_protected};
use longshore_plugin::{Context, Declared, Result, Stays, Undeclared, UndeclaredResource};

use crate::{
    api::{Api, pairs},
    step::resource,
    write::delete_group,
};

const SERVICE: &str = "elasticloadbalancing";

/// Finds and removes target groups with the rules that forward to them.
pub(crate) struct Orphans {
    pub(crate) aws: Aws,
}

/// The name in the ARN of a target group.
fn name_in(arn: &str) -> &str {
    arn.split_once(":targetgroup/").and_then(|(_, rest)| rest.split('/').next()).unwrap_or(arn)
}

impl Orphans {
    /// The ARNs of the stack's target groups. The index of tags may be behind.
    async fn candidates(&self, ownership: &Ownership) -> Result<Vec<String>> {
        if let Some(owned) = self.aws.reads().owned(ownership.stack(), Freshness::Planned).await? {
            let groups = owned.iter().filter(|one| {
                one.arn.service() == SERVICE
                    && one.arn.resource().starts_with("targetgroup/")
                    && one.is_of(ownership)
            });
            return Ok(groups.map(|one| one.arn.to_string()).collect());
        }
        let all = Api(&self.aws).all_groups().await?.into_iter();
        Ok(all.filter(|(_, tags)| ownership.owner(pairs(tags)) == Owner::Ours).map(|(arn, _)| arn).collect())
    }
}

#[async_trait]
impl Undeclared for Orphans {
    fn what(&self) -> &'static str {
        "target-groups"
    }

    async fn find(&self, context: &Context, declared: &Declared) -> Result<Vec<UndeclaredResource>> {
        let ownership = Ownership::of(context);
        let mut found = Vec::new();
        for arn in self.candidates(&ownership).await? {
            let resource = resource(name_in(&arn));
            let Some(group) = Api(&self.aws).group_at(&arn).await? else { continue };
            let step = group.tags.get(RESOURCE_TAG).cloned().unwrap_or_default();
            let is_ours = ownership.owner(pairs(&group.tags)) == Owner::Ours;
            if !is_ours || declared.makes(&step, &resource) {
                continue;
            }
            let stays = is_protected(pairs(&group.tags)).then_some(Stays::Protected);
            found.push(UndeclaredResource { resource, step, id: arn, stays });
        }
        found.sort();
        Ok(found)
    }

    async fn remove(&self, context: &Context, _: &Declared, found: &UndeclaredResource) -> Result<()> {
        let (api, ownership) = (Api(&self.aws), Ownership::of(context));
        let Some(group) = api.group_at(&found.id).await? else { return Ok(()) };
        if ownership.owner(pairs(&group.tags)) != Owner::Ours {
            return Ok(());
        }
        ownership.require_unprotected(&found.resource, pairs(&group.tags))?;
        for load_balancer in &group.load_balancers {
            for listener in api.listeners_of(load_balancer).await? {
                for rule in api.rules(&listener).await? {
                    let is_ours = ownership.owner(pairs(&rule.tags)) == Owner::Ours;
                    let step = group.tags.get(RESOURCE_TAG);
                    let is_of_step = rule.tags.get(RESOURCE_TAG) == step || rule.forwards.len() == 1;
                    if is_ours && is_of_step && rule.forwards_to(&group.arn) {
                        api.delete_rule(&rule.arn).await?;
                    }
                }
            }
        }
        delete_group(api, context, &group.arn).await
    }
}
