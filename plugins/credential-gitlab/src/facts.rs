//! GitLab's facts about a token.

use http::StatusCode;
use longshore_model::{FailureKind, Secret};
use longshore_net::Words;
use longshore_plugin::{Context, CredentialFacts, Result};
use longshore_registry_api::{Api, Call};
use serde::Deserialize;

use crate::token_kind::TokenKind;

/// An access token as the API describes it (GitLab Docs, "Personal access tokens API", "Retrieve details").
#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    scopes: Vec<String>,
    /// The day at whose beginning it ends, in UTC; nothing where it never does.
    #[serde(deserialize_with = "Option::deserialize")] // Where it is missing, it is no answer.
    expires_at: Option<String>,
}

/// The facts of `token`. Only access tokens may ask about themselves; of others the facts are what the prefix tells.
pub(crate) async fn of(
    api: Option<&Api>,
    context: &Context,
    token: &Secret<String>,
) -> Result<CredentialFacts> {
    let kind = TokenKind::of(token.expose());
    let facts = CredentialFacts { kind: kind.describe().map(str::to_owned), ..CredentialFacts::default() };
    let Some(api) = api.filter(|_| kind == TokenKind::Access) else { return Ok(facts) };
    let mut words = Words::default();
    words.hide(token.expose());
    let call = Call::get(&["personal_access_tokens", "self"]).secret_header("private-token", token);
    let answer = api.send(context, &words, &call).await?;
    match answer.status() {
        status if status.is_success() => {}
        StatusCode::UNAUTHORIZED => {
            return Err(answer
                .failure(FailureKind::Denied, "GitLab refused the token")
                .help("check that it is right, and not expired or revoked"));
        }
        // Without a scope that reaches the API, or before GitLab 15.5: the token may pull nevertheless.
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => return Ok(facts),
        _ => return Err(answer.unexpected()),
    }
    let Details { scopes, expires_at } = answer.read()?;
    let expires_at = expires_at.map(|text| answer.read_time(&text)).transpose()?;
    Ok(CredentialFacts { scopes, expires_at, never_expires: expires_at.is_none(), ..facts })
}
