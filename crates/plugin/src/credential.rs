//! Credentials that pull images, and where they come from.

use async_trait::async_trait;
use longshore_model::Secret;
use zeroize::Zeroizing;

use crate::{Context, Result, TokenMinter};

/// A user name with a password or token. It leaves the step that fetched it only into a secret store.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The user name.
    pub username: String,
    /// The password or token.
    pub password: Secret<String>,
}

impl Credential {
    /// The JSON that the ECS agent reads: `{"username":…,"password":…}` (ECS developer guide, "Using non-AWS
    /// container images").
    #[must_use]
    pub fn to_secret_string(&self) -> Secret<String> {
        let [username, password] = [&self.username, self.password.expose()]
            .map(|text| Zeroizing::new(serde_json::Value::from(text.as_str()).to_string()));
        Secret::new(format!("{{\"username\":{},\"password\":{}}}", *username, *password))
    }

    /// Reads the JSON that the ECS agent reads. Nothing when the agent would not find a user name and a password in it.
    #[must_use]
    pub fn from_secret_string(text: &Secret<String>) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Parts {
            username: String,
            password: String,
        }
        let Parts { username, password } = serde_json::from_str(text.expose()).ok()?;
        let password = Secret::new(password);
        (!username.is_empty() && !password.expose().is_empty()).then_some(Self { username, password })
    }

    /// Returns why Basic authentication, by which ECS logs in, cannot carry it (RFC 7617).
    #[must_use]
    pub fn unfit(&self) -> Option<&'static str> {
        if self.username.contains(':') {
            Some("its user name has a colon")
        } else if self.username.contains(char::is_control) {
            Some("its user name has a control character")
        } else if !is_basic_password(self.password.expose()) {
            Some("its password has a control character that is neither a line break nor a tab")
        } else {
            None
        }
    }
}

/// Returns `true` if registries accept `password` in Basic authentication. RFC 7617 excludes control characters. Line
/// breaks and tabs are accepted nevertheless: the key files that Google's registries expect as a password contain them.
#[must_use]
pub fn is_basic_password(password: &str) -> bool {
    !password.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// Obtains the credential of one container registry.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// Returns the credential's source, in a few words: `environment variable GHCR_TOKEN`.
    fn describe(&self) -> String;

    /// Obtains the credential.
    ///
    /// # Errors
    /// If there is no credential, or if it is of a kind that must not be stored.
    async fn fetch(&self, context: &Context) -> Result<Credential>;

    /// Returns the minter of the registry's tokens if the configuration asks for tokens that are made for the stack.
    /// `fetch` is then not called for what is stored.
    fn minter(&self) -> Option<&dyn TokenMinter> {
        None
    }

    /// Returns the facts about a credential that the registry's API reports.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    async fn facts(&self, _context: &Context, _credential: &Credential) -> Result<CredentialFacts> {
        Ok(CredentialFacts::default())
    }
}

/// The facts about a credential that a registry's API reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialFacts {
    /// The credential's kind, in a few words: `classic personal access token`.
    pub kind: Option<String>,
    /// The credential's permissions.
    pub scopes: Vec<String>,
    /// When it expires, in seconds since the Unix epoch.
    pub expires_at: Option<u64>,
    /// True if the API tells that it never expires. Without this and without a time, it does not tell.
    pub never_expires: bool,
    /// The number of pulls left in the registry's current window.
    pub remaining_pulls: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_the_json_that_ecs_reads() {
        let credential = Credential { username: "a\"b".into(), password: Secret::new("p\\ü".into()) };
        assert_eq!(credential.to_secret_string().expose(), r#"{"username":"a\"b","password":"p\\ü"}"#);
        let read = Credential::from_secret_string(&credential.to_secret_string()).unwrap();
        assert_eq!((read.username.as_str(), read.password.expose().as_str()), ("a\"b", "p\\ü"));
        for bad in ["", "ghp_1", "[]", r#"{"username":"a"}"#, r#"{"username":"","password":"b"}"#] {
            assert!(Credential::from_secret_string(&Secret::new(bad.into())).is_none(), "{bad}");
        }
        assert_eq!(credential.unfit(), None);
        assert_eq!(format!("{credential:?}"), r#"Credential { username: "a\"b", password: [secret] }"#);
    }

    #[test]
    fn basic_carries_several_lines_but_no_colon_in_the_user_name() {
        let unfit = |username: &str, password: &str| {
            Credential { username: username.into(), password: Secret::new(password.into()) }.unfit().is_some()
        };
        assert!(!unfit("_json_key", "{\r\n\t\"a\": \"b:c\"\n}\n") && !unfit("a b$c", " ü "));
        for (username, password) in
            [("a:b", "x"), ("a\nb", "x"), ("a", "x\0"), ("a", "\u{1b}[0m"), ("a", "\u{85}")]
        {
            assert!(unfit(username, password), "{username:?} {password:?}");
        }
    }
}
