//! Ownership tags in ECS's words.

use aws_sdk_ecs::types::Tag;
use longshore_aws::{Aws, Ownership, failure};
use longshore_plugin::Result;

/// The tags of what a step makes.
pub(crate) fn of(ownership: &Ownership) -> Vec<Tag> {
    ownership.tags().into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Keys and values of `tags`.
pub(crate) fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())))
}

/// Gives what `arn` names the ownership's tags, where `tags` lack any, and `more`.
pub(crate) async fn complete(
    aws: &Aws,
    arn: &str,
    ownership: &Ownership,
    tags: &[Tag],
    more: impl IntoIterator<Item = Tag>,
) -> Result<()> {
    let missing = ownership.missing(pairs(tags)).into_iter();
    let missing = missing.map(|(key, value)| Tag::builder().key(key).value(value).build());
    let new: Vec<_> = missing.chain(more).collect();
    if new.is_empty() {
        return Ok(());
    }
    let call = aws.ecs().await?.tag_resource().resource_arn(arn).set_tags(Some(new));
    call.send().await.map_err(|error| failure(&error, format!("ecs:TagResource {arn}")))?;
    Ok(())
}

/// Makes the tags of what `arn` names those that it had `before`.
pub(crate) async fn restore(aws: &Aws, arn: &str, before: &[Tag], now: &[Tag]) -> Result<()> {
    let client = aws.ecs().await?;
    let lost: Vec<_> = before.iter().filter(|tag| !now.contains(tag)).cloned().collect();
    if !lost.is_empty() {
        let call = client.tag_resource().resource_arn(arn).set_tags(Some(lost));
        call.send().await.map_err(|error| failure(&error, format!("ecs:TagResource {arn}")))?;
    }
    let is_new = |key: &&str| !pairs(before).any(|(old, _)| old == *key);
    let new: Vec<_> = pairs(now).map(|(key, _)| key).filter(is_new).map(str::to_owned).collect();
    if !new.is_empty() {
        let call = client.untag_resource().resource_arn(arn).set_tag_keys(Some(new));
        call.send().await.map_err(|error| failure(&error, format!("ecs:UntagResource {arn}")))?;
    }
    Ok(())
}
