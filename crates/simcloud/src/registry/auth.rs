//! The token server, and what a bearer token allows.
//! <https://distribution.github.io/distribution/spec/auth/token/>

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use super::{Registry, dialect, digest::sha256};
use crate::Moment;

/// The lifetime of a bearer token.
const LIFETIME: Duration = Duration::from_secs(300);

/// The bearer tokens that a registry has issued, by their SHA-256.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tokens {
    issued: u64,
    grants: BTreeMap<String, Grant>,
}

/// The user and scopes of a bearer token.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Grant {
    user: Option<String>,
    /// The scopes it was asked for, such as `repository:acme/api:pull`.
    scopes: Vec<String>,
    expires: Moment,
}

/// The user of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// `None`: anonymous.
    pub(super) user: Option<String>,
}

/// The reason a request has no identity, or lacks an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No token, an unknown or an expired one, or one for another scope.
    Unauthenticated,
    /// The user name and password don't fit.
    WrongPassword,
}

/// The access that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Pull,
    Push,
}

/// A scope of the form `repository:NAME:ACTIONS`.
struct Scope<'a> {
    repository: &'a str,
    actions: &'a str,
}

impl<'a> Scope<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (repository, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
        Some(Self { repository, actions })
    }

    fn allows(&self, repository: &str, action: Action) -> bool {
        let wanted = match action {
            Action::Pull => "pull",
            Action::Push => "push",
        };
        self.repository == repository
            && self.actions.split(',').any(|action| action == wanted || action == "*")
    }
}

impl Registry {
    /// Issues a token for `scopes` to the user of `authorization` (a Basic header), or to an anonymous client.
    pub(super) fn issue(
        &mut self,
        host: &str,
        now: Moment,
        authorization: Option<&str>,
        scopes: Vec<String>,
    ) -> Result<(String, Duration), Refusal> {
        let user = self.login(host, authorization)?;
        if user.is_none() && dialect::refuses_anonymous_private(host) {
            let private = |scope: &String| {
                Scope::parse(scope).is_some_and(|scope| {
                    !self
                        .repositories
                        .get(scope.repository)
                        .is_some_and(|repository| repository.can_read(None))
                })
            };
            if scopes.iter().any(private) {
                return Err(Refusal::Unauthenticated);
            }
        }
        self.tokens.grants.retain(|_, grant| grant.expires > now);
        self.tokens.issued += 1;
        let proof = user.as_ref().and_then(|user| self.users.get(user)).map_or("", String::as_str);
        let token =
            BASE64_STANDARD.encode(sha256(format!("{host} {} {proof}", self.tokens.issued).as_bytes()));
        self.tokens.grants.insert(sha256(token.as_bytes()), Grant { user, scopes, expires: now + LIFETIME });
        Ok((token, LIFETIME))
    }

    /// The user that a Basic header proves, or `None` without a header.
    fn login(&self, host: &str, authorization: Option<&str>) -> Result<Option<String>, Refusal> {
        let Some(authorization) = authorization else { return Ok(None) };
        let (user, password) = authorization
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, encoded)| BASE64_STANDARD.decode(encoded.trim()).ok())
            .and_then(|decoded| String::from_utf8(decoded).ok())
            .and_then(|pair| {
                pair.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
            })
            .ok_or(Refusal::WrongPassword)?;
        if password.starts_with("github_pat_") && dialect::refuses_fine_grained_tokens(host) {
            return Err(Refusal::WrongPassword);
        }
        if self.improvised {
            return Ok(Some(user));
        }
        match self.users.get(&user) {
            Some(hash) if *hash == sha256(password.as_bytes()) => Ok(Some(user)),
            _ => Err(Refusal::WrongPassword),
        }
    }

    /// Returns the identity of a request by its bearer token. The token must allow the `wanted` action on the
    /// repository, if they are given.
    pub(super) fn identify(
        &self,
        now: Moment,
        authorization: Option<&str>,
        wanted: Option<(&str, Action)>,
    ) -> Result<Identity, Refusal> {
        let token = authorization
            .and_then(|header| header.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or(Refusal::Unauthenticated)?;
        let grant = self
            .tokens
            .grants
            .get(&sha256(token.as_bytes()))
            .filter(|grant| grant.expires > now)
            .ok_or(Refusal::Unauthenticated)?;
        let scoped = wanted.is_none_or(|(repository, action)| {
            grant
                .scopes
                .iter()
                .filter_map(|scope| Scope::parse(scope))
                .any(|scope| scope.allows(repository, action))
        });
        if scoped { Ok(Identity { user: grant.user.clone() }) } else { Err(Refusal::Unauthenticated) }
    }
}

/// A `WWW-Authenticate: Bearer …` challenge, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The token server's address.
    pub(crate) realm: String,
    /// The service to ask a token for.
    pub(crate) service: Option<String>,
    /// The scope to ask a token for.
    pub(crate) scope: Option<String>,
}

impl Challenge {
    /// Parses the header's value; `None` where it is no bearer challenge with a realm. Values may be quoted
    /// and then hold commas (RFC 9110, section 11.2).
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (scheme, mut rest) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut challenge = Self::default();
        while let Some((key, after)) = rest.split_once('=') {
            let (value, next) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_once(',').unwrap_or((after, "")),
            };
            match key.trim_matches([',', ' ']) {
                "realm" => challenge.realm = value.to_owned(),
                "service" => challenge.service = Some(value.to_owned()),
                "scope" => challenge.scope = Some(value.to_owned()),
                _ => {}
            }
            rest = next;
        }
        (!challenge.realm.is_empty()).then_some(challenge)
    }
}
