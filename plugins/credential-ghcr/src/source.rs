//! The credential source.

use async_trait::async_trait;
use longshore_credential::{Environment, SecretInput};
use longshore_model::{Failure, FailureKind, Options, Problem, Secret};
use longshore_plugin::{Context, Credential, CredentialFacts, CredentialSource, Extensions, Result};
use longshore_registry_api::{Api, Clock, Connection, read_base, read_username, registry_host};
use url::Url;

use crate::{facts, token_kind::TokenKind};

/// The hint wherever a token is refused.
const USE_CLASSIC: &str = "create a classic personal access token with the scope read:packages only: https://github.com/settings/tokens";

/// A user name, and a token from somewhere.
#[derive(Clone, Debug)]
pub(crate) struct GhcrSource {
    /// The options' key, such as `registries.ghcr`.
    key: String,
    username: String,
    token: SecretInput,
    allow_short_lived: bool,
    environment: Environment,
    /// GitHub's API, where it is known whose tokens these are.
    api: Option<Api>,
}

impl GhcrSource {
    pub(crate) fn read(
        options: &Options,
        extensions: &Extensions,
    ) -> std::result::Result<Self, Vec<Problem>> {
        // Tokens of another registry are nothing that GitHub may see.
        let is_github = registry_host(options).as_deref() == Some("ghcr.io");
        let github = is_github.then(|| Url::parse("https://api.github.com").ok()).flatten();
        options.read(|fields| {
            let username = read_username(fields, "`acme-bot`");
            let token = SecretInput::read(fields, "token");
            let allow_short_lived = fields.flag("allow-short-lived").unwrap_or_default();
            let base = read_base(fields, "api", "\"https://github.example.com/api/v3\"").or(github);
            let connection = Connection::new(options, extensions);
            let clock = extensions.get::<Clock>().map(|lent| (*lent).clone()).unwrap_or_default();
            Some(Self {
                key: options.key.clone(),
                username: username?,
                token: token?,
                allow_short_lived,
                environment: extensions.get::<Environment>().map(|lent| (*lent).clone()).unwrap_or_default(),
                api: base.map(|base| Api::new("GitHub", base, connection, clock)),
            })
        })
    }

    /// Refuses what would not pull, or not for long.
    fn check(&self, context: &Context, token: &Secret<String>) -> Result<()> {
        let refuse = |what: &str, help: &str| {
            let message = format!("the token in the {} {what}", self.token.describe());
            Err(Failure::new(FailureKind::Invalid, message).at(format!("{}.token", self.key)).help(help))
        };
        let token = token.expose();
        if token.contains(char::is_whitespace) {
            return refuse("has white space inside", "it must be the token and nothing else");
        }
        match TokenKind::of(token) {
            TokenKind::Classic => Ok(()),
            TokenKind::FineGrained => refuse(
                "is a fine-grained personal access token (github_pat_…), which ghcr.io does not accept",
                USE_CLASSIC,
            ),
            TokenKind::Refresh => refuse("is a refresh token (ghr_…), which pulls nothing", USE_CLASSIC),
            TokenKind::Installation if !self.allow_short_lived => refuse(
                "is GITHUB_TOKEN or another token of an app (ghs_…): it ends with its job or within the hour, and \
                 tasks that start later could not pull",
                &format!("{USE_CLASSIC}; or set allow-short-lived = true, for tasks that are gone by then"),
            ),
            TokenKind::AppUser if !self.allow_short_lived => refuse(
                "is one that an app has for a user (ghu_…): it ends after eight hours, unless the app lets it last, and \
                 tasks that start later could not pull",
                &format!(
                    "{USE_CLASSIC}; or set allow-short-lived = true, where tasks are gone by then or it lasts"
                ),
            ),
            TokenKind::AppUser => {
                context.warn(
                    "the token for ghcr.io ends after eight hours, unless its app lets it last: tasks that start later \
                     cannot pull",
                );
                Ok(())
            }
            TokenKind::Installation => {
                context.warn(
                    "the token for ghcr.io ends with its job or within the hour: tasks that start later cannot pull",
                );
                Ok(())
            }
            TokenKind::User => {
                context.warn(
                    "the token for ghcr.io belongs to a sign-in (gho_…): tasks cannot pull any more when that \
                     ends; a classic personal access token with the scope read:packages lasts",
                );
                Ok(())
            }
        }
    }
}

#[async_trait]
impl CredentialSource for GhcrSource {
    fn describe(&self) -> String {
        self.token.describe()
    }

    async fn fetch(&self, context: &Context) -> Result<Credential> {
        let token = self.token.fetch(context, &self.environment).await?;
        self.check(context, &token)?;
        Ok(Credential { username: self.username.clone(), password: token })
    }
    async fn facts(&self, context: &Context, credential: &Credential) -> Result<CredentialFacts> {
        facts::of(self.api.as_ref(), context, &credential.password).await
    }
}
