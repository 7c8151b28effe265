//! KMS keys by their ids and aliases.

use longshore_model::{Arn, Failure, FailureKind};
use longshore_plugin::Result;
use serde_json::{Value, json};

use crate::{Aws, failure};

/// Returns true if `reference` is the full ARN of a key. An alias can be moved to another key; an ARN says which key it is.
#[must_use]
pub fn is_key_arn(reference: &str) -> bool {
    let is_key = |arn: Arn| {
        arn.service() == "kms"
            && !arn.region().is_empty()
            && !arn.account().is_empty()
            && arn.resource().strip_prefix("key/").is_some_and(|id| !id.is_empty())
    };
    reference.parse().is_ok_and(is_key)
}

/// Returns true if `reference` can name a key: an ARN of a key or an alias, a key's id, or `alias/NAME`.
#[must_use]
pub fn is_key_reference(reference: &str) -> bool {
    let is_alias = |arn: Arn| arn.service() == "kms" && arn.resource().starts_with("alias/");
    if reference.starts_with("arn:") {
        return is_key_arn(reference) || reference.parse().is_ok_and(is_alias);
    }
    let name = reference.strip_prefix("alias/").unwrap_or(reference);
    // KMS API reference, CreateAlias.
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    (1..=256).contains(&name.len()) && name.chars().all(allowed)
}

impl Aws {
    /// The full ARN of the key that `reference` names: its ARN, its id, `alias/NAME` or the alias's ARN. Each is asked
    /// for once.
    ///
    /// # Errors
    /// When there is no such key, when it is in another region, or when the caller may not look.
    pub async fn key_arn(&self, reference: &str) -> Result<String> {
        let region = self.region().await?;
        let named = reference.parse::<Arn>().ok();
        if let Some(other) = named.filter(|arn| arn.region() != region) {
            let message =
                format!("the KMS key {other} is in another region than the stack, which is in {region}");
            return Err(
                Failure::new(FailureKind::Invalid, message).help("set `kms-key` to a key of that region")
            );
        }
        if is_key_arn(reference) {
            return Ok(reference.to_owned());
        }
        if let Some(known) = self.known_key(reference) {
            return Ok(known);
        }
        let at = format!("kms:DescribeKey {reference}");
        let answer = self.kms().await?.call("DescribeKey", json!({ "KeyId": reference })).await;
        let answer = answer.map_err(|error| {
            let failure = failure(&error, &at);
            match failure.kind {
                FailureKind::NotFound => failure.help("correct `kms-key`"),
                FailureKind::Denied => failure
                    .help("allow `kms:DescribeKey` to the caller, or set `kms-key` to the key's full ARN"),
                _ => failure,
            }
        })?;
        let arn = answer
            .pointer("/KeyMetadata/Arn")
            .and_then(Value::as_str)
            .ok_or_else(|| Failure::new(FailureKind::Internal, "KMS answers without an ARN").at(&at))?;
        self.remember_key(reference, arn);
        Ok(arn.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_arns_from_other_references() {
        let key = "arn:aws:kms:eu-central-1:123456789012:key/1234";
        assert!(is_key_arn(key) && is_key_reference(key));
        for reference in ["1234abcd-12ab", "alias/shop", "arn:aws:kms:eu-central-1:123456789012:alias/shop"] {
            assert!(!is_key_arn(reference) && is_key_reference(reference), "{reference}");
        }
        for none in ["", "alias/", "a b", "arn:aws:kms:eu-central-1:123456789012:key/", "arn:aws:s3:::x"] {
            assert!(!is_key_reference(none), "{none}");
        }
    }
}
