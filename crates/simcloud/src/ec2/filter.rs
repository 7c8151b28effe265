//! The filters of `Describe…` operations.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    ApiError, Call,
    policy::{Context, glob},
};

/// A resource with values under the names of filters.
pub(super) trait Filterable {
    /// `None` when the operation has no filter of that name.
    fn values(&self, filter: &str) -> Option<Vec<String>>;

    /// The resource's tags.
    fn tags(&self) -> &BTreeMap<String, String> {
        const NONE: &BTreeMap<String, String> = &BTreeMap::new();
        NONE
    }
}

/// One filter of a call.
pub(super) struct Filter {
    name: String,
    values: Vec<String>,
}

impl Filter {
    /// The filters of a call.
    pub(super) fn all(call: &Call) -> Vec<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        call.list("Filter")
            .iter()
            .map(|filter| Self {
                name: filter.get("Name").map(text).unwrap_or_default(),
                values: filter
                    .get("Value")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .map(text)
                    .collect(),
            })
            .collect()
    }

    /// Returns true if one of the filter's values fits one of the resource's. `*` and `?` are wildcards.
    pub(super) fn accepts(&self, resource: &impl Filterable) -> Result<bool, ApiError> {
        let found = match self.name.strip_prefix("tag:") {
            Some(key) => resource.tags().get(key).into_iter().cloned().collect(),
            None if self.name == "tag-key" => resource.tags().keys().cloned().collect(),
            None => resource.values(&self.name).ok_or_else(|| {
                ApiError::new("InvalidParameterValue", format!("The filter '{}' is invalid", self.name))
            })?,
        };
        let context = Context::new();
        Ok(found.iter().any(|found| self.values.iter().any(|wanted| glob(wanted, found, &context))))
    }
}

/// The resources that every filter accepts.
pub(super) fn filtered<'a, T: Filterable>(
    resources: impl Iterator<Item = &'a T>,
    filters: &[Filter],
) -> Result<Vec<&'a T>, ApiError> {
    let mut accepted = Vec::new();
    for resource in resources {
        let mut fits = true;
        for filter in filters {
            fits &= filter.accepts(resource)?;
        }
        if fits {
            accepted.push(resource);
        }
    }
    Ok(accepted)
}
