//! Values as TOML writes them.

use serde_json::{Map, Number, Value};

/// The value of a variable or of `--set`: TOML where it is TOML, otherwise the text as it stands.
///
/// A number stays a number only where it is written plainly: `1.10` and `0x1F` are texts, such as a version.
pub(super) fn parse(text: &str) -> Value {
    let Ok(value) = text.parse::<toml_edit::Value>() else { return Value::from(text) };
    match to_json(&value) {
        Value::Number(number) if number.to_string() != text => Value::from(text),
        Value::String(_) if !value.is_str() => Value::from(text),
        value => value,
    }
}

/// A TOML value in JSON's words. Dates, and numbers that JSON has not, become texts.
pub(super) fn to_json(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => Value::from(text.value().as_str()),
        toml_edit::Value::Integer(number) => Value::from(*number.value()),
        toml_edit::Value::Float(number) => Number::from_f64(*number.value())
            .map_or_else(|| Value::from(number.value().to_string()), Value::Number),
        toml_edit::Value::Boolean(flag) => Value::from(*flag.value()),
        toml_edit::Value::Datetime(date) => Value::from(date.value().to_string()),
        toml_edit::Value::Array(items) => items.iter().map(to_json).collect(),
        toml_edit::Value::InlineTable(table) => Value::Object(
            table.iter().map(|(key, value)| (key.to_owned(), to_json(value))).collect::<Map<_, _>>(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn is_toml_where_it_is_toml_and_text_otherwise() {
        for (text, value) in [
            ("3", json!(3)),
            ("true", json!(true)),
            ("0.5", json!(0.5)),
            ("[\"a\", \"b\"]", json!(["a", "b"])),
            ("{ file = \"a/b\" }", json!({"file": "a/b"})),
            ("\"3\"", json!("3")),
            ("", json!("")),
            ("1.10", json!("1.10")),
            ("012345678901", json!("012345678901")),
            ("0x1F", json!("0x1F")),
            ("2026-01-01", json!("2026-01-01")),
            ("inf", json!("inf")),
            ("ghcr.io/acme/api:1.4.2", json!("ghcr.io/acme/api:1.4.2")),
            ("[a", json!("[a")),
        ] {
            assert_eq!(parse(text), value, "{text}");
        }
    }
}
