//! The role's options.

use longshore_model::{Arn, Options, Problem, consists_of};
use serde_json::Value;

use crate::simulator::name_of;

/// The options of the role builder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleOptions {
    /// A role that is there already, and is used as it is.
    pub(crate) existing: Option<ExistingRole>,
    /// The path of the role.
    pub(crate) path: String,
    /// True if the trust policy names the account and region on whose behalf ECS may assume the role.
    pub(crate) confused_deputy_conditions: bool,
    /// The managed policy that bounds what the role may do.
    pub(crate) permissions_boundary: Option<Arn>,
}

/// A role that is there already, as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExistingRole {
    /// Its ARN.
    Arn(Arn),
    /// The name of a role of the caller's account, whose path is `/`.
    Name(String),
}

impl ExistingRole {
    /// Returns what `text` names: the ARN of a role, or a role's name (IAM API reference, CreateRole).
    fn of(text: &str) -> Option<Self> {
        match text.parse() {
            Ok(arn) => Some(Self::Arn(arn)).filter(|_| is_role(text)),
            Err(_) => consists_of(text, "+=,.@-_", 64).then(|| Self::Name(text.to_owned())),
        }
    }

    /// Returns the name, without the path.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Arn(arn) => name_of(arn.as_str()),
            Self::Name(name) => name,
        }
    }
}

impl RoleOptions {
    pub(crate) fn read(options: &Options) -> Result<Self, Vec<Problem>> {
        let named_elsewhere: Vec<_> =
            ["name", "managed-policies"].into_iter().filter(|key| is_set(options.taken.get(*key))).collect();
        options.read(|fields| {
            let existing = fields.text("arn").and_then(|text| {
                let existing = ExistingRole::of(&text);
                if existing.is_none() {
                    let help = "must be the ARN of a role, such as \"arn:aws:iam::123456789012:role/api\", or its name";
                    fields.problem("arn", format!("found \"{text}\""), help);
                }
                existing
            });
            if fields.has("arn") {
                let own = ["path", "confused-deputy-conditions", "permissions-boundary"];
                let own: Vec<_> = own.into_iter().filter(|key| fields.has(key)).collect();
                for key in own.into_iter().chain(named_elsewhere) {
                    let help = "remove it: a role that is there already is used as it is";
                    fields.problem(key, "stands beside `arn`", help);
                }
            }
            let path = fields.text("path").unwrap_or_else(|| "/".to_owned());
            if !is_path(&path) {
                let help = "must begin and end with a slash, such as \"/longshore/\"";
                fields.problem("path", format!("found \"{path}\""), help);
            }
            let confused_deputy_conditions = fields.flag("confused-deputy-conditions").unwrap_or(true);
            let permissions_boundary = fields.text("permissions-boundary").and_then(|text| {
                let arn = text.parse().ok().filter(is_policy);
                if arn.is_none() {
                    let help = "must be the ARN of a managed policy, such as \
                                \"arn:aws:iam::123456789012:policy/boundary\"";
                    fields.problem("permissions-boundary", format!("found \"{text}\""), help);
                }
                arn
            });
            Some(Self { existing, path, confused_deputy_conditions, permissions_boundary })
        })
    }
}

/// IAM API reference, CreateRole, `Path`: a slash, or text between slashes, at most 512 characters.
fn is_path(path: &str) -> bool {
    let inner = path.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let well_formed = path == "/" || inner.is_some_and(|inner| !inner.is_empty());
    well_formed && path.len() <= 512 && path.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_role(arn: &str) -> bool {
    let is_role = |arn: Arn| {
        arn.service() == "iam" && arn.resource().strip_prefix("role/").is_some_and(|name| !name.is_empty())
    };
    arn.parse().is_ok_and(is_role)
}

/// Returns true if the user has configured a key that the loader has read.
fn is_set(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.as_object().is_none_or(|table| !table.is_empty()))
}

fn is_policy(arn: &Arn) -> bool {
    arn.service() == "iam" && arn.resource().starts_with("policy/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(values: Value) -> Result<RoleOptions, Vec<Problem>> {
        let values = values.as_object().unwrap().clone();
        let key = "services.api.execution-role".to_owned();
        RoleOptions::read(&Options { key, values, ..Options::default() })
    }

    #[test]
    fn everything_has_a_default() {
        let options = RoleOptions {
            existing: None,
            path: "/".into(),
            confused_deputy_conditions: true,
            permissions_boundary: None,
        };
        assert_eq!(read(json!({})).unwrap(), options);
        assert_eq!(read(json!({"path": "/longshore/shop/"})).unwrap().path, "/longshore/shop/");
    }

    #[test]
    fn every_problem_is_said_at_once() {
        let problems = read(json!({
            "path": "longshore",
            "confused-deputy-conditions": "no",
            "permissions-boundary": "boundary",
            "managed": [],
        }));
        let existing =
            read(json!({"arn": "a b", "path": "/x/", "permissions-boundary": "arn:aws:iam::1:policy/b"}));
        let lines: Vec<_> =
            [problems.unwrap_err(), existing.unwrap_err()].concat().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
