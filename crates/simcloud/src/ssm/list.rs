//! Lists of parameters, without values.

use serde_json::{Value, json};

use super::{
    Parameter, Type,
    state::AWS_MANAGED_KEY,
    validate::{self, CODE},
};
use crate::{
    ApiError, Call, World,
    input::{missing, page, violated},
};

pub(super) fn describe(world: &World, call: &Call) -> Result<Value, ApiError> {
    let filters = Filter::all(call)?;
    let limit = validate::limit(call, 10, 50)?;
    let found: Vec<_> = world
        .ssm
        .all()
        .filter(|parameter| parameter.region == call.region)
        .filter(|parameter| filters.iter().all(|filter| filter.accepts(parameter)))
        .collect();
    let (found, next) = page(found, call.text("NextToken"), limit, validate::bad_token)?;
    let entries: Vec<_> = found.into_iter().filter_map(rendered).collect();
    Ok(json!({ "Parameters": entries, "NextToken": next }))
}

fn rendered(parameter: &Parameter) -> Option<Value> {
    let version = parameter.newest()?;
    let secure = parameter.kind == Type::SecureString;
    Some(json!({
        "Name": parameter.name,
        "ARN": parameter.arn,
        "Type": parameter.kind.as_str(),
        "KeyId": secure.then(|| version.key.as_deref().unwrap_or(AWS_MANAGED_KEY)),
        "LastModifiedDate": version.written.epoch_seconds(),
        "LastModifiedUser": version.writer,
        "Description": version.description,
        "AllowedPattern": version.allowed_pattern,
        "Version": version.number,
        "Tier": version.tier.as_str(),
        "Policies": [],
        "DataType": "text",
    }))
}

/// One of the filters of `DescribeParameters` and `GetParametersByPath`.
pub(super) struct Filter {
    key: String,
    option: String,
    values: Vec<String>,
}

impl Filter {
    pub(super) fn all(call: &Call) -> Result<Vec<Self>, ApiError> {
        call.list("ParameterFilters").iter().map(Self::read).collect()
    }

    /// The filters of `GetParametersByPath`, which has fewer keys.
    pub(super) fn by_path(call: &Call) -> Result<Vec<Self>, ApiError> {
        let filters = Self::all(call)?;
        match filters.iter().find(|filter| !matches!(filter.key.as_str(), "Type" | "KeyId")) {
            None => Ok(filters),
            Some(Self { key, .. }) => Err(ApiError::new(
                "InvalidFilterKey",
                format!(
                    "The following filter key is not valid: {key}. Valid filter keys include: [Type, KeyId, Label]."
                ),
            )),
        }
    }

    fn read(filter: &Value) -> Result<Self, ApiError> {
        let text = |key: &str| filter.get(key).and_then(Value::as_str);
        let Some(key) = text("Key") else {
            return Err(missing("parameterFilters.member.key", CODE));
        };
        let known = matches!(key, "Name" | "Path" | "Type" | "KeyId" | "Tier" | "DataType");
        if !known && key != "Label" && key.strip_prefix("tag:").is_none_or(str::is_empty) {
            let constraint = "Member must satisfy regular expression pattern: \
                              ^(tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType)$";
            return Err(violated(key, "parameterFilters.member.key", constraint, CODE));
        }
        if key == "Label" {
            return Err(ApiError::new(
                "InvalidFilterKey",
                format!(
                    "The following filter key is not valid: {key}. Valid filter keys include: [Path, Name, Type, KeyId, Tier, DataType]."
                ),
            ));
        }
        let option = text("Option").unwrap_or(if key == "Path" { "OneLevel" } else { "Equals" });
        let fits = match key {
            "Path" => matches!(option, "Recursive" | "OneLevel"),
            "Name" => matches!(option, "Equals" | "BeginsWith" | "Contains"),
            _ => matches!(option, "Equals" | "BeginsWith"),
        };
        if !fits {
            return Err(ApiError::new(
                "InvalidFilterOption",
                format!("The following filter option is not valid: {option}."),
            ));
        }
        let values = filter.get("Values").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let values = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Self { key: key.to_owned(), option: option.to_owned(), values })
    }

    pub(super) fn accepts(&self, parameter: &Parameter) -> bool {
        let newest = parameter.newest();
        let has = match self.key.as_str() {
            "Name" | "Path" => Some(parameter.name.as_str()),
            "Type" => Some(parameter.kind.as_str()),
            "KeyId" => newest
                .filter(|_| parameter.kind == Type::SecureString)
                .map(|version| version.key.as_deref().unwrap_or(AWS_MANAGED_KEY)),
            "Tier" => newest.map(|version| version.tier.as_str()),
            "DataType" => Some("text"),
            tag => tag.strip_prefix("tag:").and_then(|key| parameter.tags.get(key)).map(String::as_str),
        };
        let Some(has) = has else { return false };
        // Of a tag's key alone, any value will do.
        if self.values.is_empty() {
            return self.key.starts_with("tag:");
        }
        self.values.iter().any(|value| match self.option.as_str() {
            "BeginsWith" => has.starts_with(value.as_str()),
            "Contains" => has.contains(value.as_str()),
            "Recursive" | "OneLevel" => {
                let below = has.strip_prefix(value.trim_end_matches('/'));
                let below = below.and_then(|rest| rest.strip_prefix('/'));
                below.is_some_and(|rest| self.option == "Recursive" || !rest.contains('/'))
            }
            _ => has == value,
        })
    }
}
