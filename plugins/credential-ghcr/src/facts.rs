//! GitHub's facts about a token.

use http::StatusCode;
use longshore_model::{FailureKind, Secret};
use longshore_net::Words;
use longshore_plugin::{Context, CredentialFacts, Result};
use longshore_registry_api::{Api, Call};

use crate::token_kind::TokenKind;

/// The facts of `token`. Without an API they are what its prefix tells.
pub(crate) async fn of(
    api: Option<&Api>,
    context: &Context,
    token: &Secret<String>,
) -> Result<CredentialFacts> {
    let kind = TokenKind::of(token.expose());
    let facts = CredentialFacts { kind: Some(kind.describe().to_owned()), ..CredentialFacts::default() };
    // An app is no user: it is not told who it is (GitHub Docs, "Get the authenticated user").
    let Some(api) = api.filter(|_| kind != TokenKind::Installation) else { return Ok(facts) };
    let mut words = Words::default();
    words.hide(token.expose());
    let call = Call::get(&["user"])
        .header("accept", "application/vnd.github+json")
        .header("x-github-api-version", "2022-11-28")
        .bearer(token);
    let answer = api.send(context, &words, &call).await?;
    match answer.status() {
        status if status.is_success() => {}
        StatusCode::UNAUTHORIZED => {
            return Err(answer.failure(FailureKind::Denied, "GitHub refused the token").help(
                "check that it is right, and not expired or revoked: https://github.com/settings/tokens",
            ));
        }
        _ => return Err(answer.unexpected()),
    }
    // GitHub Docs, "Scopes for OAuth apps", "Requested scopes and granted scopes".
    let scopes = answer.header("x-oauth-scopes").unwrap_or_default().split(',').map(str::trim);
    let expiration = answer.header("github-authentication-token-expiration");
    Ok(CredentialFacts {
        scopes: scopes.filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
        expires_at: expiration.map(|text| answer.read_time(text)).transpose()?,
        // A personal access token that never expires has no such header. Others may end nevertheless.
        never_expires: expiration.is_none() && kind.is_personal(),
        ..facts
    })
}
