//! Credentials that pull images, and where they come from.

use async_trait::async_trait;
use longshore_model::Secret;
use zeroize::Zeroizing;

use crate::{Context, Result};

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
}

/// Obtains the credential of one container registry.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// Where the credential comes from, in a few words: `environment variable GHCR_TOKEN`.
    fn describe(&self) -> String;

    /// Obtains the credential.
    ///
    /// # Errors
    /// When there is none, or when it is of a kind that must not be stored.
    async fn fetch(&self, context: &Context) -> Result<Credential>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_the_json_that_ecs_reads() {
        let credential = Credential { username: "a\"b".into(), password: Secret::new("p\\ü".into()) };
        assert_eq!(credential.to_secret_string().expose(), r#"{"username":"a\"b","password":"p\\ü"}"#);
        assert_eq!(format!("{credential:?}"), r#"Credential { username: "a\"b", password: [secret] }"#);
    }
}
