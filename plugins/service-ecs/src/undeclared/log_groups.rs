//! Log groups that nothing declares.

use async_trait::async_trait;
use longshore_aws::{Aws, Freshness, Ownership};

use longshore_plugin::{Context, Declared, Result, Stays, Step as _, Undeclared, UndeclaredResource};

use super::{indexed, undeclared};
use crate::declaration::LogRemoval;
use crate::log_group::{LogGroupStep, is_deleted, prefix, resource};

/// Finds and removes log groups.
pub(super) struct LogGroups {
    pub(super) aws: Aws,
}

/// The orphan, which stays unless its tags say that it goes with its service.
fn orphan<'a>(
    ownership: &Ownership,
    declared: &Declared,
    name: &str,
    tags: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Option<UndeclaredResource> {
    let tags: Vec<_> = tags.into_iter().collect();
    let mut found = undeclared(ownership, declared, resource(name), name, tags.iter().copied())?;
    if found.stays.is_none() && !is_deleted(tags) {
        found.stays = Some(Stays::Kept);
    }
    Some(found)
}

/// The step that would make it. Its settings do not matter for what is only looked at and removed.
fn step(aws: &Aws, context: &Context, name: &str) -> LogGroupStep {
    LogGroupStep {
        aws: aws.clone(),
        name: name.to_owned(),
        prefix: prefix(&context.stack),
        is_named: false,
        retention_days: 1,
        removal: LogRemoval::Delete,
    }
}

#[async_trait]
impl Undeclared for LogGroups {
    fn what(&self) -> &'static str {
        "log-groups"
    }

    async fn find(&self, context: &Context, declared: &Declared) -> Result<Vec<UndeclaredResource>> {
        let ownership = Ownership::of(context);
        let indexed = indexed(&self.aws, context, declared, ("logs", "log-group:"), resource).await?;
        if let Some(indexed) = indexed {
            let mut found = Vec::new();
            for name in &indexed {
                let step = step(&self.aws, context, name);
                let group = step.observe(&ownership, Freshness::Planned).await?;
                found.extend(group.and_then(|group| orphan(&ownership, declared, name, group.tags())));
            }
            found.sort();
            return Ok(found);
        }
        let groups = self.aws.reads().log_groups(&prefix(&context.stack), Freshness::Planned).await?;
        let mut found = Vec::new();
        for (name, group) in groups.iter() {
            let Some(tags) = step(&self.aws, context, name).tags(&group.arn).await? else { continue };
            let tags = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            found.extend(orphan(&ownership, declared, name, tags));
        }
        found.sort();
        Ok(found)
    }

    async fn remove(&self, context: &Context, _: &Declared, found: &UndeclaredResource) -> Result<()> {
        step(&self.aws, context, &found.id).remove(context).await
    }
}
