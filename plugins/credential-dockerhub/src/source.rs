//! The credential source.

use async_trait::async_trait;
use longshore_credential::{Environment, SecretInput};
use longshore_model::{Failure, FailureKind, Fields, Options, Problem, Secret};
use longshore_plugin::{
    Context, Credential, CredentialFacts, CredentialSource, Extensions, Result, TokenMinter,
};
use longshore_registry_api::{Api, Clock, Connection, read_base, read_username, registry_host};
use url::Url;

use crate::{
    facts::Allowance,
    hub::Hub,
    minter::{HubMinter, Mint},
    token_kind::TokenKind,
};

/// A user name, and a token from somewhere.
#[derive(Debug)]
pub(crate) struct DockerHubSource {
    /// The options' key, such as `registries.hub`.
    key: String,
    username: String,
    token: SecretInput,
    environment: Environment,
    /// The API that tells the number of pulls left, if the registry is Docker Hub itself.
    allowance: Option<Allowance>,
    minter: Option<HubMinter>,
}

impl DockerHubSource {
    pub(crate) fn read(
        options: &Options,
        extensions: &Extensions,
    ) -> std::result::Result<Self, Vec<Problem>> {
        // A mirror has its own limits, and its credential is nothing that Docker Hub may see.
        let is_hub = registry_host(options).as_deref() == Some("docker.io");
        let connection = Connection::new(options, extensions);
        let clock = extensions.get::<Clock>().map(|lent| (*lent).clone()).unwrap_or_default();
        let environment = extensions.get::<Environment>().map(|lent| (*lent).clone()).unwrap_or_default();
        options.read(|fields| {
            let username = read_username(fields, "`acmebot`");
            let token = read_token(fields);
            let base = match read_base(fields, "api", "\"https://hub.docker.com\"") {
                None => Url::parse("https://hub.docker.com").ok(),
                base => base,
            };
            let is_minting = fields.has("mint");
            if is_minting && !is_hub {
                let help = "leave mint out, or set host = \"docker.io\"";
                fields.problem("mint", "makes tokens for docker.io only", help);
            }
            let mint = fields.table("mint", Mint::read);
            let (username, token) = (username?, token?);
            let minter = if is_minting {
                let api = Api::new("Docker Hub", base?, connection.clone(), clock.clone());
                let hub = Hub {
                    api,
                    key: options.key.clone(),
                    username: username.clone(),
                    token: token.clone(),
                    environment: environment.clone(),
                };
                Some(HubMinter { hub, mint: mint? })
            } else {
                None
            };
            Some(Self {
                key: options.key.clone(),
                username,
                token,
                environment,
                allowance: is_hub.then(|| Allowance::new(&connection, &clock)).flatten(),
                minter,
            })
        })
    }
}

/// The token, which some call a password.
fn read_token(fields: &mut Fields<'_>) -> Option<SecretInput> {
    match (fields.has("token"), fields.has("password")) {
        (true, true) => {
            fields.problem("password", "is given beside token", "keep one of them");
            fields.skip("token");
            fields.skip("password");
            None
        }
        (false, true) => SecretInput::read(fields, "password"),
        _ => {
            let token = SecretInput::read(fields, "token");
            fields.skip("password");
            token
        }
    }
}

/// Refuses a value that is not a token or password of Docker Hub.
pub(crate) fn check(key: &str, input: &SecretInput, token: &Secret<String>) -> Result<()> {
    let is_prefixed = TokenKind::of(token.expose()) != TokenKind::Password;
    if is_prefixed && token.expose().contains(char::is_whitespace) {
        let message = format!("the token in the {} has white space inside", input.describe());
        return Err(Failure::new(FailureKind::Invalid, message)
            .at(format!("{key}.token"))
            .help("it must be the token and nothing else"));
    }
    Ok(())
}

#[async_trait]
impl CredentialSource for DockerHubSource {
    fn describe(&self) -> String {
        match &self.minter {
            Some(minter) => format!(
                "organisation access tokens of {}, made with the {}",
                minter.mint.organization,
                self.token.describe()
            ),
            None => self.token.describe(),
        }
    }

    async fn fetch(&self, context: &Context) -> Result<Credential> {
        if self.minter.is_some() {
            let message = format!(
                "the {} holds the credential that makes tokens, which is not stored",
                self.token.describe()
            );
            return Err(Failure::new(FailureKind::Invalid, message)
                .at(format!("{}.mint", self.key))
                .help("remove mint, if this is the credential that tasks are to pull with"));
        }
        let token = self.token.fetch(context, &self.environment).await?;
        check(&self.key, &self.token, &token)?;
        Ok(Credential { username: self.username.clone(), password: token })
    }

    fn minter(&self) -> Option<&dyn TokenMinter> {
        self.minter.as_ref().map(|minter| minter as &dyn TokenMinter)
    }

    async fn facts(&self, context: &Context, credential: &Credential) -> Result<CredentialFacts> {
        let kind = TokenKind::of(credential.password.expose()).describe().to_owned();
        let remaining_pulls = match &self.allowance {
            Some(allowance) => allowance.remaining(context, credential).await?,
            None => None,
        };
        Ok(CredentialFacts { kind: Some(kind), remaining_pulls, ..CredentialFacts::default() })
    }
}
