//! The repositories that an organisation access token is limited to.

use longshore_model::{Failure, FailureKind};
use longshore_plugin::{PullScope, Result};
use serde_json::{Value, json};

/// The maximum number of repositories that a token may name (Docker Docs, "Organization access tokens").
const LIMIT: usize = 50;
/// All public repositories (Docker Hub API reference, `orgAccessTokenResource`). A token that does not name them cannot
/// pull them either.
const PUBLIC: &str = "*/*/public";

/// The repositories that a token may pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resources {
    /// The organisation's repositories.
    own: Vec<String>,
    /// True if there are others beside: they have to be public.
    public: bool,
}

impl Resources {
    /// Returns the resources that a token of `organization` has to name for `scope`. `key` is the option `mint`.
    ///
    /// # Errors
    /// Invalid, when no token can have that scope.
    pub(crate) fn of(scope: &PullScope, organization: &str, key: &str) -> Result<Self> {
        let fail =
            |message: String, help: &str| Err(Failure::new(FailureKind::Invalid, message).at(key).help(help));
        if scope.host != "docker.io" {
            let message = format!("tokens of Docker Hub are of no use for {}", scope.host);
            return fail(message, "leave mint out");
        }
        let is_own = |repository: &&String| {
            repository.split_once('/').is_some_and(|(namespace, _)| namespace == organization)
        };
        let (own, others): (Vec<_>, Vec<_>) = scope.repositories.iter().partition(is_own);
        if own.is_empty() {
            let message = if others.is_empty() {
                format!(
                    "the stack pulls nothing from {}, so there is nothing to make a token for",
                    scope.host
                )
            } else {
                format!("the stack pulls nothing of the organisation {organization}: {}", list(&others))
            };
            return fail(
                message,
                "correct the organisation, or remove the registry: public images need no credential",
            );
        }
        let resources = Self { own: own.into_iter().cloned().collect(), public: !others.is_empty() };
        let count = resources.paths().count();
        if count > LIMIT {
            let message = format!(
                "an organisation access token is limited to {LIMIT} repositories, and the stack pulls {count}"
            );
            return fail(
                message,
                "split the stack, or leave mint out and use an access token that reads all repositories",
            );
        }
        Ok(resources)
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        self.own.iter().map(String::as_str).chain(self.public.then_some(PUBLIC))
    }

    /// As the API has it.
    pub(crate) fn to_json(&self) -> Value {
        let resource = |path| json!({ "type": "TYPE_REPO", "path": path, "scopes": ["scope-image-pull"] });
        self.paths().map(resource).collect()
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        let public = if self.public { " and public repositories" } else { "" };
        format!("{}{public}", list(&self.own))
    }
}

/// The first of them, and how many more there are.
fn list(items: &[impl AsRef<str>]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<_> = items.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match items.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
