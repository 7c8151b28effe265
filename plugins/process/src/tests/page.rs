//! The page of the protocol, and its schemas.

use boon::{Compiler, Schemas};

use super::*;
use crate::{
    Hello,
    protocol::{Envelope, Greeting},
};

const PAGE: &str = include_str!("../../../../docs/plugins.md");
const SCHEMA: &str = include_str!("../../../../docs/plugins.schema.json");

/// Returns true if `value` is what the schema of `side` describes.
fn is_described(side: &str, value: &Value) -> bool {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut compiler = Compiler::new();
    compiler.add_resource("https://plugins.invalid/schema.json", schema).unwrap();
    let mut schemas = Schemas::new();
    let location = format!("https://plugins.invalid/schema.json#/$defs/{side}");
    let index = compiler.compile(&location, &mut schemas).unwrap();
    schemas.validate(value, index).is_ok()
}

/// Returns true if a program may send `text`.
fn is_read(text: &str) -> bool {
    let Ok(envelope) = serde_json::from_str::<Envelope>(text) else { return false };
    envelope.hello.is_none() || serde_json::from_str::<Greeting<Hello>>(text).is_ok()
}

#[test]
fn lines_of_the_page_are_those_of_the_protocol() {
    let blocks = PAGE.split("```json\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut sides = [0, 0];
    for line in blocks.flat_map(str::lines) {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value.to_string().len(), line.len(), "it has no white space: {line}");
        let is_host = is_described("host", &value);
        assert_ne!(is_host, is_described("program", &value), "{line}");
        assert_eq!(!is_host, is_read(line) && value.get("method").is_none(), "{line}");
        sides[usize::from(is_host)] += 1;
    }
    assert_eq!(sides, [7, 5]);
}

#[test]
fn schema_refuses_what_longshore_refuses() {
    let hello = |more: Value| {
        let mut hello = json!({ "protocol": 1, "name": "x", "version": "1", "kinds": {} });
        hello.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "hello": hello })
    };
    for wrong in [
        hello(json!({ "more": 1 })),
        hello(json!({ "kinds": { "credential-source": { "options": { "pattern": "x" } } } })),
        hello(json!({ "kinds": { "role-builder": {} } })),
        json!({ "id": 1, "result": {}, "more": 1 }),
        json!({ "id": 1, "error": { "kind": "bad", "message": "x" } }),
        json!({ "id": 1, "error": { "kind": "denied" } }),
    ] {
        assert!(!is_described("program", &wrong) && !is_read(&wrong.to_string()), "{wrong}");
    }
    let right = hello(json!({ "kinds": { "step": { "capabilities": ["plan"] } } }));
    assert!(is_described("program", &right) && is_read(&right.to_string()));
}

#[test]
fn page_names_all_kinds_of_errors() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for kind in schema["$defs"]["error"]["properties"]["kind"]["enum"].as_array().unwrap() {
        let text = format!(r#"{{"id":1,"error":{{"kind":{kind},"message":"x"}}}}"#);
        assert!(is_read(&text), "{kind}");
        assert!(PAGE.contains(&format!("| `{}` |", kind.as_str().unwrap())), "{kind}");
    }
}
