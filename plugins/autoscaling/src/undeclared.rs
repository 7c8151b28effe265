//! Scalable targets of the stack that no step makes any more.

use async_trait::async_trait;
use longshore_aws::{Aws, Freshness, Owner, Ownership, RESOURCE_TAG, is_protected};
use longshore_model::FailureKind;
use longshore_plugin::{Context, Declared, Result, Stays, Undeclared, UndeclaredResource};

use crate::{
    api::{Api, Target, pairs},
    step::title,
};

/// Finds and removes scalable targets with their policies and scheduled actions.
pub(crate) struct Orphans {
    pub(crate) aws: Aws,
}

impl Orphans {
    /// The targets of the stack's services, without tags. A target goes with its service, so that there are no others.
    async fn candidates(&self, ownership: &Ownership) -> Result<Vec<Target>> {
        let owned = self.aws.reads().owned(ownership.stack(), Freshness::Planned).await?;
        let services = owned.as_ref().map(|owned| {
            let services = owned.iter().filter(|one| one.arn.service() == "ecs" && one.is_of(ownership));
            let resources = services.map(|one| one.arn.resource().to_owned());
            resources.filter(|resource| resource.starts_with("service/")).collect::<Vec<_>>()
        });
        match Api(&self.aws).targets(services.as_deref()).await {
            // A stack that does not use it needs no permission for it: who may not look has made none.
            Err(failure) if failure.kind == FailureKind::Denied => Ok(Vec::new()),
            found => found,
        }
    }
}

#[async_trait]
impl Undeclared for Orphans {
    fn what(&self) -> &'static str {
        "scalable-targets"
    }

    fn uses_others(&self) -> bool {
        true
    }

    async fn find(&self, context: &Context, declared: &Declared) -> Result<Vec<UndeclaredResource>> {
        let ownership = Ownership::of(context);
        let mut found = Vec::new();
        for target in self.candidates(&ownership).await? {
            let resource = title(target.resource());
            if declared.makes("", &resource) {
                continue;
            }
            let Some(target) = Api(&self.aws).with_tags(target).await? else { continue };
            if ownership.owner(pairs(&target.tags)) != Owner::Ours {
                continue;
            }
            let step = target.tags.get(RESOURCE_TAG).cloned().unwrap_or_default();
            let stays = is_protected(pairs(&target.tags)).then_some(Stays::Protected);
            found.push(UndeclaredResource { resource, step, id: target.resource().to_owned(), stays });
        }
        found.sort();
        Ok(found)
    }

    async fn remove(&self, context: &Context, _: &Declared, found: &UndeclaredResource) -> Result<()> {
        let (api, ownership) = (Api(&self.aws), Ownership::of(context));
        let Some(target) = api.target(&found.id).await? else { return Ok(()) };
        if ownership.owner(pairs(&target.tags)) != Owner::Ours {
            return Ok(());
        }
        ownership.require_unprotected(&found.resource, pairs(&target.tags))?;
        api.deregister(context, &found.id).await
    }
}
