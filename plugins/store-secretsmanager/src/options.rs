//! What can be configured.

use longshore_model::{Arn, Fields, Options, Problem};

use crate::name;

/// The options of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreOptions {
    /// What every secret's name begins with.
    pub(crate) prefix: String,
    /// The full ARN of the customer-managed key.
    pub(crate) kms_key: Option<Arn>,
    /// For how many days a removed secret can be restored.
    pub(crate) recovery_window_days: u32,
}

impl StoreOptions {
    pub(crate) fn read(options: &Options) -> Result<Self, Vec<Problem>> {
        options.read(|fields| {
            let prefix = fields.text("prefix").unwrap_or_else(|| "longshore/".to_owned());
            if let Err(reason) = name::check_characters(&prefix) {
                fields.problem("prefix", format!("found \"{prefix}\": {reason}"), name::ALLOWED);
            }
            let kms_key = kms_key(fields);
            // AWS's own default. A shorter window frees the name sooner, but Longshore restores what it finds there.
            let recovery_window_days = fields.number("recovery-window-days", 7..=30).unwrap_or(30);
            Some(Self { prefix, kms_key, recovery_window_days })
        })
    }
}

/// The key has to be named by its full ARN: the execution role's policy names exactly this key, and only an ARN says
/// which one that is. An alias can be moved to another key.
fn kms_key(fields: &mut Fields<'_>) -> Option<Arn> {
    let text = fields.text("kms-key")?;
    let is_key = |arn: &Arn| {
        arn.service() == "kms"
            && !arn.region().is_empty()
            && !arn.account().is_empty()
            && arn.resource().strip_prefix("key/").is_some_and(|id| !id.is_empty())
    };
    let arn = text.parse().ok().filter(is_key);
    if arn.is_none() {
        let help = "must be the full ARN of a key, such as \
                    \"arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"; \
                    key ids and aliases are not supported";
        fields.problem("kms-key", format!("found \"{text}\""), help);
    }
    arn
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
            StoreOptions { prefix: "longshore/".into(), kms_key: None, recovery_window_days: 30 }
        );
    }

    #[test]
    fn every_problem_is_said_at_once() {
        let problems = read(json!({
            "prefix": "a b",
            "kms-key": "alias/shop",
            "recovery-window-days": 0,
            "recovery_window": 7,
        }));
        let lines: Vec<_> = problems.unwrap_err().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
