//! The filters of a call of `GetResources`.

use serde_json::Value;

use super::found::Found;
use crate::{ApiError, Call, input::violated};

/// The API's code for input that is wrong.
pub(super) const CODE: &str = "InvalidParameterException";

/// The filters of a call, checked.
pub(super) struct Query {
    tags: Vec<TagFilter>,
    kinds: Vec<String>,
    arns: Vec<String>,
}

struct TagFilter {
    key: String,
    values: Vec<String>,
}

impl Query {
    pub(super) fn of(call: &Call) -> Result<Self, ApiError> {
        let query = Self {
            tags: call.list("TagFilters").iter().map(TagFilter::read).collect::<Result<_, _>>()?,
            kinds: call.texts("ResourceTypeFilters"),
            arns: call.texts("ResourceARNList"),
        };
        at_most(query.tags.len(), 50, "TagFilters")?;
        at_most(query.kinds.len(), 100, "ResourceTypeFilters")?;
        at_most(query.arns.len(), 100, "ResourceARNList")?;
        if let Some(kind) = query.kinds.iter().find(|kind| kind.len() > 256) {
            let constraint = "Member must have length less than or equal to 256";
            return Err(violated(kind, "ResourceTypeFilters", constraint, CODE));
        }
        if !query.arns.is_empty() {
            let others = ["TagFilters", "ResourceTypeFilters", "ResourcesPerPage", "TagsPerPage"];
            let given = |key: &&str| call.input.get(*key).is_some_and(|value| !is_empty(value));
            let token = call.text("PaginationToken").is_some_and(|token| !token.is_empty());
            let other = others.into_iter().find(given).or(token.then_some("PaginationToken"));
            if let Some(other) = other {
                return Err(ApiError::new(
                    CODE,
                    format!("ResourceARNList and {other} cannot be specified in the same request."),
                ));
            }
        }
        Ok(query)
    }

    /// Returns true if a resource is asked for: by all filters of tags, and by one of those of types.
    pub(super) fn accepts(&self, found: &Found) -> bool {
        let kind = || {
            let kind = found.kind();
            let service = kind.split(':').next().unwrap_or_default().to_owned();
            self.kinds.iter().any(|wanted| *wanted == kind || *wanted == service)
        };
        (self.arns.is_empty() || self.arns.contains(&found.arn))
            && (self.kinds.is_empty() || kind())
            && self.tags.iter().all(|filter| filter.accepts(found))
    }
}

impl TagFilter {
    fn read(filter: &Value) -> Result<Self, ApiError> {
        let key = filter.get("Key").and_then(Value::as_str).unwrap_or_default();
        if key.is_empty() || key.chars().count() > 128 {
            let constraint = "Member must have length between 1 and 128, inclusive";
            return Err(violated(key, "TagFilters.member.key", constraint, CODE));
        }
        let values = filter.get("Values").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let values: Vec<String> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        at_most(values.len(), 20, "TagFilters.member.values")?;
        if let Some(value) = values.iter().find(|value| value.chars().count() > 256) {
            let constraint = "Member must have length less than or equal to 256";
            return Err(violated(value, "TagFilters.member.values", constraint, CODE));
        }
        Ok(Self { key: key.to_owned(), values })
    }

    /// Any of the values will do, and without values any value.
    fn accepts(&self, found: &Found) -> bool {
        let value = found.tags.get(&self.key);
        value.is_some_and(|value| self.values.is_empty() || self.values.contains(value))
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn at_most(count: usize, most: usize, key: &str) -> Result<(), ApiError> {
    if count <= most {
        return Ok(());
    }
    let constraint = format!("Member must have length less than or equal to {most}");
    Err(violated(&format!("{count} items"), key, &constraint, CODE))
}
