//! The credentials for a private registry: a secret that is JSON with a user name and a password.

use std::fmt;

use serde::Deserialize;

use super::{
    super::{TaskKey, task_definition::ContainerSpec},
    Role,
    refusal::{Refusal, Store, sdk},
};
use crate::{Moment, World, registry::Password, secretsmanager};

/// A user name and a password.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: Password,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(redacted)")
    }
}

/// The agent's schema. Other members are ignored; names match without regard to case, as in Go.
#[derive(Deserialize)]
struct Schema {
    #[serde(default, alias = "Username", alias = "userName", alias = "UserName", alias = "USERNAME")]
    username: Option<String>,
    #[serde(default, alias = "Password", alias = "PASSWORD")]
    password: Option<String>,
}

impl Credentials {
    /// Reads the credentials that the container's `repositoryCredentials` name, if it has any.
    pub(super) fn read(
        world: &World,
        now: Moment,
        key: &TaskKey,
        role: Option<&Role>,
        container: &ContainerSpec,
    ) -> Result<Option<Self>, Refusal> {
        let Some(parameter) = &container.repository_credentials else { return Ok(None) };
        let secret = &parameter.credentials_parameter;
        let refuse = |why: &str| Refusal::secret("get registry auth", Store::SecretsManager, why);
        // Registration makes sure that there is a role.
        let Some(role) = role else { return Err(refuse("no execution role")) };
        let value = secretsmanager::read_as(world, now, &key.region, &role.arn, &role.session, secret)
            .map_err(|error| {
                refuse(&format!("asm fetching secret from the service for {secret}: {}", sdk(world, &error)))
            })?;
        if value.is_empty() {
            return Err(refuse("asm fetching authorization data: empty secrets value"));
        }
        let Ok(Schema { username, password }) = serde_json::from_str(&value) else {
            return Err(refuse(
                "asm fetching authorization data: unable to unmarshal secret value, invalid schema",
            ));
        };
        let part = |name: &str, value: Option<String>| {
            value.filter(|value| !value.is_empty()).ok_or_else(|| {
                refuse(&format!("asm fetching {name}: AuthorizationData is malformed, empty field"))
            })
        };
        Ok(Some(Self {
            username: part("username", username)?,
            password: Password::new(part("password", password)?),
        }))
    }
}
