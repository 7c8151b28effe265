//! Families of task definitions that nothing declares.

use async_trait::async_trait;
use aws_sdk_ecs::types::TaskDefinitionFamilyStatus;
use longshore_aws::{Aws, Ownership, failure};
use longshore_plugin::{Context, Declared, Result, Undeclared, UndeclaredResource};

use crate::{revisions, task_definition::resource};

/// Finds and removes families: those that no service led to.
pub(super) struct Families {
    pub(super) aws: Aws,
}

/// A family that nothing declares.
pub(super) fn undeclared(family: &str) -> UndeclaredResource {
    let step = "task-definition".to_owned();
    UndeclaredResource { resource: resource(family), step, id: family.to_owned(), stays: None }
}

#[async_trait]
impl Undeclared for Families {
    fn what(&self) -> &'static str {
        "task-definitions"
    }

    /// They cost nothing, and a service takes its own with it: a look at each would be dear for every plan.
    fn only_when_destroying(&self) -> bool {
        true
    }

    async fn find(&self, context: &Context, declared: &Declared) -> Result<Vec<UndeclaredResource>> {
        let client = self.aws.ecs().await?;
        let ownership = Ownership::of(context);
        let call = client
            .list_task_definition_families()
            .family_prefix(format!("{}-", context.stack))
            .status(TaskDefinitionFamilyStatus::Active);
        let mut families = call.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(family) = families.next().await {
            let family = family.map_err(|error| failure(&error, "ecs:ListTaskDefinitionFamilies"))?;
            if declared.makes("", &resource(&family)) {
                continue;
            }
            if !revisions::owned(&self.aws, &family, &ownership).await?.is_empty() {
                found.push(undeclared(&family));
            }
        }
        found.sort();
        Ok(found)
    }

    async fn remove(&self, context: &Context, _: &Declared, found: &UndeclaredResource) -> Result<()> {
        let owned = revisions::owned(&self.aws, &found.id, &Ownership::of(context)).await?;
        revisions::deregister(&self.aws, &owned).await
    }
}
