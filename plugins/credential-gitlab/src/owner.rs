//! Whom a deploy token belongs to.

use std::fmt;

use longshore_model::{Failure, FailureKind, Fields};
use longshore_plugin::{PullScope, Result};
use serde::Deserialize;
use serde_json::Value;

/// A project or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnerKind {
    Project,
    Group,
}

impl OwnerKind {
    /// Its key among the options, and its name for people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Group => "group",
        }
    }

    /// Its segment in the API's paths.
    pub(crate) const fn segment(self) -> &'static str {
        match self {
            Self::Project => "projects",
            Self::Group => "groups",
        }
    }
}

/// Whom a deploy token belongs to, as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) kind: OwnerKind,
    /// Its path (`acme/api`) or its number.
    pub(crate) id: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} {}", self.kind.name(), self.id)
    }
}

impl Owner {
    /// Reads `project` or `group`: one of them.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let kind = match (fields.has("project"), fields.has("group")) {
            (true, false) => OwnerKind::Project,
            (false, true) => OwnerKind::Group,
            (is_both, _) => {
                let message = if is_both {
                    "names both a project and a group"
                } else {
                    "names neither a project nor a group"
                };
                fields.problem("", message, "write it as in { project = \"acme/api\", expires-days = 90 }");
                fields.skip("project");
                fields.skip("group");
                return None;
            }
        };
        fields.skip(if kind == OwnerKind::Project { "group" } else { "project" });
        let field = kind.name();
        let id = match fields.peek(field) {
            Some(Value::Number(_)) => fields.number(field, 1..=u32::MAX)?.to_string(),
            _ => fields.text(field)?,
        };
        if !is_path(&id) {
            fields.refuse(field, "a path such as \"acme/api\", or a number");
            return None;
        }
        Some(Self { kind, id })
    }
}

/// Returns true if `text` is the path of a project or group: segments of letters, digits, `_`, `-` and `.`
fn is_path(text: &str) -> bool {
    text.split('/').all(|segment| {
        !segment.is_empty()
            && !segment.bytes().all(|byte| byte == b'.')
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    })
}

/// A project or group as the API describes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Described {
    pub(crate) id: u64,
    /// Of a project it is `path_with_namespace`, of a group `full_path`.
    #[serde(alias = "path_with_namespace", alias = "full_path")]
    pub(crate) whole_path: String,
}

impl Described {
    /// Refuses a scope that a token of this project or group does not reach. Images lie below the path of their
    /// project, in small letters (GitLab Docs, "Container registry", "Naming convention").
    pub(crate) fn check(&self, owner: &Owner, scope: &PullScope, key: &str) -> Result<()> {
        let path = self.whole_path.to_ascii_lowercase();
        let below = format!("{path}/");
        let is_outside = |repository: &&String| **repository != path && !repository.starts_with(&below);
        let outside: Vec<_> = scope.repositories.iter().filter(is_outside).map(String::as_str).collect();
        let fail =
            |message: String, help: &str| Err(Failure::new(FailureKind::Invalid, message).at(key).help(help));
        if scope.repositories.is_empty() {
            let message = format!("the stack pulls nothing from {}", scope.host);
            return fail(message, "remove the registry");
        }
        if outside.is_empty() {
            return Ok(());
        }
        let kind = owner.kind.name();
        let shown = outside[..outside.len().min(5)].join(", ");
        let message = format!("a deploy token of the {kind} {} does not pull {shown}", self.whole_path);
        fail(message, "name a group that all images of the stack on this registry are in")
    }
}
