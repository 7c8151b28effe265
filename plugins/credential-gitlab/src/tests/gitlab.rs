//! GitLab, as far as its API's documentation describes what is used of it ("Deploy tokens API", "Projects API", "Groups
//! API", "Personal access tokens API"). It lies below `/gitlab`. What is not documented is refused.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Map, Value, json};
use tokio_rustls::TlsAcceptor;

use super::server::{Server, respond};

/// The token of a maintainer of `Acme/API`, who owns the group `acme`.
pub(super) const MAINTAINER: &str = "glpat-bWFpbnRhaW5lcg";
/// The token of a member who may read.
pub(super) const READER: &str = "glpat-cmVhZGVy";
/// A token that never expires.
pub(super) const LASTING: &str = "glpat-bGFzdGluZw";
/// The token that is made.
pub(super) const MINTED: &str = "gldt-bWFkZWZvcnNob3A";
/// What the tokens of the tests are called.
pub(super) const NAME: &str = "longshore shop 2026-11-23T07:00:00Z for-f85b06d5b2f87157";

#[derive(Default)]
struct State {
    /// The deploy tokens by number, with what they belong to.
    tokens: BTreeMap<u64, (String, Value)>,
    made: u64,
    /// The answer to the next attempt at making one.
    failing: Option<(String, u16)>,
}

pub(super) struct GitLab {
    pub(super) server: Server,
    is_secure: bool,
    state: Arc<Mutex<State>>,
}

impl GitLab {
    pub(super) fn start() -> Self {
        Self::start_with(None)
    }

    pub(super) fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        let is_secure = tls.is_some();
        let server = Server::start(tls, move |request| answer(&mut shared.lock().unwrap(), request));
        Self { server, is_secure, state }
    }

    /// The option `api`.
    pub(super) fn api(&self) -> String {
        match self.is_secure {
            true => format!("https://localhost:{}/gitlab", self.server.address.port()),
            false => format!("http://{}/gitlab", self.server.address),
        }
    }

    /// The deploy tokens, as they were asked for.
    pub(super) fn tokens(&self) -> Vec<Value> {
        self.state.lock().unwrap().tokens.values().map(|(_, token)| token.clone()).collect()
    }

    /// Whether there is the deploy token with this number.
    pub(super) fn has(&self, number: u64) -> bool {
        self.state.lock().unwrap().tokens.contains_key(&number)
    }

    /// Answers the next attempt at making a token so.
    pub(super) fn fail(&self, body: &str, status: u16) {
        self.state.lock().unwrap().failing = Some((body.to_owned(), status));
    }
}

fn answer(state: &mut State, request: &Request<Bytes>) -> Response<String> {
    let token = request.headers().get("private-token").map_or("", |value| value.to_str().unwrap());
    let Some(path) = request.uri().path().strip_prefix("/gitlab/api/v4/") else {
        return error(404, "404 Not Found");
    };
    let is_maintainer = match token {
        MAINTAINER => true,
        READER | LASTING => false,
        "glpat-registry-only" => {
            let body = json!({ "error": "insufficient_scope", "scope": "api read_api" });
            return respond(403, &[], &body.to_string());
        }
        // What it was shown, it repeats.
        _ => return error(401, &format!("401 Unauthorized: {token}")),
    };
    let segments: Vec<_> = path.split('/').collect();
    match (request.method().as_str(), segments.as_slice()) {
        ("GET", ["personal_access_tokens", "self"]) => {
            let body = json!({
                "id": 4,
                "name": "reads",
                "revoked": false,
                "active": true,
                "user_id": 3,
                "scopes": ["read_registry", "read_api"],
                "expires_at": (token != LASTING).then_some("2027-01-01"),
            });
            respond(200, &[], &body.to_string())
        }
        ("GET", ["projects", "1234" | "acme%2Fapi"]) => {
            // The path as people write it: images have it in small letters.
            let namespace = json!({ "id": 77, "full_path": "acme" });
            let body = json!({ "id": 1234, "path_with_namespace": "Acme/API", "namespace": namespace });
            respond(200, &[], &body.to_string())
        }
        ("GET", ["groups", "77" | "acme"]) if request.uri().query() == Some("with_projects=false") => {
            respond(200, &[], &json!({ "id": 77, "path": "acme", "full_path": "acme" }).to_string())
        }
        (method, [owners @ ("projects" | "groups"), owner @ ("1234" | "77"), "deploy_tokens", rest @ ..]) => {
            if !is_maintainer {
                return error(403, "403 Forbidden");
            }
            let owner = format!("{owners}/{owner}");
            match (method, rest) {
                ("GET", []) => list(state, &owner, request.uri().query().unwrap_or_default()),
                ("POST", []) => create(state, owner, request),
                ("DELETE", [id]) => {
                    let id = id.parse().unwrap();
                    if state.tokens.get(&id).is_none_or(|(other, _)| *other != owner) {
                        return error(404, "404 Deploy Token Not Found");
                    }
                    state.tokens.remove(&id);
                    respond(204, &[], "")
                }
                _ => error(405, "405 Method Not Allowed"),
            }
        }
        (_, ["projects", ..]) => error(404, "404 Project Not Found"),
        _ => error(404, "404 Not Found"),
    }
}

/// Two on a page, whatever is asked for, and one that is revoked.
fn list(state: &State, owner: &str, query: &str) -> Response<String> {
    let values: BTreeMap<_, _> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let (Some(page), Some(_)) = (values["page"].parse::<usize>().ok(), values["per_page"].parse::<u8>().ok())
    else {
        return error(400, "page is invalid");
    };
    assert_eq!(values["active"], "true");
    let own = state.tokens.iter().filter(|(_, (other, _))| other == owner);
    let listed = |(id, (_, token)): (&u64, &(String, Value))| described(*id, token, None);
    let mut tokens: Vec<_> = own.map(listed).collect();
    let pages = tokens.len().div_ceil(2).max(1);
    tokens = tokens.into_iter().skip((page - 1) * 2).take(2).collect();
    if page == 1 {
        let mut revoked = described(9, &json!({ "name": NAME, "scopes": ["read_registry"] }), None);
        revoked["revoked"] = json!(true);
        tokens.push(revoked);
    }
    let next = if page < pages { (page + 1).to_string() } else { String::new() };
    respond(200, &[("x-next-page", &next)], &Value::from(tokens).to_string())
}

fn create(state: &mut State, owner: String, request: &Request<Bytes>) -> Response<String> {
    if let Some((body, status)) = state.failing.take() {
        return respond(status, &[], &body);
    }
    let body = match document(request, &["name", "scopes"], &["expires_at", "username"]) {
        Ok(body) => body,
        Err(wrong) => return error(400, &wrong),
    };
    let is_time = |text: &str| text.len() == 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
    if !body["name"].is_string()
        || !body.get("expires_at").is_none_or(|time| time.as_str().is_some_and(is_time))
    {
        return error(400, "name or expires_at is invalid");
    }
    if body["scopes"] != json!(["read_registry"]) {
        return error(400, "more scopes than are good for pulling");
    }
    state.made += 1;
    let id = state.made;
    let created = described(id, &Value::Object(body.clone()), Some(MINTED));
    state.tokens.insert(id, (owner, Value::Object(body)));
    respond(201, &[], &created.to_string())
}

/// A token as the API describes it.
fn described(id: u64, asked: &Value, token: Option<&str>) -> Value {
    // GitLab answers with milliseconds.
    let expires_at = asked["expires_at"].as_str().map(|time| time.replace('Z', ".000Z"));
    let mut described = json!({
        "id": id,
        "name": asked["name"],
        "username": format!("gitlab+deploy-token-{id}"),
        "expires_at": expires_at,
        "revoked": false,
        "expired": false,
        "scopes": asked["scopes"],
    });
    if let Some(token) = token {
        described["token"] = json!(token);
    }
    described
}

/// The body, if it is JSON with these members and no others.
fn document(
    request: &Request<Bytes>,
    required: &[&str],
    optional: &[&str],
) -> Result<Map<String, Value>, String> {
    if request.headers().get("content-type").is_none_or(|kind| kind != "application/json") {
        return Err("the body is not declared as JSON".to_owned());
    }
    let document: Map<String, Value> =
        serde_json::from_slice(request.body()).map_err(|error| error.to_string())?;
    if let Some(missing) = required.iter().find(|name| !document.contains_key(**name)) {
        return Err(format!("{missing} is missing"));
    }
    let is_known = |name: &str| required.contains(&name) || optional.contains(&name);
    match document.keys().find(|name| !is_known(name)) {
        Some(unknown) => Err(format!("{unknown} is unknown")),
        None => Ok(document),
    }
}

fn error(status: u16, message: &str) -> Response<String> {
    respond(status, &[("content-type", "application/json")], &json!({ "message": message }).to_string())
}
