//! Reading from one registry, with whatever it takes to be allowed to.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use longshore_model::{Failure, FailureKind, Secret};
use longshore_plugin::Credential;
use serde::Deserialize;
use url::Url;

use crate::{
    address::Address,
    challenge::{Challenge, challenge},
    exchange::{Answer, Call, Exchange},
    refusal::Subject,
    said::Said,
};

/// How the registry lets the session read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// It has not asked for anything.
    Open,
    /// With a token of its token server.
    Token,
    /// With user name and password.
    Basic,
}

/// Reads from one registry. It authenticates when it is challenged, once.
pub(crate) struct Session<'a> {
    exchange: Exchange<'a>,
    subject: Subject<'a>,
    /// User name and password as Basic has them (RFC 7617), marked as sensitive.
    basic: Option<HeaderValue>,
    access: Access,
    authorization: Option<HeaderValue>,
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
            exchange.words.hide(pair.expose());
            let text = Secret::new(format!("Basic {}", BASE64_STANDARD.encode(pair.expose())));
            basic = sensitive(&text);
        }
        Ok(Self { exchange, subject, basic, access: Access::Open, authorization: None })
    }

    pub(crate) fn address(&self) -> &'a Address {
        self.exchange.address
    }

    pub(crate) fn subject(&self) -> &Subject<'a> {
        &self.subject
    }

    pub(crate) fn words(&self) -> &longshore_outside::Words {
        &self.exchange.words
    }

    /// What `answer` says about the error that it is.
    pub(crate) fn said(&self, answer: &Answer) -> Said {
        Said::new(answer.status, &answer.headers, &answer.body, &self.exchange.words)
    }

    /// Reads from the registry; whether the answer is a success is for the caller to see.
    pub(crate) async fn read(
        &mut self,
        method: Method,
        url: Url,
        accept: &'static str,
    ) -> Result<Answer, Failure> {
        let mut call = Call { method, url, accept, authorization: self.authorization.clone() };
        let answer = self.exchange.send(&call).await?;
        let is_first_challenge = answer.status == StatusCode::UNAUTHORIZED && self.access == Access::Open;
        // Another host's challenge is not met: it could ask for a credential that is none of its business.
        if !is_first_challenge || answer.moved_to.is_some() {
            return Ok(answer);
        }
        self.authenticate(&answer).await?;
        call.authorization = self.authorization.clone();
        self.exchange.send(&call).await
    }

    /// Why the registry did not let a manifest be read.
    pub(crate) fn refusal(&self, at: &str, answer: &Answer) -> Failure {
        let said = self.said(answer);
        let subject = &self.subject;
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if answer.moved_to.is_some() => {
                subject.moved(at, answer.moved_to.as_deref().unwrap_or_default(), &said)
            }
            StatusCode::UNAUTHORIZED if self.access == Access::Basic => subject.credential_refused(at, &said),
            StatusCode::FORBIDDEN if self.access == Access::Open => subject.refused_unasked(at, &said),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => subject.no_access(at, &said),
            // Harbor and Artifact Registry have a code of their own for what is not there.
            StatusCode::NOT_FOUND if said.has_code(&["MANIFEST_UNKNOWN", "NOT_FOUND"]) => {
                subject.not_found(at, &said)
            }
            // Whoever may not see a repository is often told that there is none.
            StatusCode::NOT_FOUND if self.access != Access::Open => subject.no_access(at, &said),
            StatusCode::NOT_FOUND => subject.not_found(at, &said),
            _ => subject.unexpected(at, &said),
        }
    }

    async fn authenticate(&mut self, answer: &Answer) -> Result<(), Failure> {
        match challenge(&answer.headers) {
            Some(Challenge::Bearer { realm, service }) => {
                self.access = Access::Token;
                let realm = self.check_realm(&answer.at, &realm)?;
                let token = self.fetch_token(realm, service.as_deref()).await?;
                self.exchange.words.hide(token.expose());
                self.authorization = sensitive(&Secret::new(format!("Bearer {}", token.expose())));
                Ok(())
            }
            Some(Challenge::Basic) => {
                self.access = Access::Basic;
                if self.basic.is_none() {
                    return Err(self.subject.no_access(&answer.at, &self.said(answer)));
                }
                self.authorization = self.basic.clone();
                Ok(())
            }
            Some(Challenge::Other(scheme)) => {
                let scheme = self.exchange.words.quote(&scheme, 40);
                Err(self.subject.unknown_challenge(&answer.at, Some(&scheme)))
            }
            None => Err(self.subject.unknown_challenge(&answer.at, None)),
        }
    }

    /// A token server must not be less protected than the registry that names it.
    fn check_realm(&self, at: &str, realm: &str) -> Result<Url, Failure> {
        let url = Url::parse(realm).ok().filter(|url| {
            let is_protected =
                url.scheme() == "https" || (url.scheme() == "http" && self.exchange.address.is_plain());
            is_protected && url.username().is_empty() && url.password().is_none()
        });
        url.ok_or_else(|| self.subject.unsafe_realm(at, &self.exchange.words.quote(realm, 100)))
    }

    /// Fetches a token that allows to pull the repository.
    async fn fetch_token(&self, mut realm: Url, service: Option<&str>) -> Result<Secret<String>, Failure> {
        realm.set_fragment(None);
        if let Some(service) = service {
            realm.query_pairs_mut().append_pair("service", service);
        }
        let mut url = realm.clone();
        let scope = format!("repository:{}:pull", self.subject.image.repository());
        url.query_pairs_mut().append_pair("scope", &scope);
        let answer = self.ask_token_server(url).await?;
        let said = self.said(&answer);
        match (answer.status, &answer.moved_to) {
            // Without the credential, whatever comes from there proves nothing.
            (_, Some(host)) if self.basic.is_some() => Err(self.subject.moved(&answer.at, host, &said)),
            (status, _) if status.is_success() => self.token_of(&answer),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                // Token servers refuse a wrong password and a forbidden repository with the same status. Whether the
                // former is meant is seen from a login, which asks for no repository.
                let knows_user = self.basic.is_some() && {
                    let login = self.ask_token_server(realm).await;
                    login.is_ok_and(|login| login.status.is_success())
                };
                Err(if knows_user {
                    self.subject.no_access(&answer.at, &said)
                } else {
                    self.subject.credential_refused(&answer.at, &said)
                })
            }
            _ => Err(self.subject.unexpected(&answer.at, &said)),
        }
    }

    async fn ask_token_server(&self, url: Url) -> Result<Answer, Failure> {
        let call =
            Call { method: Method::GET, url, accept: "application/json", authorization: self.basic.clone() };
        self.exchange.send(&call).await
    }

    fn token_of(&self, answer: &Answer) -> Result<Secret<String>, Failure> {
        // Both names are in use: `token` is Docker's, `access_token` that of OAuth 2.0.
        #[derive(Deserialize)]
        struct Granted {
            token: Option<String>,
            access_token: Option<String>,
        }
        let granted = serde_json::from_slice::<Granted>(&answer.body).ok().and_then(|granted| {
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

/// The digest that a registry names for what it answers with.
pub(crate) fn content_digest(headers: &HeaderMap) -> Option<&str> {
    headers.get("docker-content-digest")?.to_str().ok()
}
