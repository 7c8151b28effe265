//! Values: whether two mean the same.

use longshore_model::{Failure, FailureKind, Secret};
use longshore_plugin::Result;
use serde_json::Value;
use zeroize::Zeroize as _;

/// The most bytes of a value (Secrets Manager user guide, "Quotas").
const LIMIT: usize = 65_536;

/// Refuses values that Secrets Manager would refuse.
pub(crate) fn check(value: &Secret<String>) -> Result<()> {
    let length = value.expose().len();
    if (1..=LIMIT).contains(&length) {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::Invalid,
        format!("the value to be stored has {length} bytes; Secrets Manager allows 1 to {LIMIT}"),
    ))
}

/// Returns true if two values mean the same: the same JSON in whatever order and layout, or else the same bytes.
pub(crate) fn same(a: &Secret<String>, b: &Secret<String>) -> bool {
    if a == b {
        return true;
    }
    match (Parsed::of(a), Parsed::of(b)) {
        (Some(a), Some(b)) => a.0 == b.0,
        _ => false,
    }
}

/// Parsed JSON whose texts are wiped from memory in the end.
struct Parsed(Value);

impl Parsed {
    fn of(value: &Secret<String>) -> Option<Self> {
        serde_json::from_str(value.expose()).ok().map(Self)
    }
}

impl Drop for Parsed {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn values_are_compared_by_meaning() {
        let stored = secret("{\n  \"password\": \"ghp_1\",\n  \"username\": \"acme\"\n}");
        assert!(same(&stored, &secret(r#"{"username":"acme","password":"ghp_1"}"#)));
        assert!(!same(&stored, &secret(r#"{"username":"acme","password":"ghp_2"}"#)));
        assert!(!same(&stored, &secret(r#"{"username":"acme","password":"ghp_1","email":""}"#)));
        assert!(same(&secret("not json"), &secret("not json")));
        assert!(!same(&secret("not json"), &secret("not json ")));
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        assert!(check(&secret("")).is_err());
        assert!(check(&secret(&"a".repeat(65_536))).is_ok());
        assert!(check(&secret(&"a".repeat(65_537))).is_err());
    }

    proptest! {
        #[test]
        fn credentials_mean_the_same_exactly_if_their_parts_are_equal(
            a in ("[a-c\"\\\\]{1,2}", "[a-c\"\\\\]{1,2}"),
            b in ("[a-c\"\\\\]{1,2}", "[a-c\"\\\\]{1,2}"),
        ) {
            let one = serde_json::json!({"username": a.0, "password": a.1}).to_string();
            let [user, password] = [&b.0, &b.1].map(|text| Value::from(text.as_str()).to_string());
            let other = format!("{{ \"username\" : {user},\n\"password\":{password} }}");
            prop_assert_eq!(a == b, same(&secret(&one), &secret(&other)));
        }
    }
}
