//! The store's options.

use longshore_aws::is_key_reference;
use longshore_model::{Options, Problem};

use crate::{name, value::Tier};

/// The options of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreOptions {
    /// The prefix of every parameter's name.
    pub(crate) prefix: String,
    /// The tier of the parameters.
    pub(crate) tier: Tier,
    /// The customer-managed key: an ARN, an id or an alias.
    pub(crate) kms_key: Option<String>,
}

impl StoreOptions {
    pub(crate) fn read(options: &Options) -> Result<Self, Vec<Problem>> {
        options.read(|fields| {
            let prefix = fields.text("prefix").unwrap_or_else(|| "/longshore/".to_owned());
            if let Err(reason) = name::check_prefix(&prefix) {
                let help = "must be a path such as \"/longshore/\", of letters, digits and ._-";
                fields.problem("prefix", format!("found \"{prefix}\", which {reason}"), help);
            }
            let tiers = [
                ("standard", Tier::Standard),
                ("advanced", Tier::Advanced),
                ("intelligent", Tier::Intelligent),
            ];
            let tier = if fields.has("tier") { fields.choice("tier", &tiers) } else { Some(Tier::Standard) };
            let kms_key = fields.text("kms-key");
            if let Some(key) = kms_key.as_ref().filter(|key| !is_key_reference(key)) {
                let help = "must be the ARN, the id or the alias of a KMS key, such as \"alias/shop\"";
                fields.problem("kms-key", format!("found \"{key}\""), help);
            }
            Some(Self { prefix, tier: tier?, kms_key })
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(values: Value) -> Result<StoreOptions, Vec<Problem>> {
        let values = values.as_object().unwrap().clone();
        StoreOptions::read(&Options { key: "stores.parameters".to_owned(), values, ..Options::default() })
    }

    #[test]
    fn everything_has_a_default() {
        let defaults = StoreOptions { prefix: "/longshore/".to_owned(), tier: Tier::Standard, kms_key: None };
        assert_eq!(read(json!({})), Ok(defaults));
    }

    #[test]
    fn every_problem_is_said_at_once() {
        let said = [
            json!({"prefix": "a b", "tier": "free", "kms-key": "my key", "prefx": 1}),
            json!({"prefix": "shop/"}),
            json!({"prefix": "/aws/"}),
            json!({"prefix": "//"}),
            json!({"teir": "advanced"}),
        ]
        .map(|values| {
            let problems = read(values).unwrap_err();
            problems.iter().map(|problem| format!("{problem}\n")).collect::<String>()
        });
        insta::assert_snapshot!(said.concat());
    }
}
