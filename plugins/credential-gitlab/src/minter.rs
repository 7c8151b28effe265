//! Deploy tokens that are made for the stack.
//!
//! <https://docs.gitlab.com/api/deploy_tokens/>

use async_trait::async_trait;
use http::StatusCode;
use longshore_credential::{Environment, SecretInput};
use longshore_model::{Failure, FailureKind, Fields, Secret};
use longshore_net::Words;
use longshore_plugin::{Context, Credential, Minted, PullScope, Result, TokenMinter};
use longshore_registry_api::{Answer, Api, Call, is_for, read_secret, read_time, rfc3339, token_name};
use serde::Deserialize;
use serde_json::json;

use crate::{
    owner::{Described, Owner, OwnerKind},
    source::check,
};

/// The default lifetime of a token.
const EXPIRES_DAYS: u32 = 90;

/// The maximum number of pages of a hundred tokens that are read.
const PAGES: u32 = 50;

/// The option `mint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mint {
    pub(crate) owner: Owner,
    expires_days: u32,
}

impl Mint {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let owner = Owner::read(fields);
        let expires_days = fields.number("expires-days", 1..=3650).unwrap_or(EXPIRES_DAYS);
        Some(Self { owner: owner?, expires_days })
    }
}

/// Makes deploy tokens.
#[derive(Debug)]
pub(crate) struct GitLabMinter {
    pub(crate) api: Api,
    /// The options' key, such as `registries.gitlab`.
    pub(crate) key: String,
    pub(crate) token: SecretInput,
    pub(crate) environment: Environment,
    pub(crate) mint: Mint,
}

/// A deploy token that was made.
#[derive(Deserialize)]
struct Created {
    id: u64,
    username: String,
    #[serde(deserialize_with = "read_secret")]
    token: Secret<String>,
    expires_at: Option<String>,
}

/// A deploy token in the list.
#[derive(Deserialize)]
struct Listed {
    id: u64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    revoked: bool,
}

/// A caller that may create tokens.
struct Manager<'a> {
    minter: &'a GitLabMinter,
    token: Secret<String>,
    words: Words,
}

impl GitLabMinter {
    async fn manager(&self, context: &Context) -> Result<Manager<'_>> {
        let token = self.token.fetch(context, &self.environment).await?;
        check(&self.key, &self.token, &token, true)?;
        let mut words = Words::default();
        words.hide(token.expose());
        Ok(Manager { minter: self, token, words })
    }
}

impl Manager<'_> {
    async fn send(&self, context: &Context, call: Call) -> Result<Answer> {
        let call = call.secret_header("private-token", &self.token);
        let answer = self.minter.api.send(context, &self.words, &call).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let from = self.minter.token.describe();
            let help = format!("check that the token in the {from} is right, and not expired or revoked");
            return Err(answer
                .failure(FailureKind::Denied, "GitLab refused the management token")
                .help(help));
        }
        Ok(answer)
    }

    /// Finds the project or group.
    async fn find(&self, context: &Context) -> Result<Described> {
        let owner = &self.minter.mint.owner;
        let mut call = Call::get(&[owner.kind.segment(), &owner.id]);
        if owner.kind == OwnerKind::Group {
            call = call.query("with_projects", "false");
        }
        let answer = self.send(context, call).await?;
        match answer.status() {
            status if status.is_success() => answer.read(),
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => {
                let what = format!("GitLab shows no {} {} to this token", owner.kind.name(), owner.id);
                Err(answer.failure(FailureKind::NotFound, &what).help(
                    "check its path, and that the token belongs to one of its members and has the scope api",
                ))
            }
            _ => Err(answer.unexpected()),
        }
    }

    /// Finds the project or group, if its tokens reach `scope`.
    async fn find_for(&self, context: &Context, scope: &PullScope) -> Result<Described> {
        let owner = &self.minter.mint.owner;
        let found = self.find(context).await?;
        found.check(owner, scope, &format!("{}.mint.{}", self.minter.key, owner.kind.name()))?;
        Ok(found)
    }

    /// All deploy tokens of the project or group that are neither expired nor revoked.
    async fn list(&self, context: &Context, kind: OwnerKind, id: &str) -> Result<Vec<Listed>> {
        let mut tokens = Vec::new();
        for page in 1..=PAGES {
            let call = Call::get(&[kind.segment(), id, "deploy_tokens"])
                .query("active", "true")
                .query("per_page", "100")
                .query("page", &page.to_string());
            let answer = self.send(context, call).await?;
            if !answer.status().is_success() {
                return Err(refusal(&answer, kind));
            }
            tokens.extend(answer.read::<Vec<Listed>>()?.into_iter().filter(|token| !token.revoked));
            // GitLab Docs, "REST API", "Offset-based pagination": empty on the last page.
            if answer.header("x-next-page").unwrap_or_default().is_empty() {
                break;
            }
        }
        Ok(tokens)
    }
}

fn refusal(answer: &Answer, kind: OwnerKind) -> Failure {
    match answer.status() {
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            let (kind, role) = match kind {
                OwnerKind::Project => ("project", "Maintainer"),
                OwnerKind::Group => ("group", "Owner"),
            };
            let what = format!("the token may not manage the deploy tokens of the {kind}");
            let help =
                format!("it needs the scope api, and whoever it belongs to the role {role} in the {kind}");
            answer.failure(FailureKind::Denied, &what).help(help)
        }
        _ => answer.unexpected(),
    }
}

#[async_trait]
impl TokenMinter for GitLabMinter {
    fn issuer(&self) -> String {
        let Owner { kind, id } = &self.mint.owner;
        format!("gitlab {} {} {id}", self.api.host(), kind.name())
    }

    async fn check(&self, context: &Context, scope: &PullScope) -> Result<String> {
        let manager = self.manager(context).await?;
        let Described { id, whole_path } = manager.find_for(context, scope).await?;
        let Mint { owner, expires_days } = &self.mint;
        manager.list(context, owner.kind, &id.to_string()).await?;
        Ok(format!(
            "a deploy token of the {} {whole_path} that reads its registry, for {expires_days} days",
            owner.kind.name()
        ))
    }

    async fn mint(&self, context: &Context, scope: &PullScope) -> Result<Minted> {
        let manager = self.manager(context).await?;
        let owner = manager.find_for(context, scope).await?;
        let (kind, id) = (self.mint.owner.kind, owner.id.to_string());
        let clock = self.api.clock();
        let name = token_name(None, scope, clock);
        let body = json!({
            "name": name,
            "expires_at": rfc3339(clock.in_days(self.mint.expires_days)),
            "scopes": ["read_registry"],
        });
        let perhaps_made = |failure: Failure| {
            match failure.kind {
            FailureKind::Unavailable => failure.help(format!(
                "run again later; if it was made nevertheless, it is called `{name}`, and the next run revokes it"
            )),
            _ => failure,
        }
        };
        let call = Call::post(&[kind.segment(), &id, "deploy_tokens"], &body);
        let answer = manager.send(context, call).await.map_err(perhaps_made)?;
        let created: Created = match answer.status() {
            status if status.is_success() => answer.read().map_err(perhaps_made)?,
            _ => return Err(refusal(&answer, kind)),
        };
        let expires_at = created.expires_at.as_deref().and_then(read_time);
        let credential = Credential { username: created.username, password: created.token };
        Ok(Minted { credential, id: write_id(kind, owner.id, created.id), expires_at })
    }

    async fn list(&self, context: &Context, scope: &PullScope) -> Result<Vec<String>> {
        let manager = self.manager(context).await?;
        let (kind, owner) = (self.mint.owner.kind, manager.find(context).await?.id);
        let tokens = manager.list(context, kind, &owner.to_string()).await?;
        let own = tokens.iter().filter(|token| is_for(&token.name, &scope.holder));
        Ok(own.map(|token| write_id(kind, owner, token.id)).collect())
    }

    async fn revoke(&self, context: &Context, id: &str) -> Result<()> {
        // The project is that of the token, whatever the configuration says by now.
        let (kind, owner, token) = read_id(id).ok_or_else(|| {
            Failure::new(FailureKind::Invalid, "this is no deploy token of GitLab's that was made here")
        })?;
        let manager = self.manager(context).await?;
        let call = Call::delete(&[kind.segment(), owner, "deploy_tokens", token]);
        let answer = manager.send(context, call).await?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            // Gone, if it would be seen otherwise.
            StatusCode::NOT_FOUND => manager.list(context, kind, owner).await.map(drop),
            _ => Err(refusal(&answer, kind)),
        }
    }
}

/// Returns a deploy token's id outside this module: `projects/7/42`.
fn write_id(kind: OwnerKind, owner: u64, token: u64) -> String {
    format!("{}/{owner}/{token}", kind.segment())
}

/// The parts of `projects/7/42`: the numbers of a project and of its deploy token.
fn read_id(id: &str) -> Option<(OwnerKind, &str, &str)> {
    let mut parts = id.split('/');
    let (kind, owner, token) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = [OwnerKind::Project, OwnerKind::Group].into_iter().find(|other| other.segment() == kind)?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (parts.next().is_none() && is_number(owner) && is_number(token)).then_some((kind, owner, token))
}
