//! Compares the meaning of two policy documents.
//!
//! IAM's policy language (IAM user guide, "IAM JSON policy elements reference") lets people write one thing in many ways:
//! a text or a list of one, statements and list items in any order, actions and condition keys in any case. Statement
//! ids carry no meaning. Here every document is brought into one form, and the forms are compared.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Returns true if two documents, as JSON, mean the same. A text that is not a policy document equals only itself.
pub(crate) fn same(a: &str, b: &str) -> bool {
    // IAM keeps documents as they were written.
    a == b
        || match (parse(a), parse(b)) {
            (Some(a), Some(b)) => canonical(&a) == canonical(&b),
            _ => false,
        }
}

fn parse(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

/// A document in the one form: version, and the set of its statements.
fn canonical(document: &Map<String, Value>) -> (String, BTreeSet<String>) {
    // Without it, IAM assumes the language's first version.
    let version = document.get("Version").and_then(Value::as_str).unwrap_or("2008-10-17");
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().map(statement).collect(),
        Some(one) => [statement(one)].into(),
        None => BTreeSet::new(),
    };
    (version.to_owned(), statements)
}

/// A statement in the one form, as text: serde_json writes the keys of its maps in order.
fn statement(value: &Value) -> String {
    let Value::Object(fields) = value else { return value.to_string() };
    let mut form = Map::new();
    for (key, value) in fields {
        let value = match key.as_str() {
            "Sid" => continue,
            "Action" | "NotAction" => set(value, |text| text.to_ascii_lowercase()),
            "Resource" | "NotResource" => set(value, str::to_owned),
            "Principal" | "NotPrincipal" => principal(value),
            "Condition" if value.as_object().is_some_and(Map::is_empty) => continue,
            "Condition" => condition(value),
            _ => value.clone(),
        };
        form.insert(key.clone(), value);
    }
    sorted(form).to_string()
}

/// A text or a list of texts as an ordered list in which each stands once. Numbers and truth values count as texts.
fn set(value: &Value, normal: impl Fn(&str) -> String) -> Value {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let texts: BTreeSet<_> = items
        .iter()
        .map(|item| match item {
            Value::String(text) => normal(text),
            other => normal(&other.to_string()),
        })
        .collect();
    texts.into_iter().collect()
}

/// Everyone may be written in two ways, and an account as its number or as the ARN of its root.
fn principal(value: &Value) -> Value {
    match value {
        Value::Object(kinds) => {
            sorted(kinds.iter().map(|(kind, who)| (kind.clone(), set(who, account))).collect())
        }
        everyone => sorted([("AWS".to_owned(), set(everyone, account))].into_iter().collect()),
    }
}

fn account(text: &str) -> String {
    let mut parts = text.splitn(6, ':');
    let is_root = parts.next() == Some("arn")
        && parts.nth(1) == Some("iam")
        && parts.nth(1).is_some_and(|account| account.len() == 12)
        && parts.next() == Some("root");
    match text.split(':').nth(4) {
        Some(account) if is_root => account.to_owned(),
        _ => text.to_owned(),
    }
}

/// Operators with their keys, whose case does not count, and values.
fn condition(value: &Value) -> Value {
    let Value::Object(operators) = value else { return value.clone() };
    let operators = operators.iter().map(|(operator, keys)| {
        let keys = match keys {
            Value::Object(keys) => sorted(
                keys.iter()
                    .map(|(key, value)| (key.to_ascii_lowercase(), set(value, str::to_owned)))
                    .collect(),
            ),
            other => other.clone(),
        };
        (operator.clone(), keys)
    });
    sorted(operators.collect())
}

/// A map whose keys are in order, whatever order serde_json was built to keep.
fn sorted(map: Map<String, Value>) -> Value {
    let mut entries: Vec<_> = map.into_iter().collect();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    Value::Object(entries.into_iter().collect())
}

/// A document as a plan shows it: compact, with keys in order, so that two can be compared by eye.
pub(crate) fn shown(text: &str) -> String {
    fn in_order(value: Value) -> Value {
        match value {
            Value::Object(map) => {
                sorted(map.into_iter().map(|(key, value)| (key, in_order(value))).collect())
            }
            Value::Array(items) => items.into_iter().map(in_order).collect(),
            other => other,
        }
    }
    serde_json::from_str(text).map_or_else(|_| text.to_owned(), |value| in_order(value).to_string())
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::subsequence};
    use serde_json::json;

    use super::*;

    fn equal(a: &Value, b: &Value) -> bool {
        same(&a.to_string(), &b.to_string())
    }

    fn with(statement: Value) -> Value {
        json!({"Version": "2012-10-17", "Statement": statement})
    }

    #[test]
    fn ways_of_writing_one_thing_are_equal() {
        let trust = with(json!([{
            "Sid": "EcsTasks",
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }]));
        let by_hand = json!({
            "Statement": {
                "Action": ["STS:assumerole"],
                "Principal": {"Service": ["ecs-tasks.amazonaws.com"]},
                "Effect": "Allow",
                "Sid": "",
                "Condition": {},
            },
            "Version": "2012-10-17",
        });
        assert!(equal(&trust, &by_hand));
        let everyone = |who: Value| with(json!([{"Effect": "Allow", "Principal": who, "Action": "a:b"}]));
        assert!(equal(&everyone(json!("*")), &everyone(json!({"AWS": ["*"]}))));
        let root = json!({"AWS": "arn:aws:iam::123456789012:root"});
        assert!(equal(&everyone(root), &everyone(json!({"AWS": "123456789012"}))));
        let condition = |key: &str, value: Value| {
            with(
                json!([{"Effect": "Allow", "Action": "a:b", "Resource": "*", "Condition": {"Bool": {key: value}}}]),
            )
        };
        let upper = condition("aws:SecureTransport", json!(true));
        assert!(equal(&upper, &condition("AWS:securetransport", json!(["true"]))));
    }

    #[test]
    fn what_means_something_else_is_not_equal() {
        let allow =
            |resource: Value| with(json!([{"Effect": "Allow", "Action": "a:b", "Resource": resource}]));
        let deny = with(json!([{"Effect": "Deny", "Action": "a:b", "Resource": "x"}]));
        let conditional = with(
            json!([{"Effect": "Allow", "Action": "a:b", "Resource": "x", "Condition": {"Null": {"k": "true"}}}]),
        );
        let old = json!({"Statement": [{"Effect": "Allow", "Action": "a:b", "Resource": "x"}]});
        for other in [&allow(json!("X")), &allow(json!(["x", "y"])), &deny, &conditional, &old] {
            assert!(!equal(&allow(json!("x")), other), "{other}");
        }
        assert!(same("not a policy", "not a policy") && !same("not a policy", "{}"));
    }

    #[test]
    fn a_plan_shows_keys_in_order_and_no_white_space() {
        assert_eq!(
            shown("{ \"b\": [ {\"d\": 1, \"c\": 2} ],\n \"a\": 0 }"),
            r#"{"a":0,"b":[{"c":2,"d":1}]}"#
        );
    }

    const ACTIONS: [&str; 3] = ["secretsmanager:GetSecretValue", "kms:Decrypt", "logs:PutLogEvents"];
    const RESOURCES: [&str; 3] = ["arn:aws:s:::a", "arn:aws:s:::b", "*"];

    type Parts = Vec<(Vec<&'static str>, Vec<&'static str>, bool)>;

    fn parts() -> impl Strategy<Value = Parts> {
        let statement =
            (subsequence(ACTIONS.to_vec(), 1..=3), subsequence(RESOURCES.to_vec(), 1..=3), any::<bool>());
        proptest::collection::vec(statement, 1..4)
    }

    /// Writes the same statements in another way: order, single texts, case and ids.
    fn written(parts: &Parts, odd: bool) -> Value {
        let list = |texts: &[&str], lower: bool| {
            let mut texts: Vec<_> = texts
                .iter()
                .map(|text| if lower { text.to_lowercase() } else { (*text).to_owned() })
                .collect();
            if odd {
                texts.reverse();
            }
            if odd && texts.len() == 1 { json!(texts[0]) } else { json!(texts) }
        };
        let mut statements: Vec<_> = parts
            .iter()
            .enumerate()
            .map(|(index, (actions, resources, conditional))| {
                let mut statement =
                    json!({"Effect": "Allow", "Action": list(actions, odd), "Resource": list(resources, false)});
                if odd {
                    statement["Sid"] = json!(format!("S{index}"));
                }
                if *conditional {
                    let key = if odd { "AWS:SourceAccount" } else { "aws:SourceAccount" };
                    statement["Condition"] = json!({"StringEquals": {key: list(&["1"], false)}});
                }
                statement
            })
            .collect();
        if odd {
            statements.reverse();
        }
        if odd && statements.len() == 1 { with(statements.remove(0)) } else { with(json!(statements)) }
    }

    proptest! {
        #[test]
        fn documents_are_equal_exactly_if_they_hold_the_same_statements(a in parts(), b in parts()) {
            prop_assert!(equal(&written(&a, false), &written(&a, true)));
            let sets = [&a, &b].map(|parts| parts.iter().cloned().collect::<BTreeSet<_>>());
            prop_assert_eq!(sets[0] == sets[1], equal(&written(&a, false), &written(&b, true)));
        }
    }
}
