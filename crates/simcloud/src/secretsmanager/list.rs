//! Lists of secrets, without values.

use serde_json::{Map, Value, json};

use super::{
    Secret, SecretsManager,
    error::{not_found, parameter},
    validate,
};
use crate::{
    ApiError, Call,
    input::{missing, page, violated},
};

pub(super) fn describe(secrets: &SecretsManager, call: &Call) -> Result<Value, ApiError> {
    let secret = secrets.find(&call.region, validate::secret_id(call)?).ok_or_else(not_found)?;
    let mut value = rendered(secret);
    value["VersionIdsToStages"] = stages(secret);
    value["ReplicationStatus"] = super::replication::rendered(secret, call.now);
    if let Some((_, ends)) = secret.deleted {
        value["DeletedDate"] = json!(ends.epoch_seconds());
    }
    Ok(value)
}

pub(super) fn list(secrets: &SecretsManager, call: &Call) -> Result<Value, ApiError> {
    let filters = Filter::all(call)?;
    let limit = validate::number(call, "MaxResults", 1, 100, 100)?;
    let deleted_too = call.flag("IncludePlannedDeletion").unwrap_or(false);
    let mut found: Vec<_> = secrets
        .all()
        .filter(|secret| secret.region == call.region && !secret.forced)
        .filter(|secret| deleted_too || secret.deleted.is_none())
        .filter(|secret| filters.iter().all(|filter| filter.accepts(secret)))
        .collect();
    match call.text("SortBy").unwrap_or("created-date") {
        "created-date" => found.sort_by_key(|secret| (secret.created, &secret.name)),
        "last-accessed-date" => found.sort_by_key(|secret| (secret.accessed, &secret.name)),
        "last-changed-date" => found.sort_by_key(|secret| (secret.changed, &secret.name)),
        "name" => found.sort_by_key(|secret| &secret.name),
        other => {
            let known = "[created-date, last-accessed-date, last-changed-date, name]";
            let constraint = format!("Member must satisfy enum value set: {known}");
            return Err(violated(other, "SortBy", &constraint, validate::CODE));
        }
    }
    if call.text("SortOrder") != Some("asc") {
        found.reverse();
    }
    let (found, next) = page(found, call.text("NextToken"), limit, bad_token)?;
    let entries: Vec<_> = found
        .into_iter()
        .map(|secret| {
            let mut value = rendered(secret);
            value["SecretVersionsToStages"] = stages(secret);
            if let Some((at, _)) = secret.deleted {
                value["DeletedDate"] = json!(at.epoch_seconds());
            }
            value
        })
        .collect();
    Ok(json!({ "SecretList": entries, "NextToken": next }))
}

pub(super) fn versions(secrets: &SecretsManager, call: &Call) -> Result<Value, ApiError> {
    let secret = secrets.find(&call.region, validate::secret_id(call)?).ok_or_else(not_found)?;
    let deprecated_too = call.flag("IncludeDeprecated").unwrap_or(false);
    let limit = validate::number(call, "MaxResults", 1, 100, 100)?;
    let mut found: Vec<_> =
        secret.versions.iter().filter(|(_, version)| deprecated_too || !version.stages.is_empty()).collect();
    found.sort_by_key(|(_, version)| std::cmp::Reverse(version.created));
    let (found, next) = page(found, call.text("NextToken"), limit, bad_token)?;
    let key = secret.kms_key.as_deref().unwrap_or("DefaultEncryptionKey");
    let entries: Vec<_> = found
        .into_iter()
        .map(|(id, version)| {
            json!({
                "VersionId": id,
                "VersionStages": version.stages,
                "CreatedDate": version.created.epoch_seconds(),
                "LastAccessedDate": version.accessed.map(super::read::day),
                "KmsKeyIds": [key],
            })
        })
        .collect();
    Ok(json!({ "ARN": secret.arn, "Name": secret.name, "Versions": entries, "NextToken": next }))
}

fn bad_token() -> ApiError {
    ApiError::new("InvalidNextTokenException", "The NextToken value is invalid.")
}

fn rendered(secret: &Secret) -> Value {
    json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "Description": secret.description,
        "KmsKeyId": secret.kms_key,
        "CreatedDate": secret.created.epoch_seconds(),
        "LastChangedDate": secret.changed.epoch_seconds(),
        "LastAccessedDate": secret.accessed.map(super::read::day),
        "Tags": super::tags::rendered(secret),
        "PrimaryRegion": super::replication::primary_region(secret),
    })
}

fn stages(secret: &Secret) -> Value {
    let labelled = secret.versions.iter().filter(|(_, version)| !version.stages.is_empty());
    Value::Object(labelled.map(|(id, version)| (id.clone(), json!(version.stages))).collect::<Map<_, _>>())
}

/// One of the filters of `ListSecrets` and `BatchGetSecretValue`.
pub(super) struct Filter {
    key: String,
    values: Vec<String>,
}

impl Filter {
    /// The filters of a call.
    pub(super) fn all(call: &Call) -> Result<Vec<Self>, ApiError> {
        call.list("Filters")
            .iter()
            .map(|filter| {
                let Some(key) = filter.get("Key").and_then(Value::as_str) else {
                    return Err(missing("filters.member.key", validate::CODE));
                };
                if !matches!(
                    key,
                    "name"
                        | "description"
                        | "tag-key"
                        | "tag-value"
                        | "all"
                        | "primary-region"
                        | "owning-service"
                ) {
                    return Err(parameter(format!("Invalid filter key: {key}")));
                }
                let values = filter.get("Values").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let values: Vec<_> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                if values.is_empty() {
                    return Err(parameter("Invalid filter values: a filter needs at least one."));
                }
                Ok(Self { key: key.to_owned(), values })
            })
            .collect()
    }

    /// Returns true if any value fits. A value with `!` before it fits what does not match it.
    pub(super) fn accepts(&self, secret: &Secret) -> bool {
        self.values.iter().any(|value| match value.strip_prefix('!') {
            Some(value) => !self.matches(secret, value),
            None => self.matches(secret, value),
        })
    }

    fn matches(&self, secret: &Secret, value: &str) -> bool {
        match self.key.as_str() {
            "name" => secret.name.starts_with(value),
            "description" => contains_words(secret.description.as_deref().unwrap_or_default(), value),
            "tag-key" => secret.tags.keys().any(|key| key.starts_with(value)),
            "tag-value" => secret.tags.values().any(|tag| tag.starts_with(value)),
            "all" => {
                let description = secret.description.as_deref().unwrap_or_default();
                let tags = secret.tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
                [secret.name.as_str(), description]
                    .into_iter()
                    .chain(tags)
                    .any(|text| contains_words(text, value))
            }
            "primary-region" => {
                super::replication::primary_region(secret).is_some_and(|region| region.starts_with(value))
            }
            // No secret of the simulated cloud belongs to another service.
            _ => false,
        }
    }
}

/// Returns true if every word of `wanted` begins a word of `text`, without regard to case.
fn contains_words(text: &str, wanted: &str) -> bool {
    let text = text.to_lowercase();
    wanted.to_lowercase().split_whitespace().all(|word| {
        text.match_indices(word).any(|(at, _)| !text[..at].ends_with(|before: char| before.is_alphanumeric()))
    })
}
