//! Tags.

use serde_json::{Value, json};

use super::{error::validation, state::Tags};
use crate::{ApiError, Call, World};

/// The most that a resource has.
const MOST: usize = 50;

/// The tags that a creation gives.
pub(super) fn given(call: &Call) -> Result<Tags, ApiError> {
    let pairs = call.pairs("Tags", "Key", "Value");
    let mut tags = Tags::new();
    for (key, value) in pairs {
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(validation(format!(
                "The tag '{key}' must have a key of 1-128 and a value of 0-256 characters"
            )));
        }
        if key.starts_with("aws:") {
            return Err(validation(format!("The tag key '{key}' must not begin with aws:")));
        }
        if tags.insert(key.clone(), value).is_some() {
            return Err(ApiError::new(
                "DuplicateTagKeys",
                format!("A tag key was specified more than once: '{key}'"),
            ));
        }
    }
    limited(tags)
}

fn limited(tags: Tags) -> Result<Tags, ApiError> {
    if tags.len() > MOST {
        return Err(ApiError::new("TooManyTags", "The maximum number of tags per resource has been reached"));
    }
    Ok(tags)
}

fn resources(call: &Call) -> Result<Vec<String>, ApiError> {
    let arns = call.texts("ResourceArns");
    match arns.len() {
        0 => Err(validation("At least one resource ARN must be specified")),
        1..=20 => Ok(arns),
        _ => Err(validation("At most 20 resource ARNs can be specified")),
    }
}

pub(super) fn add(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let tags = given(call)?;
    if tags.is_empty() {
        return Err(validation("At least one tag must be specified"));
    }
    for arn in resources(call)? {
        let kept = world.elbv2.tags_mut(&arn)?;
        let mut changed = kept.clone();
        changed.extend(tags.clone());
        *kept = limited(changed)?;
    }
    Ok(json!({}))
}

pub(super) fn remove(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let keys = call.texts("TagKeys");
    if keys.is_empty() {
        return Err(validation("At least one tag key must be specified"));
    }
    for arn in resources(call)? {
        world.elbv2.tags_mut(&arn)?.retain(|key, _| !keys.contains(key));
    }
    Ok(json!({}))
}

pub(super) fn describe(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let mut descriptions = Vec::new();
    for arn in resources(call)? {
        let tags = world.elbv2.tags_mut(&arn)?;
        let tags: Vec<Value> =
            tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        descriptions.push(json!({ "ResourceArn": arn, "Tags": tags }));
    }
    Ok(json!({ "TagDescriptions": descriptions }))
}
