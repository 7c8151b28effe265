//! Ownership tags in ECS's words.

use aws_sdk_ecs::types::Tag;
use longshore_aws::Ownership;

/// The tags of what a step makes.
pub(crate) fn of(ownership: &Ownership) -> Vec<Tag> {
    ownership.tags().into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Keys and values of `tags`.
pub(crate) fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())))
}
