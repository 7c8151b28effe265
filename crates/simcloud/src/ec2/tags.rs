//! Tags.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Ec2,
    describe::answer,
    filter::{Filter, Filterable, filtered},
    resource::{Resource, find_mut},
};
use crate::{ApiError, Call};

pub(super) type Tags = BTreeMap<String, String>;

/// The most that a resource has.
const MOST: usize = 50;

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn checked<'a>(tags: impl Iterator<Item = &'a Value>) -> Result<Tags, ApiError> {
    let mut checked = Tags::new();
    for tag in tags {
        let key = text(tag, "Key").unwrap_or_default();
        let value = text(tag, "Value").unwrap_or_default();
        let fault = if key.starts_with("aws:") {
            "Tag keys starting with 'aws:' are reserved for internal use"
        } else if key.is_empty() || key.chars().count() > 128 {
            "Tag key must have a length of 1 to 128 characters"
        } else if value.chars().count() > 256 {
            "Tag value exceeds the maximum length of 256 characters"
        } else {
            checked.insert(key.to_owned(), value.to_owned());
            continue;
        };
        return Err(ApiError::new("InvalidParameterValue", fault));
    }
    limited(checked)
}

fn limited(tags: Tags) -> Result<Tags, ApiError> {
    if tags.len() > MOST {
        return Err(ApiError::new(
            "TagLimitExceeded",
            "The maximum number of Tags for a resource has been reached.",
        ));
    }
    Ok(tags)
}

/// The tags that a creation gives to resources of a type.
pub(super) fn given(call: &Call, resource_type: &str) -> Result<Tags, ApiError> {
    let specifications = call.list("TagSpecification").iter();
    let of_type = specifications.filter(|one| text(one, "ResourceType") == Some(resource_type));
    checked(of_type.filter_map(|specification| specification.get("Tag")?.as_array()).flatten())
}

fn tags_mut<'a>(ec2: &'a mut Ec2, id: &str, call: &Call) -> Result<&'a mut Tags, ApiError> {
    fn of<'a, T: Resource>(
        all: &'a mut BTreeMap<String, T>,
        id: &str,
        call: &Call,
    ) -> Result<&'a mut Tags, ApiError> {
        Ok(find_mut(all, id, call)?.tags_mut())
    }
    match id.split('-').next() {
        Some("vpc") => of(&mut ec2.vpcs, id, call),
        Some("subnet") => of(&mut ec2.subnets, id, call),
        Some("sg") => of(&mut ec2.security_groups, id, call),
        Some("sgr") => of(&mut ec2.rules, id, call),
        Some("rtb") => of(&mut ec2.route_tables, id, call),
        Some("igw") => of(&mut ec2.internet_gateways, id, call),
        Some("nat") => of(&mut ec2.nat_gateways, id, call),
        Some("eipalloc") => of(&mut ec2.addresses, id, call),
        Some("vpce") => of(&mut ec2.endpoints, id, call),
        _ => Err(ApiError::new("InvalidID", format!("The ID '{id}' is not valid"))),
    }
}

fn resources(call: &Call) -> Result<Vec<String>, ApiError> {
    let ids = call.texts("ResourceId");
    if ids.is_empty() {
        let text = "The request must contain the parameter resourceIdSet";
        return Err(ApiError::new("MissingParameter", text));
    }
    Ok(ids)
}

/// Adds tags to resources: to all of them, or to none.
pub(super) fn create(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let new = checked(call.list("Tag").iter())?;
    if new.is_empty() {
        return Err(ApiError::new("MissingParameter", "The request must contain the parameter tagSet"));
    }
    let mut changed = Vec::new();
    for id in resources(call)? {
        let mut tags = tags_mut(ec2, &id, call)?.clone();
        tags.extend(new.clone());
        changed.push((id, limited(tags)?));
    }
    for (id, tags) in changed {
        *tags_mut(ec2, &id, call)? = tags;
    }
    Ok(json!({ "return": true }))
}

/// Removes tags by key, those with a value only where it is the resource's; all without any key.
pub(super) fn delete(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let gone = call.list("Tag");
    let ids = resources(call)?;
    for id in &ids {
        tags_mut(ec2, id, call)?;
    }
    for id in ids {
        tags_mut(ec2, &id, call)?.retain(|key, value| {
            let fits = |tag: &Value| {
                text(tag, "Key") == Some(key) && text(tag, "Value").is_none_or(|wanted| wanted == value)
            };
            !(gone.is_empty() || gone.iter().any(fits))
        });
    }
    Ok(json!({ "return": true }))
}

/// A tag of a resource.
struct Tag {
    resource: String,
    resource_type: &'static str,
    key: String,
    value: String,
    /// The tag alone, as filters look at it.
    tags: Tags,
}

pub(super) fn describe(ec2: &Ec2, call: &Call) -> Result<Value, ApiError> {
    let here = ec2.resources().filter(|(_, _, region, _)| *region == call.region);
    let tags: Vec<Tag> = here
        .flat_map(|(resource_type, id, _, tags)| {
            tags.iter().map(move |(key, value)| Tag {
                resource: id.to_owned(),
                resource_type,
                key: key.clone(),
                value: value.clone(),
                tags: Tags::from([(key.clone(), value.clone())]),
            })
        })
        .collect();
    let found = filtered(tags.iter(), &Filter::all(call))?.into_iter().map(|tag| {
        json!({
            "resourceId": tag.resource,
            "resourceType": tag.resource_type,
            "key": tag.key,
            "value": tag.value,
        })
    });
    answer("tagSet", call, found.collect())
}

impl Filterable for Tag {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(vec![match filter {
            "resource-id" => self.resource.clone(),
            "resource-type" => self.resource_type.to_owned(),
            "key" => self.key.clone(),
            "value" => self.value.clone(),
            _ => return None,
        }])
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }
}
