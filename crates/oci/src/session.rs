//! Reading from one registry, with whatever it takes to be allowed to.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use longshore_model::{Failure, FailureKind, Secret};
use longshore_net::{RemoteError, Words};
use longshore_plugin::Credential;
use serde::Deserialize;
use url::Url;

use crate::{
    address::Address,
    challenge::{Bearer, Challenge, challenge},
    exchange::{Answer, Authorizations, Call, Exchange, origin},
    header_text::text,
    refusal::Subject,
};

/// The codes of errors about a tag that is not there. Harbor and Artifact Registry have one of their own.
const NOT_THERE: &[&str] = &["MANIFEST_UNKNOWN", "NOT_FOUND"];
/// The maximum number of hosts that may require authentication for one call: the registry, and the targets of
/// redirects.
const HOSTS: usize = 4;

/// The authentication that a host requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// It has not asked for anything.
    Open,
    /// With a token of its token server.
    Token,
    /// With user name and password.
    Basic,
}

/// Reads from one registry, and from where it redirects to. It authenticates when it is challenged, once at each host;
/// at other hosts than the registry, anonymously.
pub(crate) struct Session<'a> {
    exchange: Exchange<'a>,
    subject: Subject<'a>,
    /// User name and password as Basic has them (RFC 7617), marked as sensitive.
    basic: Option<HeaderValue>,
    /// The authentication of the hosts that asked for one, by origin.
    access: BTreeMap<String, Access>,
    authorizations: Authorizations,
}

impl<'a> Session<'a> {
    /// A session as `credential`, or anonymous without one.
    pub(crate) fn new(
        mut exchange: Exchange<'a>,
        mut subject: Subject<'a>,
        credential: Option<&Credential>,
    ) -> Result<Self, Failure> {
        let mut basic = None;
        if let Some(Credential { username, password }) = credential {
            exchange.words.hide(password.expose());
            subject.user = Some(exchange.words.quote(username, 60));
            if let Some(unfit) = credential.and_then(Credential::unfit) {
                return Err(subject.unusable_credential(unfit));
            }
            let pair = Secret::new(format!("{username}:{}", password.expose()));
            exchange.words.hide_pair(pair.expose());
            let text = Secret::new(format!("Basic {}", BASE64_STANDARD.encode(pair.expose())));
            basic = sensitive(&text);
        }
        Ok(Self { exchange, subject, basic, access: BTreeMap::new(), authorizations: Authorizations::new() })
    }

    pub(crate) fn address(&self) -> &'a Address {
        self.exchange.address
    }

    pub(crate) fn subject(&self) -> &Subject<'a> {
        &self.subject
    }

    pub(crate) fn words(&self) -> &Words {
        &self.exchange.words
    }

    /// Returns the error that `answer` describes.
    pub(crate) fn said(&self, answer: &Answer) -> RemoteError {
        RemoteError::new(answer.status, &answer.body, &self.exchange.words)
    }

    /// Reads from the registry; whether the answer is a success is for the caller to see.
    pub(crate) async fn read(
        &mut self,
        method: Method,
        url: Url,
        accept: &'static str,
    ) -> Result<Answer, Failure> {
        let mut call = Call { method, url, accept, authorizations: self.authorizations.clone() };
        let mut answer = self.exchange.send(&call).await?;
        for _ in 0..HOSTS {
            let is_first_challenge =
                answer.status == StatusCode::UNAUTHORIZED && self.access(&answer) == Access::Open;
            if !is_first_challenge || !self.authenticate(&answer).await? {
                break;
            }
            call.authorizations = self.authorizations.clone();
            answer = self.exchange.send(&call).await?;
        }
        Ok(answer)
    }

    /// Returns the authentication of the host that gave `answer`.
    fn access(&self, answer: &Answer) -> Access {
        self.access.get(&origin(&answer.url)).copied().unwrap_or(Access::Open)
    }

    /// Returns the failure for a manifest that the registry did not let be read.
    pub(crate) fn refusal(&self, at: &str, answer: &Answer) -> Failure {
        let said = self.said(answer);
        let subject = &self.subject;
        let access = self.access(answer);
        let is_hidden = answer.status == StatusCode::NOT_FOUND && access != Access::Open;
        match (answer.status, &answer.moved_to) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(host)) => {
                return subject.moved(at, host, &said);
            }
            (_, Some(host)) if is_hidden && !said.has_code(NOT_THERE) => {
                return subject.moved(at, host, &said);
            }
            _ => {}
        }
        match answer.status {
            StatusCode::UNAUTHORIZED if access == Access::Basic => subject.credential_refused(at, &said),
            StatusCode::FORBIDDEN if access == Access::Open => subject.refused_unasked(at, &said),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => subject.no_access(at, &said),
            // Registries often hide a repository from users who may not read it.
            StatusCode::NOT_FOUND if is_hidden && !said.has_code(NOT_THERE) => subject.no_access(at, &said),
            StatusCode::NOT_FOUND => subject.not_found(at, &said),
            _ => subject.unexpected(at, &said),
        }
    }

    /// Meets the challenge of `answer`; false where another host than the registry wants something that is only for the
    /// registry.
    async fn authenticate(&mut self, answer: &Answer) -> Result<bool, Failure> {
        let is_registry = answer.moved_to.is_none();
        let (access, authorization) = match challenge(&answer.headers) {
            Some(Challenge::Bearer(bearer)) => {
                let token = self.fetch_token(answer, &bearer).await?;
                self.exchange.words.hide(token.expose());
                (Access::Token, sensitive(&Secret::new(format!("Bearer {}", token.expose()))))
            }
            _ if !is_registry => return Ok(false),
            Some(Challenge::Basic) if self.basic.is_none() => {
                return Err(self.subject.no_access(&answer.at, &self.said(answer)));
            }
            Some(Challenge::Basic) => (Access::Basic, self.basic.clone()),
            Some(Challenge::Other(scheme)) => {
                let scheme = self.exchange.words.quote(&scheme, 40);
                return Err(self.subject.unknown_challenge(&answer.at, Some(&scheme)));
            }
            None => return Err(self.subject.unknown_challenge(&answer.at, None)),
        };
        let host = origin(&answer.url);
        self.access.insert(host.clone(), access);
        self.authorizations.extend(authorization.map(|authorization| (host, authorization)));
        Ok(true)
    }

    /// A token server that gets the credential must not be less protected than the registry that names it.
    fn check_realm(&self, at: &str, realm: &str, credential: Option<&HeaderValue>) -> Result<Url, Failure> {
        let url = Url::parse(realm).ok().filter(|url| {
            let may_be_plain = credential.is_none() || self.exchange.address.is_plain();
            let is_protected = url.scheme() == "https" || (url.scheme() == "http" && may_be_plain);
            is_protected && url.username().is_empty() && url.password().is_none()
        });
        url.ok_or_else(|| self.subject.unsafe_realm(at, &self.exchange.words.quote(realm, 100)))
    }

    /// Fetches a token for what the challenge asks for, and for pulling the repository, as containerd does. Other hosts
    /// than the registry are asked for it anonymously.
    async fn fetch_token(&self, challenged: &Answer, bearer: &Bearer) -> Result<Secret<String>, Failure> {
        let credential = self.basic.as_ref().filter(|_| challenged.moved_to.is_none());
        let mut realm = self.check_realm(&challenged.at, &bearer.realm, credential)?;
        realm.set_fragment(None);
        if let Some(service) = &bearer.service {
            realm.query_pairs_mut().append_pair("service", service);
        }
        let mut scopes = bearer.scopes.clone();
        scopes.push(format!("repository:{}:pull", self.subject.image.repository()));
        scopes.sort();
        scopes.dedup();
        let mut url = realm.clone();
        for scope in &scopes {
            url.query_pairs_mut().append_pair("scope", scope);
        }
        let answer = self.ask_token_server(url, credential).await?;
        let said = self.said(&answer);
        if answer.status.is_success() && (answer.moved_to.is_none() || credential.is_none()) {
            return self.token_of(&answer);
        }
        Err(match (&challenged.moved_to, &answer.moved_to, answer.status) {
            (Some(host), _, _) => self.subject.moved(&challenged.at, host, &said),
            // Without the credential, an answer from there proves nothing.
            (None, Some(host), _) => self.subject.moved(&answer.at, host, &said),
            (None, None, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                // Token servers refuse a wrong password and a forbidden repository with the same status. A login, which
                // asks for no repository, tells which of the two it is.
                let knows_user = credential.is_some() && {
                    let login = self.ask_token_server(realm, credential).await;
                    login.is_ok_and(|login| login.status.is_success())
                };
                if knows_user {
                    self.subject.no_access(&answer.at, &said)
                } else {
                    self.subject.credential_refused(&answer.at, &said)
                }
            }
            _ => self.subject.unexpected(&answer.at, &said),
        })
    }

    async fn ask_token_server(&self, url: Url, credential: Option<&HeaderValue>) -> Result<Answer, Failure> {
        let authorizations =
            credential.map(|credential| (origin(&url), credential.clone())).into_iter().collect();
        let call = Call { method: Method::GET, url, accept: "application/json", authorizations };
        self.exchange.send(&call).await
    }

    fn token_of(&self, answer: &Answer) -> Result<Secret<String>, Failure> {
        // Both names are in use: `token` is Docker's, `access_token` that of OAuth 2.0. Container runtimes do not read an
        // answer whose other fields have wrong types, and read nothing behind it.
        #[derive(Deserialize)]
        struct Granted {
            token: Option<String>,
            access_token: Option<String>,
            #[serde(rename = "expires_in")]
            _expires_in: Option<i64>,
            #[serde(rename = "issued_at")]
            _issued_at: Option<Timestamp>,
        }
        let mut answers = serde_json::Deserializer::from_slice(&answer.body).into_iter::<Granted>();
        let granted = answers.next().and_then(Result::ok).and_then(|granted| {
            let access_token = granted.access_token.map(Secret::new);
            granted.token.map(Secret::new).filter(|token| !token.expose().is_empty()).or(access_token)
        });
        granted.filter(|token| !token.expose().is_empty() && sensitive(token).is_some()).ok_or_else(|| {
            let message = format!("the token server of {} answered without a token", self.exchange.registry);
            Failure::new(FailureKind::Unavailable, message)
                .at(&answer.at)
                .help("check that no proxy answers in its place")
        })
    }
}

/// A header value that is not shown by `Debug`; none where the text cannot be one.
fn sensitive(text: &Secret<String>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The digest that a registry names for its answer.
pub(crate) fn content_digest(headers: &HeaderMap) -> Option<String> {
    headers
        .get("docker-content-digest")
        .map(|digest| text(digest).into_owned())
        .filter(|digest| !digest.is_empty())
}

/// The length that a registry names for its answer. An answer to HEAD has it without the content.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}
