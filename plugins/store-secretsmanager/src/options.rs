//! The store's options.

use std::collections::{BTreeMap, BTreeSet};

use longshore_aws::is_key_reference;
use longshore_model::{Fields, Options, Problem};

use crate::name;

/// The most tags of one's own: a secret can have fifty (user guide, "Quotas").
const OWN_TAGS: usize = 40;

/// The options of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreOptions {
    /// The prefix of every secret's name.
    pub(crate) prefix: String,
    /// The customer-managed key: an ARN, an id or an alias.
    pub(crate) kms_key: Option<String>,
    /// For how many days a removed secret can be restored.
    pub(crate) recovery_window_days: u32,
    /// Tags of one's own.
    pub(crate) tags: BTreeMap<String, String>,
    /// The other regions that have a replica; nothing leaves them as they are.
    pub(crate) replicate_to: Option<BTreeSet<String>>,
}

impl StoreOptions {
    pub(crate) fn read(options: &Options) -> Result<Self, Vec<Problem>> {
        options.read(|fields| {
            let prefix = fields.text("prefix").unwrap_or_else(|| "longshore/".to_owned());
            if let Err(reason) = name::check_characters(&prefix) {
                fields.problem("prefix", format!("found \"{prefix}\": {reason}"), name::ALLOWED);
            }
            let kms_key = fields.text("kms-key");
            if let Some(key) = kms_key.as_ref().filter(|key| !is_key_reference(key)) {
                let help = "must be the ARN, the id or the alias of a KMS key, such as \"alias/shop\"";
                fields.problem("kms-key", format!("found \"{key}\""), help);
            }
            let tags = fields.table("tags", |fields| Some(tags(fields))).unwrap_or_default();
            if tags.len() > OWN_TAGS {
                let help =
                    format!("a secret can have 50, some of which are Longshore's: keep {OWN_TAGS} at most");
                fields.problem("tags", format!("has {} tags", tags.len()), help);
            }
            let replicate_to = replicate_to(fields, kms_key.as_deref());
            // AWS's own default. A shorter window frees the name sooner, but Longshore restores what it finds there.
            let recovery_window_days = fields.number("recovery-window-days", 7..=30).unwrap_or(30);
            Some(Self { prefix, kms_key, recovery_window_days, tags, replicate_to })
        })
    }
}

/// Regions. A key is of one region, so that with a key of one's own each region needs its own of the same alias.
fn replicate_to(fields: &mut Fields<'_>, kms_key: Option<&str>) -> Option<BTreeSet<String>> {
    let regions = fields.texts("replicate-to")?;
    for region in regions.iter().filter(|region| !is_region(region)) {
        fields.problem(
            "replicate-to",
            format!("found \"{region}\""),
            "must be regions, such as [\"eu-west-1\"]",
        );
    }
    if let Some(key) = kms_key.filter(|key| !regions.is_empty() && alias(key).is_none()) {
        let help = "name it by an alias that each of the regions has, such as \"alias/shop\"";
        fields.problem("kms-key", format!("{key} is a key of one region, and secrets are replicated"), help);
    }
    Some(regions.into_iter().collect())
}

/// The alias that a reference to a key is, as it can be used in another region.
pub(crate) fn alias(key: &str) -> Option<&str> {
    if key.starts_with("alias/") {
        return Some(key);
    }
    key.split_once(":alias/").map(|(arn, _)| &key[arn.len() + 1..])
}

/// The tags, as pairs.
fn tags(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for key in fields.names() {
        let Some(value) = fields.text(&key) else { continue };
        let lower = key.to_ascii_lowercase();
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            let help = "a tag's key has 1 to 128 characters, and its value at most 256";
            fields.problem(&key, "is no tag", help);
        } else if lower.starts_with("aws:") || lower.starts_with("longshore:") {
            fields.problem(&key, "is not for you to set", "tags of AWS and of Longshore are their own");
        } else {
            tags.insert(key, value);
        }
    }
    tags
}

/// Returns true if a text has the form of a region: `eu-central-1`.
fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number =
        parts.next().is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    let words: Vec<_> = parts.collect();
    number
        && words.len() >= 2
        && words.iter().all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(values: Value) -> Result<StoreOptions, Vec<Problem>> {
        let values = values.as_object().unwrap().clone();
        StoreOptions::read(&Options { key: "stores.default".to_owned(), values, ..Options::default() })
    }

    #[test]
    fn everything_has_a_default() {
        let options = read(json!({})).unwrap();
        assert_eq!(
            options,
            StoreOptions {
                prefix: "longshore/".into(),
                kms_key: None,
                recovery_window_days: 30,
                tags: BTreeMap::new(),
                replicate_to: None,
            }
        );
    }

    #[test]
    fn an_alias_is_the_same_in_each_region() {
        assert_eq!(alias("alias/shop"), Some("alias/shop"));
        assert_eq!(alias("arn:aws:kms:eu-central-1:123456789012:alias/shop"), Some("alias/shop"));
        assert_eq!(alias("1234"), None);
        assert!(is_region("us-gov-west-1") && !is_region("eu-1") && !is_region("eu-west-"));
    }

    #[test]
    fn every_problem_is_said_at_once() {
        let problems = read(json!({
            "prefix": "a b",
            "kms-key": "1234abcd",
            "tags": {"longshore:stack": "x", "": "y", "team": 1},
            "replicate-to": ["Frankfurt"],
            "recovery-window-days": 0,
            "recovery_window": 7,
        }));
        let lines: Vec<_> = problems.unwrap_err().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
