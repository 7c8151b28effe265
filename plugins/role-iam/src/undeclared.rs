//! Roles of the stack that no step makes any more.

use async_trait::async_trait;
use aws_sdk_iam::types::{EntityType, RoleDetail};
use longshore_aws::{Aws, RESOURCE_TAG, failure, is_unsupported};
use longshore_plugin::{Context, Declared, Result, Undeclared, UndeclaredResource};

use crate::{builder::resource, ownership::RoleOwnership, removal};

/// The most roles that one request may ask for (API reference, GetAccountAuthorizationDetails).
const ROLES_AT_ONCE: i32 = 1_000;

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
    found.then(|| UndeclaredResource { resource: resource(name), step: step.to_owned(), id: name.to_owned() })
}

#[async_trait]
impl Undeclared for UndeclaredRoles {
    fn what(&self) -> &'static str {
        "roles"
    }

    /// One request for each thousand roles of the account: no other call tells tags of more than one role.
    async fn find(&self, context: &Context, declared: &Declared) -> Result<Vec<UndeclaredResource>> {
        let client = self.aws.iam().await?;
        let ownership = RoleOwnership::of(context, self.aws.region().await?);
        let call =
            client.get_account_authorization_details().filter(EntityType::Role).max_items(ROLES_AT_ONCE);
        let mut pages = call.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) if is_unsupported(&error) => {
                    context.warn("roles that nothing declares are not looked for: the endpoint has no GetAccountAuthorizationDetails");
                    return Ok(Vec::new());
                }
                Err(error) => return Err(failure(&error, "iam:GetAccountAuthorizationDetails")),
            };
            found.extend(
                page.role_detail_list().iter().filter_map(|role| undeclared(role, &ownership, declared)),
            );
        }
        found.sort();
        Ok(found)
    }

    async fn remove(&self, context: &Context, found: &UndeclaredResource) -> Result<()> {
        removal::delete(&self.aws, context, &found.id).await
    }
}
