//! A small evaluator of IAM's policy language, to judge a document by what it says and not by how it was made.
//!
//! It knows what Longshore writes and what trust policies of ECS have: `Allow` and `Deny`, actions and resources with
//! wildcards, principals, and conditions on texts and ARNs (IAM user guide, "IAM JSON policy elements reference"). It
//! refuses any other part of a document as not understood.

use serde_json::{Map, Value};

/// A request: may this be done?
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) action: &'a str,
    /// The ARN; nothing for a trust policy, which is the resource itself.
    pub(crate) resource: Option<&'a str>,
    /// The service that asks, for a trust policy.
    pub(crate) service: Option<&'a str>,
    /// Condition keys with their values.
    pub(crate) context: &'a [(&'static str, String)],
}

/// A part of a document that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotUnderstood(pub(crate) String);

type Result<T> = std::result::Result<T, NotUnderstood>;

/// Returns true if a document allows a request: a statement allows it, and none denies it.
pub(crate) fn allows(document: &Value, request: &Request<'_>) -> Result<bool> {
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => return Err(not_understood("a document without statements")),
    };
    let mut allowed = false;
    for statement in statements {
        let statement =
            statement.as_object().ok_or_else(|| not_understood("a statement that is no object"))?;
        match (statement.get("Effect").and_then(Value::as_str), matches(statement, request)?) {
            (Some("Allow"), matches) => allowed |= matches,
            (Some("Deny"), true) => return Ok(false),
            (Some("Deny"), false) => {}
            _ => return Err(not_understood("a statement without effect")),
        }
    }
    Ok(allowed)
}

fn not_understood(what: &str) -> NotUnderstood {
    NotUnderstood(what.to_owned())
}

fn matches(statement: &Map<String, Value>, request: &Request<'_>) -> Result<bool> {
    let mut all = true;
    for (element, value) in statement {
        all &= match element.as_str() {
            "Sid" | "Effect" => true,
            "Action" => {
                any(value, |text| glob(&text.to_ascii_lowercase(), &request.action.to_ascii_lowercase()))?
            }
            "Resource" => {
                let Some(resource) = request.resource else {
                    return Err(not_understood("a resource in a trust policy"));
                };
                any(value, |text| glob(text, resource))?
            }
            "Principal" => principal(value, request)?,
            "Condition" => conditions(value, request)?,
            other => return Err(not_understood(other)),
        };
    }
    let has = |element: &str| statement.contains_key(element);
    if !has("Action") || !(has("Resource") || has("Principal")) {
        return Err(not_understood("a statement that is about everything"));
    }
    Ok(all)
}

fn principal(value: &Value, request: &Request<'_>) -> Result<bool> {
    match value {
        Value::String(everyone) if everyone == "*" => Ok(true),
        Value::Object(kinds) => {
            let services = kinds.get("Service");
            let named = services.map(|services| any(services, |text| Some(text) == request.service));
            let everyone = kinds.get("AWS").map(|aws| any(aws, |text| text == "*"));
            Ok(named.unwrap_or(Ok(false))? || everyone.unwrap_or(Ok(false))?)
        }
        _ => Err(not_understood("a principal")),
    }
}

fn conditions(value: &Value, request: &Request<'_>) -> Result<bool> {
    let operators = value.as_object().ok_or_else(|| not_understood("a condition that is no object"))?;
    let mut all = true;
    for (operator, keys) in operators {
        let compare: fn(&str, &str) -> bool = match operator.as_str() {
            "StringEquals" => |wanted, found| wanted == found,
            "StringLike" | "ArnLike" | "ArnEquals" => glob,
            other => return Err(not_understood(other)),
        };
        let keys = keys.as_object().ok_or_else(|| not_understood("a condition without keys"))?;
        for (key, wanted) in keys {
            let found = request.context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
            // A key that the request does not bring matches nothing.
            all &= match found {
                Some((_, found)) => any(wanted, |wanted| compare(wanted, found))?,
                None => false,
            };
        }
    }
    Ok(all)
}

/// Returns true if `fits` says yes to any of the texts in `value`, which is one or a list of them.
fn any(value: &Value, fits: impl Fn(&str) -> bool) -> Result<bool> {
    let texts = match value {
        Value::Array(texts) => texts.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut found = false;
    for text in texts {
        let text = text.as_str().ok_or_else(|| not_understood("a value that is no text"))?;
        if text.contains("${") {
            return Err(not_understood("a policy variable"));
        }
        found |= fits(text);
    }
    Ok(found)
}

/// Returns true if `pattern` fits all of `text`: `*` stands for any characters, `?` for one.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked<'a>(action: &'a str, resource: &'a str, context: &'a [(&'static str, String)]) -> Request<'a> {
        Request { action, resource: Some(resource), service: None, context }
    }

    #[test]
    fn patterns() {
        for (pattern, text) in [
            ("*", ""),
            ("a*c", "abbc"),
            ("a?c", "abc"),
            ("*-??????", "x-AbCdEf"),
            ("a**", "a"),
            ("a*b*c", "axbyc"),
        ] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a?", "a"), ("a*c", "ab"), ("", "a"), ("*b", "ba")] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn statements_allow_and_deny() {
        let allow = json!({"Effect": "Allow", "Action": "s:Get*", "Resource": ["arn:a", "arn:b"]});
        let deny = json!({"Effect": "Deny", "Action": ["S:GetB"], "Resource": "*"});
        let document = json!({"Statement": [allow, deny]});
        let may = |action: &str, resource: &str| allows(&document, &asked(action, resource, &[])).unwrap();
        assert!(may("s:GetA", "arn:a") && may("S:geta", "arn:b"));
        assert!(!may("s:GetA", "arn:c") && !may("s:GetB", "arn:a") && !may("s:Put", "arn:a"));
    }

    #[test]
    fn conditions_need_every_key() {
        let condition =
            json!({"StringEquals": {"k:Via": "x", "K:C": ["1", "2"]}, "ArnLike": {"a:S": "arn:*"}});
        let statement = json!({"Effect": "Allow", "Action": "s:A", "Resource": "*", "Condition": condition});
        let document = json!({"Statement": statement});
        let context =
            |c: &str| vec![("k:via", "x".to_owned()), ("k:C", c.to_owned()), ("a:S", "arn:1".to_owned())];
        let may =
            |context: &[(&'static str, String)]| allows(&document, &asked("s:A", "r", context)).unwrap();
        assert!(may(&context("2")));
        assert!(!may(&context("3")) && !may(&context("2")[1..]) && !may(&[]));
    }

    #[test]
    fn what_is_not_understood_is_no_answer() {
        for statement in [
            json!({"Effect": "Allow", "NotAction": "s:A", "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "s:A"}),
            json!({"Effect": "Maybe", "Action": "s:A", "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "s:A", "Resource": "${aws:username}"}),
            json!({"Effect": "Allow", "Action": "s:A", "Resource": "*", "Condition": {"Bool": {"a": true}}}),
        ] {
            let document = json!({"Statement": [statement]});
            assert!(allows(&document, &asked("s:A", "r", &[])).is_err(), "{document}");
        }
    }
}
