//! Roles of the stack that no step makes any more.

use async_trait::async_trait;
use aws_sdk_iam::types::RoleDetail;
use longshore_aws::{Aws, Ownership, RESOURCE_TAG, STACK_TAG, is_protected};
use longshore_plugin::{Context, Declared, Result, Stays, Undeclared, UndeclaredResource};

use crate::{builder::resource, ownership::RoleOwnership, removal};

/// Finds and removes roles.
pub(crate) struct UndeclaredRoles {
    pub(crate) aws: Aws,
}

fn undeclared(
    role: &RoleDetail,
    ownership: &RoleOwnership,
    declared: &Declared,
) -> Option<UndeclaredResource> {
    let name = role.role_name()?;
    let tags: Vec<_> = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    let step = tags.iter().find(|(key, _)| key == RESOURCE_TAG).map_or("", |(_, step)| step);
    let found = ownership.foreign(&tags).is_none() && !declared.makes(step, &resource(name));
    let pairs = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let stays = is_protected(pairs).then_some(Stays::Protected);
    let (step, id) = (step.to_owned(), name.to_owned());
    found.then(|| UndeclaredResource { resource: resource(name), step, id, stays })
}

#[async_trait]
impl Undeclared for UndeclaredRoles {
    fn what(&self) -> &'static str {
        "roles"
    }

    /// Sends one request for each thousand roles of the account: no other call tells tags of more than one role. The
    /// list is shared with the steps' plans.
    async fn find(&self, context: &Context, declared: &Declared) -> Result<Vec<UndeclaredResource>> {
        let ownership = RoleOwnership::of(context, self.aws.region().await?);
        let stack = Ownership::of(context);
        let Some(roles) = self.aws.reads().tagged_roles(STACK_TAG, stack.stack()).await? else {
            context.warn(
                "orphaned roles are not looked for: iam:GetAccountAuthorizationDetails is refused, or the \
                 endpoint has no such call",
            );
            return Ok(Vec::new());
        };
        let found = roles.iter().filter_map(|role| undeclared(role, &ownership, declared));
        let mut found: Vec<_> = found.collect();
        found.sort();
        Ok(found)
    }

    async fn remove(&self, context: &Context, _: &Declared, found: &UndeclaredResource) -> Result<()> {
        removal::delete(&self.aws, context, &found.id).await
    }
}
