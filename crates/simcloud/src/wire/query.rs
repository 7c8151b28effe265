//! The query protocols' forms, unfolded into the shape that JSON would have.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Decodes `application/x-www-form-urlencoded`.
pub(crate) fn pairs(form: &[u8]) -> Vec<(String, String)> {
    form.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let value = pair.get(at + 1..).unwrap_or_default();
            (decode(&pair[..at]), decode(value))
        })
        .collect()
}

fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten().and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A form as a tree: `Tags.member.1.Key=a` becomes `{"Tags": [{"Key": "a"}]}`, and so does EC2's `Tags.1.Key=a`.
pub(super) fn unfold(form: &[u8]) -> Map<String, Value> {
    let mut root = Node::default();
    for (key, value) in pairs(form) {
        let mut node = &mut root;
        for part in key.split('.') {
            node = node.children.entry(Part::of(part)).or_default();
        }
        node.text = Some(value);
    }
    match root.into_value() {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// A part of a key: positions sort as numbers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Position(u32),
    Name(String),
}

impl Part {
    fn of(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Position)
    }
}

#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<Part, Node>,
}

impl Node {
    fn into_value(mut self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.text.unwrap_or_default());
        }
        if self.children.len() == 1
            && let Some(list) = self.children.remove(&Part::Name("member".to_owned()))
        {
            return match list.into_value() {
                list @ Value::Array(_) => list,
                // `A.member=` is how some clients write an empty list.
                _ => Value::Array(Vec::new()),
            };
        }
        if self.children.keys().all(|part| matches!(part, Part::Position(_))) {
            return Value::Array(self.children.into_values().map(Self::into_value).collect());
        }
        Value::Object(
            self.children
                .into_iter()
                .map(|(part, node)| {
                    let name = match part {
                        Part::Position(number) => number.to_string(),
                        Part::Name(name) => name,
                    };
                    (name, node.into_value())
                })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_structures_unfold_in_the_order_of_their_positions() {
        let form = b"RoleName=a%2Fb+c&Tags.member.2.Key=y&Tags.member.10.Key=z&Tags.member.1.Key=x&Tags.member.1.Value=";
        assert_eq!(
            Value::Object(unfold(form)),
            json!({"RoleName": "a/b c", "Tags": [{"Key": "x", "Value": ""}, {"Key": "y"}, {"Key": "z"}]})
        );
    }

    #[test]
    fn ec2_lists_have_no_member() {
        let form = b"Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1&SubnetId.1=subnet-1";
        assert_eq!(
            Value::Object(unfold(form)),
            json!({"Filter": [{"Name": "vpc-id", "Value": ["vpc-1"]}], "SubnetId": ["subnet-1"]})
        );
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        assert_eq!(pairs(b"a=%zz%4"), [("a".to_owned(), "%zz%4".to_owned())]);
    }
}
