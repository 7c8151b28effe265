//! Tags.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Ec2,
    describe::{answer, no_group, no_subnet, no_vpc},
    filter::{Filter, Filterable, filtered},
    rules::{self, no_rule},
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

fn tags_mut<'a>(ec2: &'a mut Ec2, id: &str, region: &str) -> Result<&'a mut Tags, ApiError> {
    let Ec2 { vpcs, subnets, security_groups, rules, .. } = ec2;
    match id.split('-').next() {
        Some("vpc") => vpcs
            .get_mut(id)
            .filter(|vpc| vpc.region == region)
            .map(|vpc| &mut vpc.tags)
            .ok_or_else(|| no_vpc(id)),
        Some("subnet") => {
            let subnet = subnets.get_mut(id).filter(|subnet| subnet.region == region);
            subnet.map(|subnet| &mut subnet.tags).ok_or_else(|| no_subnet(id))
        }
        Some("sg") => {
            let group = security_groups.get_mut(id).filter(|group| group.region == region);
            group.map(|group| &mut group.tags).ok_or_else(|| no_group(id))
        }
        Some("sgr") => {
            let rule = rules.get_mut(id).filter(|rule| rule.region == region);
            rule.map(|rule| &mut rule.tags).ok_or_else(|| no_rule(id))
        }
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
        let mut tags = tags_mut(ec2, &id, &call.region)?.clone();
        tags.extend(new.clone());
        changed.push((id, limited(tags)?));
    }
    for (id, tags) in changed {
        *tags_mut(ec2, &id, &call.region)? = tags;
    }
    Ok(json!({ "return": true }))
}

/// Removes tags by key, those with a value only where it is the resource's; all without any key.
pub(super) fn delete(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let gone = call.list("Tag");
    let ids = resources(call)?;
    for id in &ids {
        tags_mut(ec2, id, &call.region)?;
    }
    for id in ids {
        tags_mut(ec2, &id, &call.region)?.retain(|key, value| {
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
    let vpcs = ec2.vpcs.values().map(|one| (&one.region, &one.id, "vpc", &one.tags));
    let subnets = ec2.subnets.values().map(|one| (&one.region, &one.id, "subnet", &one.tags));
    let groups = ec2.security_groups.values().map(|one| (&one.region, &one.id, "security-group", &one.tags));
    let rules = ec2.rules.values().map(|one| (&one.region, &one.id, rules::RESOURCE_TYPE, &one.tags));
    let all = vpcs.chain(subnets).chain(groups).chain(rules).filter(|(region, ..)| **region == call.region);
    let tags: Vec<Tag> = all
        .flat_map(|(_, id, resource_type, tags)| {
            tags.iter().map(move |(key, value)| Tag {
                resource: id.clone(),
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
