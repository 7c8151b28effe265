//! The part of Docker Hub's API that manages organisation access tokens.
//!
//! <https://docs.docker.com/reference/api/hub/latest/>

use http::StatusCode;
use longshore_credential::{Environment, SecretInput};
use longshore_model::{Failure, FailureKind, Secret};
use longshore_net::Words;
use longshore_plugin::{Context, Result};
use longshore_registry_api::{Answer, Api, Call, read_secret};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use crate::source::check;

/// The maximum number of pages of tokens that are read: no subscription allows as many (Docker Docs, "Organization
/// access tokens").
const PAGES: u32 = 50;

/// Docker Hub's API, for a user who may manage an organisation.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) api: Api,
    /// The options' key, such as `registries.hub`.
    pub(crate) key: String,
    pub(crate) username: String,
    pub(crate) token: SecretInput,
    pub(crate) environment: Environment,
}

/// A session: it lasts ten minutes, which is enough for one operation.
pub(crate) struct Session<'a> {
    hub: &'a Hub,
    organization: &'a str,
    bearer: Secret<String>,
    words: Words,
}

#[derive(Deserialize)]
struct AccessToken {
    #[serde(deserialize_with = "read_secret")]
    access_token: Secret<String>,
}

/// A page of the list of tokens.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    results: Vec<Listed>,
    /// The URL of the next page, on all but the last.
    next: Option<String>,
}

/// A token in the list.
#[derive(Deserialize)]
pub(crate) struct Listed {
    #[serde(deserialize_with = "segment")]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) label: String,
}

/// A token that was made.
#[derive(Deserialize)]
pub(crate) struct Created {
    #[serde(deserialize_with = "segment")]
    pub(crate) id: String,
    #[serde(deserialize_with = "read_secret")]
    pub(crate) token: Secret<String>,
    pub(crate) expires_at: Option<String>,
}

/// An id that can be put into a path again.
fn segment<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<String, D::Error> {
    let id = String::deserialize(from)?;
    if is_segment(&id) { Ok(id) } else { Err(de::Error::custom("no id")) }
}

/// Returns true if `text` is a name that stays one segment of a path.
pub(crate) fn is_segment(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl Hub {
    /// Logs in.
    pub(crate) async fn log_in<'a>(
        &'a self,
        context: &Context,
        organization: &'a str,
    ) -> Result<Session<'a>> {
        let token = self.token.fetch(context, &self.environment).await?;
        check(&self.key, &self.token, &token)?;
        let mut words = Words::default();
        words.hide(token.expose());
        let body = json!({ "identifier": self.username, "secret": token.expose() });
        let call = Call::post(&["v2", "auth", "token"], &body).repeatable();
        let answer = self.api.send(context, &words, &call).await?;
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED => {
                let what =
                    format!("Docker Hub refused the management credential of user `{}`", self.username);
                return Err(answer.failure(FailureKind::Denied, &what).help(format!(
                    "check the user name, and the {}; with single sign-on or a second factor it must be a personal \
                     access token, not the password",
                    self.token.describe()
                )));
            }
            _ => return Err(answer.unexpected()),
        }
        let bearer = answer.read::<AccessToken>()?.access_token;
        words.hide(bearer.expose());
        Ok(Session { hub: self, organization, bearer, words })
    }
}

impl Session<'_> {
    async fn send(&self, context: &Context, call: Call) -> Result<Answer> {
        self.hub.api.send(context, &self.words, &call.bearer(&self.bearer)).await
    }

    /// All tokens of the organisation, expired ones too.
    pub(crate) async fn list(&self, context: &Context) -> Result<Vec<Listed>> {
        let path = ["v2", "orgs", self.organization, "access-tokens"];
        let mut tokens = Vec::new();
        for page in 1..=PAGES {
            let call = Call::get(&path).query("page", &page.to_string()).query("page_size", "100");
            let answer = self.send(context, call).await?;
            if !answer.status().is_success() {
                return Err(self.refusal(&answer));
            }
            let Page { results, next } = answer.read()?;
            let is_last = results.is_empty() || next.is_none_or(|next| next.is_empty());
            tokens.extend(results);
            if is_last {
                break;
            }
        }
        Ok(tokens)
    }

    /// Makes a token.
    pub(crate) async fn create(&self, context: &Context, body: &Value) -> Result<Created> {
        let path = ["v2", "orgs", self.organization, "access-tokens"];
        let answer = self.send(context, Call::post(&path, body)).await?;
        match answer.status() {
            status if status.is_success() => answer.read(),
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => {
                let what =
                    format!("Docker Hub makes no access token for the organisation `{}`", self.organization);
                Err(answer.failure(FailureKind::Invalid, &what).help(
                    "check that every repository exists, and that the subscription allows another token: expired \
                     ones count too",
                ))
            }
            _ => Err(self.refusal(&answer)),
        }
    }

    /// Removes a token. Returns true if it existed.
    pub(crate) async fn delete(&self, context: &Context, id: &str) -> Result<bool> {
        let path = ["v2", "orgs", self.organization, "access-tokens", id];
        let answer = self.send(context, Call::delete(&path)).await?;
        match answer.status() {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refusal(&answer)),
        }
    }

    fn refusal(&self, answer: &Answer) -> Failure {
        match answer.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                let what = format!(
                    "user `{}` may not manage the access tokens of the organisation `{}`",
                    self.hub.username, self.organization
                );
                answer.failure(FailureKind::Denied, &what).help(
                    "check the organisation's name; the user must be one of its owners, and its subscription Docker \
                     Team or Business",
                )
            }
            _ => answer.unexpected(),
        }
    }
}
