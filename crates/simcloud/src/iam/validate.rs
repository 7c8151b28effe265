//! IAM's rules for names, paths, sizes and tags ("IAM and AWS STS quotas" in the IAM user guide).

use std::collections::{BTreeMap, BTreeSet};

use super::error::{invalid, limit, validation};
use crate::{
    ApiError, Call,
    input::{missing, page, violated},
};

/// IAM's code for input that breaks its model.
pub(super) const CODE: &str = "ValidationError";

/// Characters of a trust policy, white space aside.
const TRUST_QUOTA: usize = 2_048;

/// Tags on one role or policy.
const TAG_QUOTA: usize = 50;

/// A required name of `[\w+=,.@-]`, at most `longest` characters.
pub(super) fn name<'a>(call: &'a Call, key: &str, longest: usize) -> Result<&'a str, ApiError> {
    let name = call.required(key, CODE)?;
    if name.is_empty() {
        return Err(violated(name, key, "Member must have length greater than or equal to 1", CODE));
    }
    if name.chars().count() > longest {
        let constraint = format!("Member must have length less than or equal to {longest}");
        return Err(violated(name, key, &constraint, CODE));
    }
    if !name.chars().all(|character| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character)) {
        let member = format!("{}{}", key[..1].to_lowercase(), &key[1..]);
        return Err(validation(format!(
            "The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the \
             following: +=,.@_-"
        )));
    }
    Ok(name)
}

/// A required role name.
pub(super) fn role_name(call: &Call) -> Result<&str, ApiError> {
    name(call, "RoleName", 64)
}

/// A path that begins and ends with a slash; `/` when absent.
pub(super) fn path(call: &Call) -> Result<&str, ApiError> {
    let path = call.text("Path").unwrap_or("/");
    let well_formed = path == "/" || (path.len() > 2 && path.starts_with('/') && path.ends_with('/'));
    if path.len() > 512 || !well_formed || !path.bytes().all(|byte| (0x21..0x7F).contains(&byte)) {
        return Err(validation(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
             characters and/or / characters.",
        ));
    }
    Ok(path)
}

/// A required policy document: its text.
pub(super) fn document<'a>(call: &'a Call, key: &str) -> Result<&'a str, ApiError> {
    let text = call.required(key, CODE)?;
    if text.is_empty() {
        return Err(violated(text, key, "Member must have length greater than or equal to 1", CODE));
    }
    Ok(text)
}

/// Characters of a document that count towards a quota.
pub(super) fn size(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}

pub(super) fn trust_size(document: &str) -> Result<(), ApiError> {
    if size(document) > TRUST_QUOTA {
        return Err(limit(format!("Cannot exceed quota for ACLSizePerRole: {TRUST_QUOTA}")));
    }
    Ok(())
}

/// The longest session in seconds: one hour to twelve.
pub(super) fn max_session(call: &Call) -> Result<Option<u32>, ApiError> {
    let Some(seconds) = call.number("MaxSessionDuration") else { return Ok(None) };
    let constraint = match seconds {
        ..3600 => "Member must have value greater than or equal to 3600",
        43201.. => "Member must have value less than or equal to 43200",
        _ => return Ok(Some(seconds as u32)),
    };
    Err(violated(&seconds.to_string(), "MaxSessionDuration", constraint, CODE))
}

/// A description of at most a thousand characters of ISO 8859-1 (API reference, CreateRole).
pub(super) fn description(call: &Call) -> Result<Option<String>, ApiError> {
    let Some(text) = call.text("Description") else { return Ok(None) };
    if text.chars().count() > 1000 {
        return Err(violated(
            text,
            "Description",
            "Member must have length less than or equal to 1000",
            CODE,
        ));
    }
    if !text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{A1}'..='\u{FF}')) {
        let pattern = r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*";
        let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
        return Err(violated(text, "Description", &constraint, CODE));
    }
    Ok(Some(text.to_owned()))
}

/// The tags of a call, checked.
pub(super) fn tags(call: &Call) -> Result<BTreeMap<String, String>, ApiError> {
    let pairs = call.pairs("Tags", "Key", "Value");
    let mut seen = BTreeSet::new();
    for (key, value) in &pairs {
        if key.is_empty() || key.chars().count() > 128 {
            return Err(violated(key, "tags", "Member must have length between 1 and 128, inclusive", CODE));
        }
        if value.chars().count() > 256 {
            return Err(violated(value, "tags", "Member must have length less than or equal to 256", CODE));
        }
        if let Some(bad) = key.chars().chain(value.chars()).find(|character| !tag_character(*character)) {
            return Err(validation(format!(
                "1 validation error detected: a tag holds {bad:?}, which is not among letters, digits, white space and \
                 _.:/=+-@"
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("Tag keys that start with 'aws:' are reserved for system use."));
        }
        if !seen.insert(key.to_lowercase()) {
            return Err(invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive."));
        }
    }
    Ok(pairs.into_iter().collect())
}

fn tag_character(character: char) -> bool {
    character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@".contains(character)
}

/// Adds tags to those that are there, within the quota.
pub(super) fn merge_tags(
    tags: &mut BTreeMap<String, String>,
    new: BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let mut merged = tags.clone();
    for (key, value) in new {
        // Keys are case insensitive: the newer spelling replaces the older one.
        merged.retain(|old, _| !old.eq_ignore_ascii_case(&key));
        merged.insert(key, value);
    }
    if merged.len() > TAG_QUOTA {
        return Err(limit(format!("The number of tags has reached the maximum limit: {TAG_QUOTA}")));
    }
    *tags = merged;
    Ok(())
}

/// A required list that is not empty.
pub(super) fn required_list(call: &Call, key: &str) -> Result<Vec<String>, ApiError> {
    let list = call.texts(key);
    if list.is_empty() { Err(missing(key, CODE)) } else { Ok(list) }
}

/// A page as IAM's lists have it: `Marker` and `MaxItems`.
pub(super) fn listed<T>(call: &Call, items: Vec<T>) -> Result<(Vec<T>, Option<String>), ApiError> {
    let limit = match call.number("MaxItems") {
        None => 100,
        Some(number @ 1..=1000) => number as usize,
        Some(other) => {
            let constraint = "Member must have value between 1 and 1000, inclusive";
            return Err(violated(&other.to_string(), "MaxItems", constraint, CODE));
        }
    };
    page(items, call.text("Marker"), limit, || validation("Invalid Marker."))
}
