//! What can be configured.

use longshore_model::{Arn, Options, Problem};

/// The options of the role builder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleOptions {
    /// The path of the role.
    pub(crate) path: String,
    /// Whether the trust policy names the account and region on whose behalf ECS may assume the role.
    pub(crate) confused_deputy_conditions: bool,
    /// The managed policy that bounds what the role may do.
    pub(crate) permissions_boundary: Option<Arn>,
}

impl RoleOptions {
    pub(crate) fn read(options: &Options) -> Result<Self, Vec<Problem>> {
        options.read(|fields| {
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
            Some(Self { path, confused_deputy_conditions, permissions_boundary })
        })
    }
}

/// IAM API reference, CreateRole, `Path`: a slash, or text between slashes, at most 512 characters.
fn is_path(path: &str) -> bool {
    let inner = path.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let well_formed = path == "/" || inner.is_some_and(|inner| !inner.is_empty());
    well_formed && path.len() <= 512 && path.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_policy(arn: &Arn) -> bool {
    arn.service() == "iam" && arn.resource().starts_with("policy/")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(values: Value) -> Result<RoleOptions, Vec<Problem>> {
        let values = values.as_object().unwrap().clone();
        let key = "services.api.execution-role".to_owned();
        RoleOptions::read(&Options { key, values, ..Options::default() })
    }

    #[test]
    fn everything_has_a_default() {
        let options =
            RoleOptions { path: "/".into(), confused_deputy_conditions: true, permissions_boundary: None };
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
        let lines: Vec<_> = problems.unwrap_err().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
