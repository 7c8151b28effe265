//! Tags of scalable targets.

use serde_json::{Value, json};

use super::{
    input::validation,
    state::{Tags, Target},
};
use crate::{ApiError, Call, World};

/// The most that a target has.
const MOST: usize = 50;

/// The tags of a request.
pub(super) fn given(call: &Call) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for (key, value) in call.input.get("Tags").and_then(Value::as_object).into_iter().flatten() {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(validation(format!("The tag key {key} must not begin with aws:")));
        }
        tags.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    limited(tags)
}

fn limited(tags: Tags) -> Result<Tags, ApiError> {
    if tags.len() > MOST {
        return Err(ApiError::new("TooManyTagsException", "The request contains too many tags"));
    }
    Ok(tags)
}

fn target<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Target, ApiError> {
    let arn = call.text("ResourceARN").unwrap_or_default();
    world.autoscaling.at(&call.region, arn).ok_or_else(|| {
        ApiError::new("ResourceNotFoundException", format!("The resource {arn} doesn't exist"))
    })
}

pub(super) fn tag(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let tags = given(call)?;
    let target = target(world, call)?;
    let mut changed = target.tags.clone();
    changed.extend(tags);
    target.tags = limited(changed)?;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let keys = call.texts("TagKeys");
    target(world, call)?.tags.retain(|key, _| !keys.contains(key));
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let tags = target(world, call)?.tags.clone();
    Ok(json!({ "Tags": tags }))
}
