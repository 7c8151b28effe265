//! Results of the query protocols as XML.

use serde_json::Value;

/// Writes a tree as elements; an element of a list is named `item_name`, `null` is left out.
pub(super) fn write(out: &mut String, value: &Value, item_name: &str) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => escape(out, text),
        Value::Array(list) => list.iter().for_each(|item| element(out, item_name, item, item_name)),
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .for_each(|(name, value)| element(out, name, value, item_name)),
    }
}

/// Writes one element with its content.
pub(super) fn element(out: &mut String, name: &str, value: &Value, item_name: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    write(out, value, item_name);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
}
