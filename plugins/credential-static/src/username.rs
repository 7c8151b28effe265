//! The user name, and where it is found.

use longshore_credential::{Environment, SecretInput};
use longshore_model::{Failure, FailureKind, Fields, holds_a_token};
use longshore_plugin::{Context, Result};
use serde_json::Value;

/// A user name: mounted secrets often hold it beside the password.
#[derive(Clone, Debug)]
pub(crate) enum Username {
    /// It stands in the configuration.
    Text(String),
    /// It is found where a secret value would be, at the dotted key.
    Found { key: String, place: SecretInput },
}

impl Username {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        if let Some(Value::Object(_)) = fields.peek("username") {
            let key = fields.key_of("username");
            return Some(Self::Found { key, place: SecretInput::read(fields, "username")? });
        }
        let name = fields.required_text("username", "`robot$acme`")?;
        if holds_a_token(&name) {
            fields.problem("username", LIKE_A_TOKEN, HELP);
            return None;
        }
        if !is_username(&name) {
            // It is not repeated: what follows the colon may be the password.
            fields.problem("username", "has a colon or a control character, which no user name has", HELP);
            return None;
        }
        Some(Self::Text(name))
    }

    /// Returns the name. An invalid name is not shown: it may be something else, such as the password.
    pub(crate) async fn fetch(&self, context: &Context, environment: &Environment) -> Result<String> {
        let (key, place) = match self {
            Self::Text(name) => return Ok(name.clone()),
            Self::Found { key, place } => (key, place),
        };
        let name = place.fetch(context, environment).await?;
        let wrong = if holds_a_token(name.expose()) {
            LIKE_A_TOKEN
        } else if !is_username(name.expose()) {
            "has a colon, which no user name has"
        } else {
            return Ok(name.expose().clone());
        };
        let message = format!("what is in the {} {wrong}", place.describe());
        Err(Failure::new(FailureKind::Invalid, message).at(key).help(HELP))
    }
}

const LIKE_A_TOKEN: &str = "looks like a token";
const HELP: &str = "it must be the user name that the password belongs to";

/// A user name goes into a Basic header, where a colon would end it (RFC 7617).
fn is_username(name: &str) -> bool {
    !name.chars().any(|c| c == ':' || c.is_control())
}
