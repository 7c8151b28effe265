//! The revisions of a family of task definitions that the stack owns.
//!
//! A revision that an earlier version of Longshore registered names no environment. It counts as this environment's,
//! unless another environment has registered a newer one: then the family is that environment's.

use aws_sdk_ecs::types::{SortOrder, Tag, TaskDefinitionField, TaskDefinitionStatus};
use longshore_aws::{Aws, ENVIRONMENT_TAG, Owner, Ownership, failure};
use longshore_plugin::Result;

use crate::{service::Pinned, tags};

/// The ARNs of all ACTIVE revisions that carry this stack's tag, the newest first.
pub(crate) async fn owned(aws: &Aws, family: &str, ownership: &Ownership) -> Result<Vec<String>> {
    newest(aws, family, ownership, usize::MAX, |_| true, |_| true).await
}

/// The ARN of the newest ACTIVE revision that carries this stack's tag and pins no other one: that was declared once.
pub(crate) async fn newest_owned(aws: &Aws, family: &str, ownership: &Ownership) -> Result<Option<String>> {
    Ok(newest(aws, family, ownership, 1, |_| true, is_declared).await?.pop())
}

/// The same of those that are older than the revision `number`.
pub(crate) async fn newest_older(
    aws: &Aws,
    family: &str,
    ownership: &Ownership,
    number: u32,
) -> Result<Option<String>> {
    let is_older = |arn: &str| number_of(arn).is_some_and(|other| other < number);
    Ok(newest(aws, family, ownership, 1, is_older, is_declared).await?.pop())
}

/// Returns true if the tags are not those of a revision that pins another one.
fn is_declared(tags: &[Tag]) -> bool {
    Pinned::of(tags).is_none()
}

/// The number of a revision: 7 of `FAMILY:7` or of its ARN.
pub(crate) fn number_of(revision: &str) -> Option<u32> {
    revision.rsplit_once(':')?.1.parse().ok()
}

/// At most `most` of those that are wanted, by their ARNs and by their tags.
async fn newest(
    aws: &Aws,
    family: &str,
    ownership: &Ownership,
    most: usize,
    wanted: impl Fn(&str) -> bool,
    has_wanted_tags: impl Fn(&[Tag]) -> bool,
) -> Result<Vec<String>> {
    let client = aws.ecs().await?;
    let mut arns = client
        .list_task_definitions()
        .family_prefix(family)
        .status(TaskDefinitionStatus::Active)
        .sort(SortOrder::Desc)
        .into_paginator()
        .items()
        .send();
    let mut owned = Vec::new();
    let mut is_of_another_environment = false;
    while owned.len() < most
        && let Some(arn) = arns.next().await
    {
        let arn = arn.map_err(|error| failure(&error, format!("ecs:ListTaskDefinitions {family}")))?;
        if !wanted(&arn) {
            continue;
        }
        let call = client.describe_task_definition().task_definition(&arn).include(TaskDefinitionField::Tags);
        let answer = call
            .send()
            .await
            .map_err(|error| failure(&error, format!("ecs:DescribeTaskDefinition {arn}")))?;
        let is_family = answer.task_definition().and_then(|definition| definition.family()) == Some(family);
        if !is_family {
            continue;
        }
        let names_environment = tags::pairs(answer.tags()).any(|(key, _)| key == ENVIRONMENT_TAG);
        match ownership.owner(tags::pairs(answer.tags())) {
            Owner::OtherEnvironment(_) => is_of_another_environment = true,
            Owner::Ours if !has_wanted_tags(answer.tags()) => {}
            Owner::Ours if names_environment || !is_of_another_environment => owned.push(arn),
            Owner::Ours | Owner::OtherStack(_) | Owner::Nobody => {}
        }
    }
    Ok(owned)
}

/// The largest number of revisions that one rollout deregisters; the next one goes on.
const SURPLUS_LIMIT: usize = 20;

/// Returns the stack's ACTIVE revisions of `family` that are older than the newest `keep`, the newest first. A revision of
/// another owner ends the search.
pub(crate) async fn surplus(
    aws: &Aws,
    family: &str,
    ownership: &Ownership,
    keep: usize,
) -> Result<Vec<String>> {
    let client = aws.ecs().await?;
    let call = client.list_task_definitions().family_prefix(family).status(TaskDefinitionStatus::Active);
    let mut listed = call.sort(SortOrder::Desc).into_paginator().items().send();
    let mut newer = 0;
    let mut surplus = Vec::new();
    while surplus.len() < SURPLUS_LIMIT
        && let Some(arn) = listed.next().await
    {
        let arn = arn.map_err(|error| failure(&error, format!("ecs:ListTaskDefinitions {family}")))?;
        if family_of(&arn) != Some(family) {
            continue;
        }
        if newer < keep {
            newer += 1;
            continue;
        }
        let call = client.describe_task_definition().task_definition(&arn).include(TaskDefinitionField::Tags);
        let sent = call.send().await;
        let answer = sent.map_err(|error| failure(&error, format!("ecs:DescribeTaskDefinition {arn}")))?;
        // One that names no environment may be another one's.
        let names_environment = tags::pairs(answer.tags()).any(|(key, _)| key == ENVIRONMENT_TAG);
        if !names_environment || ownership.owner(tags::pairs(answer.tags())) != Owner::Ours {
            break;
        }
        surplus.push(arn);
    }
    Ok(surplus)
}

/// The family of the revision that an ARN names.
fn family_of(arn: &str) -> Option<&str> {
    Some(arn.rsplit_once('/')?.1.rsplit_once(':')?.0)
}

/// Deregisters revisions: services that run on them go on, and no new ones can be made of them.
pub(crate) async fn deregister(aws: &Aws, arns: &[String]) -> Result<()> {
    let client = aws.ecs().await?;
    for arn in arns {
        let call = client.deregister_task_definition().task_definition(arn);
        call.send().await.map_err(|error| failure(&error, format!("ecs:DeregisterTaskDefinition {arn}")))?;
    }
    Ok(())
}
