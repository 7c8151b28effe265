//! The answers to requests for tokens.

use std::sync::{Mutex, PoisonError};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use url::Url;

use super::{Asked, Grant, TokenServer, signer::Signer};
use crate::registry::PUSHER;

/// A request, as far as it matters.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) authorization: Option<String>,
    pub(super) body: String,
}

impl Request {
    fn url(&self) -> Option<Url> {
        Url::parse("http://localhost").ok()?.join(&self.target).ok()
    }

    /// Returns the login that the request sends; an error if its header is malformed.
    fn login(&self) -> Result<Option<Login>, Refusal> {
        let Some(header) = &self.authorization else { return Ok(None) };
        Login::of(header).map(Some).ok_or(Refusal("400 Bad Request", "not Basic"))
    }
}

struct Login {
    user: String,
    password: String,
}

impl Login {
    fn of(header: &str) -> Option<Self> {
        let text = BASE64_STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
        let text = String::from_utf8(text).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Self { user: user.to_owned(), password: password.to_owned() })
    }

    /// Returns true if the grant was made to the user of this login.
    fn has(&self, grant: &Grant) -> bool {
        grant.user.as_ref() == Some(&self.user) && grant.password.as_ref() == Some(&self.password)
    }

    fn is_pusher(&self) -> bool {
        self.user == PUSHER.name && self.password == PUSHER.password
    }
}

/// A status, and why.
struct Refusal(&'static str, &'static str);

/// The grants that tests made, and the requests that they will read.
#[derive(Debug, Default)]
pub(super) struct Rules {
    grants: Vec<Grant>,
    asked: Vec<Asked>,
}

impl Rules {
    /// Returns the actions that `login` may do with `repository`. A token that allows nothing is what real servers
    /// give, too.
    fn actions(&self, login: Option<&Login>, repository: &str) -> Result<Vec<&'static str>, Refusal> {
        let covers = |grant: &&Grant| {
            grant.repository == repository
                || grant.repository.ends_with('/') && repository.starts_with(&grant.repository)
        };
        let open = self.grants.iter().filter(|grant| grant.user.is_none()).any(|grant| covers(&grant));
        let Some(login) = login else { return Ok(if open { vec!["pull"] } else { Vec::new() }) };
        if login.is_pusher() {
            return Ok(vec!["pull", "push"]);
        }
        let mut own = self.grants.iter().filter(|grant| login.has(grant)).peekable();
        if own.peek().is_none() {
            return Err(Refusal("401 Unauthorized", "wrong password"));
        }
        Ok(if open || own.any(|grant| covers(&grant)) { vec!["pull"] } else { Vec::new() })
    }
}

pub(super) fn answer(request: &Request, signer: &Signer, rules: &Mutex<Rules>) -> (&'static str, Value) {
    let mut rules = rules.lock().unwrap_or_else(PoisonError::into_inner);
    let url = request.url();
    let path = url.as_ref().map(Url::path).unwrap_or_default();
    let answer = match (request.method.as_str(), path, &url) {
        ("GET", "/token", Some(url)) => token(request, url, signer, &mut rules),
        ("POST", "/grants", _) => as_pusher(request).and_then(|()| grant(request, &mut rules)),
        ("GET", "/asked", Some(url)) => as_pusher(request).map(|()| asked(url, &mut rules)),
        _ => Err(Refusal("404 Not Found", "another path")),
    };
    match answer {
        Ok(body) => ("200 OK", body),
        Err(Refusal(status, why)) => {
            let error =
                json!({ "code": "UNAUTHORIZED", "message": "authentication required", "detail": why });
            (status, json!({ "errors": [error] }))
        }
    }
}

fn token(request: &Request, url: &Url, signer: &Signer, rules: &mut Rules) -> Result<Value, Refusal> {
    let scope = parameter(url, "scope");
    let login = request.login();
    let user = login.as_ref().ok().and_then(Option::as_ref).map(|login| login.user.clone());
    let granted = login.and_then(|login| {
        if parameter(url, "service") != TokenServer::SERVICE {
            return Err(Refusal("400 Bad Request", "another service"));
        }
        let pushes = login.as_ref().is_some_and(Login::is_pusher);
        let wanted = if pushes { ":pull,push" } else { ":pull" };
        let repository = scope.strip_prefix("repository:").and_then(|rest| rest.strip_suffix(wanted));
        let Some(repository) = repository.filter(|name| !name.contains([':', ' '])) else {
            return Err(Refusal("400 Bad Request", "another scope than pulling from one repository"));
        };
        let actions = rules.actions(login.as_ref(), repository)?;
        let token = signer.token(user.as_deref().unwrap_or_default(), repository, &actions);
        let token = token.map_err(|_| Refusal("500 Internal Server Error", "signing failed"))?;
        Ok((token, actions))
    });
    let noted = match &granted {
        Ok((_, actions)) => Ok(actions.iter().map(|&action| action.to_owned()).collect()),
        Err(Refusal(_, why)) => Err((*why).to_owned()),
    };
    rules.asked.push(Asked { user, scope, granted: noted });
    granted.map(|(token, _)| json!({ "token": token, "expires_in": 300 }))
}

fn grant(request: &Request, rules: &mut Rules) -> Result<Value, Refusal> {
    let grant = serde_json::from_str(&request.body);
    let grant: Grant = grant.map_err(|_| Refusal("400 Bad Request", "not a grant"))?;
    if !rules.grants.contains(&grant) {
        rules.grants.push(grant);
    }
    Ok(json!({}))
}

fn asked(url: &Url, rules: &mut Rules) -> Value {
    let below = format!("repository:{}", parameter(url, "below"));
    let (told, kept): (Vec<Asked>, Vec<Asked>) =
        std::mem::take(&mut rules.asked).into_iter().partition(|one| one.scope.starts_with(&below));
    rules.asked = kept;
    json!(told)
}

fn as_pusher(request: &Request) -> Result<(), Refusal> {
    match request.login()? {
        Some(login) if login.is_pusher() => Ok(()),
        _ => Err(Refusal("401 Unauthorized", "this is for tests")),
    }
}

/// The values of a parameter; where it comes more than once, with blanks in between.
fn parameter(url: &Url, wanted: &str) -> String {
    let values = url.query_pairs().filter(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    values.collect::<Vec<_>>().join(" ")
}
