//! The credential source.

use async_trait::async_trait;
use longshore_credential::{Environment, SecretInput, ShortLived};
use longshore_model::{Options, Problem};
use longshore_plugin::{Context, Credential, CredentialSource, Result};

use crate::username::Username;

/// A user name and a password, each from somewhere.
#[derive(Clone, Debug)]
pub(crate) struct StaticSource {
    /// The options' key, such as `registries.harbor`.
    key: String,
    username: Username,
    password: SecretInput,
    allow_short_lived: bool,
    environment: Environment,
}

impl StaticSource {
    pub(crate) fn read(
        options: &Options,
        environment: Environment,
    ) -> std::result::Result<Self, Vec<Problem>> {
        options.read(|fields| {
            let username = Username::read(fields);
            let password = SecretInput::read(fields, "password");
            let allow_short_lived = fields.flag("allow-short-lived").unwrap_or_default();
            Some(Self {
                key: options.key.clone(),
                username: username?,
                password: password?,
                allow_short_lived,
                environment,
            })
        })
    }
}

#[async_trait]
impl CredentialSource for StaticSource {
    fn describe(&self) -> String {
        self.password.describe()
    }

    async fn fetch(&self, context: &Context) -> Result<Credential> {
        let username = self.username.fetch(context, &self.environment).await?;
        let password = self.password.fetch_password(context, &self.environment).await?;
        let credential = Credential { username, password };
        ShortLived::check(context, &credential, &self.password.describe(), self.allow_short_lived)
            .map_err(|failure| failure.at(format!("{}.password", self.key)))?;
        Ok(credential)
    }
}
