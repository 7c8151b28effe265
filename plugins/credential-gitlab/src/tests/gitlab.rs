//! GitLab, as far as its API's documentation describes what is used of it ("Deploy tokens API", "Projects API", "Groups
//! API", "Personal access tokens API"). It lies below `/gitlab`. Requests and answers are checked against the API that
//! GitLab publishes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use longshore_published::{GITLAB, PublishedApi, Server, Verdict, respond};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

/// The token of a maintainer of `Acme/API`, who owns the group `acme`.
pub(super) const MAINTAINER: &str = "glpat-bWFpbnRhaW5lcg";
/// The token of a member who may read.
pub(super) const READER: &str = "glpat-cmVhZGVy";
/// A token that never expires.
pub(super) const LASTING: &str = "glpat-bGFzdGluZw";
/// The token that is made.
pub(super) const MINTED: &str = "gldt-bWFkZWZvcnNob3A";
/// The name of the tests' tokens.
pub(super) const NAME: &str = "longshore shop 2026-11-23T07:00:00Z for-f85b06d5b2f87157";

#[derive(Default)]
struct State {
    /// The deploy tokens by number, with what they belong to.
    tokens: BTreeMap<u64, (String, Value)>,
    made: u64,
    /// The answer to the next attempt at making one.
    failing: Option<Response<String>>,
}

/// Marks an answer that GitLab does not publish.
#[derive(Clone)]
struct Garbled;

pub(super) struct GitLab {
    pub(super) server: Server,
    is_secure: bool,
    state: Arc<Mutex<State>>,
    /// Fails the test at its end, if something passed that is not as GitLab publishes it.
    _verdict: Verdict,
}

impl GitLab {
    pub(super) fn start() -> Self {
        Self::start_with(None)
    }

    pub(super) fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        let is_secure = tls.is_some();
        let published = PublishedApi::read(GITLAB).below("/gitlab");
        let verdict = published.verdict();
        let server = Server::start(tls, move |request| {
            let answer = answer(&mut shared.lock().unwrap(), request);
            match answer.extensions().get::<Garbled>() {
                Some(_) => published.request(request),
                None => published.exchange(request, &answer),
            }
            answer
        });
        Self { server, is_secure, state, _verdict: verdict }
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

    /// Returns true if there is the deploy token with this number.
    pub(super) fn has(&self, number: u64) -> bool {
        self.state.lock().unwrap().tokens.contains_key(&number)
    }

    /// Answers the next attempt at making a token so.
    pub(super) fn fail(&self, body: &str, status: u16) {
        self.state.lock().unwrap().failing = Some(respond(status, &[], body));
    }

    /// Answers the next attempt at making a token as GitLab never should.
    pub(super) fn garble(&self, body: &str, status: u16) {
        let mut answer = respond(status, &[], body);
        answer.extensions_mut().insert(Garbled);
        self.state.lock().unwrap().failing = Some(answer);
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
            let body = json!({
                "error": "insufficient_scope",
                "error_description": "The token may not do that.",
                "scope": "api read_api",
            });
            return respond(403, &[], &body.to_string());
        }
        // The answer repeats the token of the request.
        _ => return error(401, &format!("401 Unauthorized: {token}")),
    };
    let segments: Vec<_> = path.split('/').collect();
    match (request.method().as_str(), segments.as_slice()) {
        ("GET", ["personal_access_tokens", "self"]) => {
            let body = json!({
                "id": 4,
                "name": "reads",
                "revoked": false,
                "created_at": "2026-01-01T00:00:00.000Z",
                "description": "for the registry",
                "scopes": ["read_registry", "read_api"],
                "user_id": 3,
                "last_used_at": "2026-11-22T07:00:00.000Z",
                "active": true,
                "expires_at": (token != LASTING).then_some("2027-01-01"),
                "last_used_ips": [],
            });
            respond(200, &[], &body.to_string())
        }
        ("GET", ["projects", "1234" | "acme%2Fapi"]) => {
            // The path as people write it: images have it in small letters.
            let body = json!({
                "id": 1234,
                "name": "API",
                "name_with_namespace": "Acme / API",
                "path": "API",
                "path_with_namespace": "Acme/API",
                "web_url": "https://gitlab.example.com/Acme/API",
                "namespace": {
                    "id": 77,
                    "name": "Acme",
                    "path": "Acme",
                    "kind": "group",
                    "full_path": "Acme",
                    "parent_id": null,
                    "avatar_url": null,
                    "web_url": "https://gitlab.example.com/groups/Acme",
                },
                "visibility": "private",
            });
            respond(200, &[], &body.to_string())
        }
        ("GET", ["groups", "77" | "acme"]) if request.uri().query() == Some("with_projects=false") => {
            let body = json!({
                "id": 77,
                "name": "Acme",
                "path": "acme",
                "full_name": "Acme",
                "full_path": "acme",
                "web_url": "https://gitlab.example.com/groups/acme",
                "visibility": "private",
            });
            respond(200, &[], &body.to_string())
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
    if let Some(answer) = state.failing.take() {
        return answer;
    }
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    if body["scopes"] != json!(["read_registry"]) {
        return error(400, "more scopes than are good for pulling");
    }
    state.made += 1;
    let id = state.made;
    let created = described(id, &body, Some(MINTED));
    state.tokens.insert(id, (owner, body));
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

fn error(status: u16, message: &str) -> Response<String> {
    respond(status, &[], &json!({ "message": message }).to_string())
}
