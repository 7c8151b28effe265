//! The number of pulls left.

use http::StatusCode;
use longshore_model::{FailureKind, Secret};
use longshore_net::Words;
use longshore_plugin::{Context, Credential, Result};
use longshore_registry_api::{Api, Call, Clock, Connection, read_secret};
use serde::Deserialize;
use url::Url;

/// The image that Docker has made for this question (Docker Docs, "Docker Hub pull usage and limits", "View pull rate
/// and limit"). Reading it with HEAD is said not to count as a pull.
const REPOSITORY: &str = "ratelimitpreview/test";

/// The APIs that tell the number of pulls left.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    tokens: Api,
    registry: Api,
}

#[derive(Deserialize)]
struct Token {
    #[serde(deserialize_with = "read_secret")]
    token: Secret<String>,
}

impl Allowance {
    pub(crate) fn new(connection: &Connection, clock: &Clock) -> Option<Self> {
        let api =
            |url| Some(Api::new("Docker Hub", Url::parse(url).ok()?, connection.clone(), clock.clone()));
        Some(Self { tokens: api("https://auth.docker.io")?, registry: api("https://registry-1.docker.io")? })
    }

    /// Returns the number of pulls that `credential` has left in the current window, or `None` if it is not limited.
    pub(crate) async fn remaining(&self, context: &Context, credential: &Credential) -> Result<Option<u32>> {
        let Credential { username, password } = credential;
        let mut words = Words::default();
        words.hide(password.expose());
        words.hide_pair(&format!("{username}:{}", password.expose()));
        let call = Call::get(&["token"])
            .query("service", "registry.docker.io")
            .query("scope", &format!("repository:{REPOSITORY}:pull"))
            .basic(username, password);
        let answer = self.tokens.send(context, &words, &call).await?;
        let token = match answer.status() {
            status if status.is_success() => answer.read::<Token>()?.token,
            StatusCode::UNAUTHORIZED => {
                let shown = words.quote(username, 60);
                return Err(answer
                    .failure(
                        FailureKind::Denied,
                        &format!("Docker Hub refused the credential of user `{shown}`"),
                    )
                    .help("check the user name, and that the token is right, active and not expired"));
            }
            _ => return Err(answer.unexpected()),
        };
        words.hide(token.expose());
        let mut path = vec!["v2"];
        path.extend(REPOSITORY.split('/'));
        path.extend(["manifests", "latest"]);
        let call = Call::head(&path).header("accept", "*/*").bearer(&token);
        let answer = self.registry.send(context, &words, &call).await?;
        match answer.status() {
            // `76;w=21600`: 76 pulls in a window of six hours.
            status if status.is_success() => {
                let text = answer.header("ratelimit-remaining");
                Ok(text.and_then(|text| text.split(';').next()?.trim().parse().ok()))
            }
            // An organisation access token may be limited to other repositories.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Ok(None),
            _ => Err(answer.unexpected()),
        }
    }
}
