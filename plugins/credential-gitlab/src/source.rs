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
    facts,
    minter::{GitLabMinter, Mint},
    token_kind::TokenKind,
};

/// The hint wherever a token is refused.
const USE_DEPLOY: &str =
    "create a deploy token with the scope read_registry (Settings, Repository, Deploy tokens), or set mint";
/// The user of job tokens (GitLab Docs, "Authenticate with the container registry").
const JOB_USER: &str = "gitlab-ci-token";

/// A user name, and a token from somewhere; or what makes both.
#[derive(Debug)]
pub(crate) struct GitLabSource {
    /// The options' key, such as `registries.gitlab`.
    key: String,
    token: SecretInput,
    environment: Environment,
    /// GitLab's API, where it is known where that is.
    api: Option<Api>,
    way: Way,
}

/// The origin of a credential.
#[derive(Debug)]
enum Way {
    /// It is given: this is the user name.
    Given(String),
    /// It is made.
    Made(Box<GitLabMinter>),
}

impl GitLabSource {
    pub(crate) fn read(
        options: &Options,
        extensions: &Extensions,
    ) -> std::result::Result<Self, Vec<Problem>> {
        let host = registry_host(options);
        let clock = extensions.get::<Clock>().map(|lent| (*lent).clone()).unwrap_or_default();
        let environment = extensions.get::<Environment>().map(|lent| (*lent).clone()).unwrap_or_default();
        options.read(|fields| {
            let base = base(fields, host.as_deref());
            let connection = Connection::new(options, extensions);
            let api = base.map(|base| Api::new("GitLab", base, connection, clock));
            let is_minting = fields.has("mint");
            let username = if is_minting { no_username(fields) } else { username(fields) };
            let token = SecretInput::read(fields, "token");
            if is_minting && api.is_none() && !fields.has("api") {
                let help = "set it to the URL of GitLab, such as \"https://gitlab.example.com\"";
                fields.problem("api", "is missing: the registry's host does not tell where GitLab is", help);
            }
            let mint = fields.table("mint", Mint::read);
            let token = token?;
            let way = if is_minting {
                Way::Made(Box::new(GitLabMinter {
                    api: api.clone()?,
                    key: options.key.clone(),
                    token: token.clone(),
                    environment: environment.clone(),
                    mint: mint?,
                }))
            } else {
                Way::Given(username?)
            };
            Some(Self { key: options.key.clone(), token, environment, api, way })
        })
    }
}

/// Returns the API's base URL: the given one, or that of gitlab.com if the registry is gitlab.com's. The tokens of
/// another GitLab must not reach gitlab.com.
fn base(fields: &mut Fields<'_>, host: Option<&str>) -> Option<Url> {
    let given = read_base(fields, "api", "\"https://gitlab.example.com/gitlab\"");
    let is_gitlab_com = host == Some("registry.gitlab.com") && !fields.has("api");
    let mut url = match given {
        None if is_gitlab_com => Url::parse("https://gitlab.com").ok()?,
        given => given?,
    };
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/api/v4").unwrap_or(path);
    let path = format!("{path}/api/v4");
    url.set_path(&path);
    Some(url)
}

fn username(fields: &mut Fields<'_>) -> Option<String> {
    let name = read_username(fields, "`gitlab+deploy-token-42`")?;
    if name == JOB_USER {
        let message = format!(
            "`{JOB_USER}` is the user of job tokens, which end with their job: tasks that start later could not pull"
        );
        fields.problem("username", message, USE_DEPLOY);
        return None;
    }
    Some(name)
}

/// A deploy token comes with a user name of its own.
fn no_username(fields: &mut Fields<'_>) -> Option<String> {
    if fields.has("username") {
        fields.problem(
            "username",
            "is given beside mint",
            "remove it: GitLab names the user of a deploy token",
        );
    }
    fields.skip("username");
    None
}

/// Refuses what would not pull, or not for long. `is_manager` says that it has to make tokens instead.
pub(crate) fn check(key: &str, input: &SecretInput, token: &Secret<String>, is_manager: bool) -> Result<()> {
    let refuse = |what: &str, help: &str| {
        let message = format!("the token in the {} {what}", input.describe());
        Err(Failure::new(FailureKind::Invalid, message).at(format!("{key}.token")).help(help))
    };
    let help = if is_manager {
        "use a personal, project or group access token with the scope api"
    } else {
        USE_DEPLOY
    };
    let token = token.expose();
    if token.contains(char::is_whitespace) {
        return refuse("has white space inside", "it must be the token and nothing else");
    }
    match TokenKind::of(token) {
        TokenKind::Job => refuse(
            "is the token of a job (glcbt-…): it ends with its job, and tasks that start later could not pull",
            help,
        ),
        TokenKind::Useless(what) if is_manager => refuse(&format!("is {what}, which makes no tokens"), help),
        TokenKind::Useless(what) => refuse(&format!("is {what}, which pulls nothing"), help),
        TokenKind::Deploy if is_manager => {
            refuse("is a deploy token (gldt-…), which makes no other tokens", help)
        }
        TokenKind::Access | TokenKind::Deploy | TokenKind::Unknown => Ok(()),
    }
}

#[async_trait]
impl CredentialSource for GitLabSource {
    fn describe(&self) -> String {
        match &self.way {
            Way::Given(_) => self.token.describe(),
            Way::Made(minter) => {
                format!("deploy tokens of {}, made with the {}", minter.mint.owner, self.token.describe())
            }
        }
    }

    async fn fetch(&self, context: &Context) -> Result<Credential> {
        let Way::Given(username) = &self.way else {
            let message = format!(
                "the {} holds the token that makes tokens, which is not stored",
                self.token.describe()
            );
            return Err(Failure::new(FailureKind::Invalid, message)
                .at(format!("{}.mint", self.key))
                .help("remove mint, if this is the token that tasks are to pull with"));
        };
        let token = self.token.fetch(context, &self.environment).await?;
        check(&self.key, &self.token, &token, false)?;
        Ok(Credential { username: username.clone(), password: token })
    }

    fn minter(&self) -> Option<&dyn TokenMinter> {
        match &self.way {
            Way::Given(_) => None,
            Way::Made(minter) => Some(&**minter),
        }
    }

    async fn facts(&self, context: &Context, credential: &Credential) -> Result<CredentialFacts> {
        facts::of(self.api.as_ref(), context, &credential.password).await
    }
}
