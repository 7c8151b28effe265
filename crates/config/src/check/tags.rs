//! `[tags]`, of the stack and of a service.

use std::collections::BTreeMap;

use longshore_model::Fields;

/// The longest key (IAM, ECS, Secrets Manager, Systems Manager and CloudWatch Logs alike).
const KEY: usize = 128;
/// The longest value.
const VALUE: usize = 256;
/// The most tags: a resource can have fifty, some of which are Longshore's.
const TAGS: usize = 40;
/// The characters that all of these services allow in keys and values, besides letters and digits.
const ALLOWED: &str = " _.:/=+-@";

/// Reads the tags of what is made: `owner = "team-shop"`.
pub(super) fn read(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for key in fields.names() {
        let Some(value) = fields.text(&key) else { continue };
        if let Some((message, help)) = wrong(&key, &value) {
            fields.problem(&key, message, help);
            continue;
        }
        tags.insert(key, value);
    }
    if tags.len() > TAGS {
        let help = format!("a resource can have 50, some of which are Longshore's: keep {TAGS} at most");
        fields.problem("", format!("has {} tags", tags.len()), help);
    }
    tags
}

fn wrong(key: &str, value: &str) -> Option<(&'static str, String)> {
    let is_allowed = |text: &str| text.chars().all(|c| c.is_alphanumeric() || ALLOWED.contains(c));
    let reserved = ["aws:", "longshore:"];
    if reserved.iter().any(|reserved| key.to_lowercase().starts_with(reserved)) {
        return Some(("is a reserved tag", format!("must not begin with {}", reserved.join(" or "))));
    }
    if key.is_empty() || key.chars().count() > KEY || !is_allowed(key) {
        return Some(("is not the key of a tag", format!("must be 1 to {KEY} letters, digits and{ALLOWED}")));
    }
    if value.chars().count() > VALUE || !is_allowed(value) {
        return Some((
            "is not the value of a tag",
            format!("must be at most {VALUE} letters, digits and{ALLOWED}"),
        ));
    }
    None
}
