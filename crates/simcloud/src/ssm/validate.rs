//! Parameter Store's rules for names, values and tags (API reference, PutParameter; user guide, "Requirements and
//! constraints for parameter names").

use std::collections::BTreeMap;

use super::{Tier, Type, error::invalid};
use crate::{ApiError, Call, Sealed, input::violated, partition};

/// The service's code for input that breaks its model.
pub(super) const CODE: &str = "ValidationException";

/// The longest name that may be given to a new parameter.
const NAME_LIMIT: usize = 1011;

/// The most levels of a hierarchy.
const LEVELS: usize = 15;

/// The most characters of a value, by tier.
const STANDARD_LIMIT: usize = 4096;
const ADVANCED_LIMIT: usize = 8192;

/// The name without the ARN around it.
pub(crate) fn name_of(name_or_arn: &str) -> &str {
    match name_or_arn.split_once(":parameter/") {
        // Which of `x` and `/x` it was, an ARN does not tell.
        Some((arn, name)) if arn.starts_with("arn:") => name,
        _ => name_or_arn,
    }
}

/// The ARN of a parameter: of a name that begins with a slash, the slash is the ARN's own.
pub(crate) fn arn(region: &str, account: &str, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    partition::arn(
        "ssm",
        region,
        account,
        format_args!("parameter/{}", name.strip_prefix('/').unwrap_or(name)),
    )
}

/// The name of a parameter that may be made.
pub(super) fn name(call: &Call) -> Result<&str, ApiError> {
    let name = call.required("Name", CODE)?;
    if name.is_empty() || name.len() > 2048 {
        let constraint = "Member must have length between 1 and 2048, inclusive";
        return Err(violated(name, "Name", constraint, CODE));
    }
    if name.len() > NAME_LIMIT {
        return Err(invalid(format!("Parameter name: can't be longer than {NAME_LIMIT} characters.")));
    }
    let inner = name.strip_prefix('/').unwrap_or(name);
    let lower = inner.to_ascii_lowercase();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let reserved = if lower.starts_with("aws") {
        Some("aws")
    } else if lower.starts_with("ssm") {
        Some("ssm")
    } else {
        None
    };
    if reserved.is_some() || !inner.chars().all(allowed) || inner.split('/').any(str::is_empty) {
        let prefix = reserved.unwrap_or("ssm");
        return Err(invalid(format!(
            "Parameter name: can't be prefixed with \"{prefix}\" (case-insensitive). If formed as a path, it can consist \
             of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the \
             following 3 symbols .-_"
        )));
    }
    if inner.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    if inner.split('/').count() > LEVELS {
        return Err(ApiError::new(
            "HierarchyLevelLimitExceededException",
            "A hierarchy can have a maximum of 15 levels.",
        ));
    }
    Ok(name)
}

/// The names in a list of at most ten.
pub(super) fn names(call: &Call) -> Result<Vec<String>, ApiError> {
    let names = call.texts("Names");
    if (1..=10).contains(&names.len()) {
        return Ok(names);
    }
    let constraint = "Member must have length less than or equal to 10, and greater than or equal to 1";
    Err(violated(&format!("{} names", names.len()), "names", constraint, CODE))
}

pub(super) fn kind(call: &Call) -> Result<Option<Type>, ApiError> {
    Ok(match call.text("Type") {
        None => None,
        Some("String") => Some(Type::String),
        Some("StringList") => Some(Type::StringList),
        Some("SecureString") => Some(Type::SecureString),
        Some(other) => {
            let constraint = "Member must satisfy enum value set: [SecureString, StringList, String]";
            return Err(violated(other, "Type", constraint, CODE));
        }
    })
}

/// The value with the tier that it gets: the one that is asked for, and never a lower one than it has.
pub(super) fn value(call: &Call, has: Option<Tier>) -> Result<(Sealed, Tier), ApiError> {
    let value = call.required("Value", CODE)?;
    if value.is_empty() {
        // The value itself must not stand in an error.
        return Err(invalid(
            "1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length \
             greater than or equal to 1",
        ));
    }
    let length = value.chars().count();
    let needed = if length > STANDARD_LIMIT { Tier::Advanced } else { Tier::Standard };
    let tier = match (call.text("Tier"), has) {
        (Some("Standard"), Some(Tier::Advanced)) => {
            return Err(invalid(
                "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
                 advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced \
                 parameter and recreate it as a standard parameter.",
            ));
        }
        (Some("Standard"), _) | (None, None | Some(Tier::Standard)) => Tier::Standard,
        (Some("Advanced"), _) | (None, Some(Tier::Advanced)) => Tier::Advanced,
        (Some("Intelligent-Tiering"), has) => {
            if has == Some(Tier::Advanced) {
                Tier::Advanced
            } else {
                needed
            }
        }
        (Some(other), _) => {
            let constraint = "Member must satisfy enum value set: [Standard, Advanced, Intelligent-Tiering]";
            return Err(violated(other, "Tier", constraint, CODE));
        }
    };
    match tier {
        Tier::Standard if needed == Tier::Advanced => Err(invalid(
            "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger \
             parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see \
             https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
        )),
        _ if length > ADVANCED_LIMIT => {
            Err(invalid("Advanced tier parameters support a maximum parameter value of 8192 characters."))
        }
        tier => Ok((Sealed::new(value), tier)),
    }
}

pub(super) fn description(call: &Call) -> Result<Option<String>, ApiError> {
    let Some(text) = call.text("Description") else { return Ok(None) };
    if text.chars().count() > 1024 {
        let constraint = "Member must have length less than or equal to 1024";
        return Err(violated(text, "Description", constraint, CODE));
    }
    Ok(Some(text.to_owned()))
}

pub(super) fn tags(call: &Call) -> Result<BTreeMap<String, String>, ApiError> {
    let pairs = call.pairs("Tags", "Key", "Value");
    for (key, value) in &pairs {
        if key.is_empty() || key.chars().count() > 128 {
            let constraint = "Member must have length between 1 and 128, inclusive";
            return Err(violated(key, "tags.member.key", constraint, CODE));
        }
        if value.chars().count() > 256 {
            let constraint = "Member must have length less than or equal to 256";
            return Err(violated(value, "tags.member.value", constraint, CODE));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("Tag keys starting with 'aws:' are reserved for system use."));
        }
    }
    Ok(pairs.into_iter().collect())
}

pub(super) fn tag_count(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > 50 {
        return Err(ApiError::new("TooManyTagsError", "A parameter can have no more than 50 tags."));
    }
    Ok(())
}

/// Returns true for the form of the id of a secret's version, which no stage has here.
pub(super) fn is_version_id(text: &str) -> bool {
    text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Returns the number of results that a page has.
pub(super) fn limit(call: &Call, default: i64, most: i64) -> Result<usize, ApiError> {
    let limit = call.number("MaxResults").unwrap_or(default);
    if (1..=most).contains(&limit) {
        return Ok(limit.unsigned_abs() as usize);
    }
    let constraint = format!("Member must have value between 1 and {most}, inclusive");
    Err(violated(&limit.to_string(), "MaxResults", &constraint, CODE))
}

pub(super) fn bad_token() -> ApiError {
    ApiError::new("InvalidNextToken", "The specified token isn't valid.")
}
