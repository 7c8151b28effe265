//! Docker Hub, as far as its API reference describes what is used of it. Requests and answers are checked against the
//! API that Docker publishes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use longshore_published::{DOCKER_HUB, DOCKER_REGISTRY, PublishedApi, Server, Verdict, respond};
use serde_json::{Value, json};

/// The token of `acmebot`, who owns the organisation `acme`.
pub(super) const OWNER: &str = "dckr_pat_b3duZXJvZmFjbWU";
/// The token of the session after the login.
pub(super) const BEARER: &str = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl";
/// The token that is made.
pub(super) const MINTED: &str = "dckr_oat_bWFkZWZvcnNob3A";
/// The token that grants pulls.
const GRANT: &str = "Z3JhbnRlZA";

#[derive(Default)]
struct State {
    /// The tokens of `acme`, by id.
    tokens: BTreeMap<String, Value>,
    /// The answer to the next attempt at making one.
    garbled: Option<(String, u16)>,
}

/// Marks an answer that Docker Hub does not publish.
#[derive(Clone)]
struct Garbled;

/// The published APIs of Docker's hosts. The path tells the host.
#[derive(Clone)]
struct Published {
    hub: PublishedApi,
    registry: PublishedApi,
}

impl Published {
    fn look(&self, request: &Request<Bytes>, answer: &Response<String>) {
        let host = request.uri().path().split('/').nth(1).unwrap();
        let api = if host == "hub.docker.com" { &self.hub } else { &self.registry };
        let api = api.clone().below(&format!("/{host}"));
        match answer.extensions().get::<Garbled>() {
            Some(_) => api.request(request),
            None => api.exchange(request, answer),
        }
    }
}

pub(super) struct Hub {
    pub(super) server: Server,
    state: Arc<Mutex<State>>,
    /// Fail the test at its end, if something passed that is not as Docker publishes it.
    _verdicts: [Verdict; 2],
}

impl Hub {
    pub(super) fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        let (hub, registry) = (PublishedApi::read(DOCKER_HUB), PublishedApi::read(DOCKER_REGISTRY));
        let verdicts = [hub.verdict(), registry.verdict()];
        let published = Published { hub, registry };
        let server = Server::start(None, move |request| {
            let answer = answer(&mut shared.lock().unwrap(), request);
            published.look(request, &answer);
            answer
        });
        Self { server, state, _verdicts: verdicts }
    }

    /// The tokens of `acme`, as they were asked for, by id.
    pub(super) fn tokens(&self) -> BTreeMap<String, Value> {
        self.state.lock().unwrap().tokens.clone()
    }

    /// Answers the next attempt at making a token as Docker Hub never should.
    pub(super) fn garble(&self, body: &str, status: u16) {
        self.state.lock().unwrap().garbled = Some((body.to_owned(), status));
    }
}

fn answer(state: &mut State, request: &Request<Bytes>) -> Response<String> {
    let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap());
    let (method, path) = (request.method().as_str(), request.uri().path());
    let segments: Vec<_> = path.split('/').skip(1).collect();
    match (method, segments.as_slice()) {
        ("POST", ["hub.docker.com", "v2", "auth", "token"]) => {
            let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            match (body["identifier"].as_str(), body["secret"].as_str()) {
                (Some("acmebot"), Some(OWNER)) => {
                    respond(200, &[], &json!({ "access_token": BEARER }).to_string())
                }
                // The answer repeats the secret of the request.
                (_, secret) => error(401, &format!("incorrect authentication credentials: {secret:?}")),
            }
        }
        ("GET", ["auth.docker.io", "token"]) => {
            use base64::{Engine, prelude::BASE64_STANDARD};
            let pair = header("authorization").strip_prefix("Basic ").unwrap();
            let pair = String::from_utf8(BASE64_STANDARD.decode(pair).unwrap()).unwrap();
            match pair.split_once(':').unwrap() {
                (_, secret @ (OWNER | MINTED | "unlimited")) => {
                    let token = if secret == OWNER { GRANT } else { secret };
                    respond(200, &[], &json!({ "token": token, "expires_in": 300 }).to_string())
                }
                _ => respond(401, &[], r#"{"details":"incorrect username or password"}"#),
            }
        }
        ("HEAD", ["registry-1.docker.io", "v2", "ratelimitpreview", "test", "manifests", "latest"]) => {
            match header("authorization").strip_prefix("Bearer ").unwrap() {
                GRANT => respond(
                    200,
                    &[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "76;w=21600")],
                    "",
                ),
                "unlimited" => respond(200, &[], ""),
                _ => respond(401, &[], ""),
            }
        }
        (_, ["hub.docker.com", "v2", "orgs", organization, "access-tokens", rest @ ..]) => {
            if header("authorization") != format!("Bearer {BEARER}") {
                return error(401, "unauthorized");
            }
            if *organization != "acme" {
                return error(403, "access denied");
            }
            match (method, rest) {
                ("GET", []) => list(state, request.uri().query().unwrap_or_default()),
                ("POST", []) => create(state, request),
                ("DELETE", [id]) => match state.tokens.remove(*id) {
                    Some(_) => respond(204, &[], ""),
                    None => error(404, "access token not found"),
                },
                _ => error(405, "method not allowed"),
            }
        }
        _ => error(404, "page not found"),
    }
}

/// By the schema `getOrgAccessTokensResponse`, two on a page whatever is asked for.
fn list(state: &State, query: &str) -> Response<String> {
    let number = |name: &str| {
        let values = query.split('&').filter_map(|pair| pair.split_once('='));
        values.into_iter().find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let (Some(page @ 1..), Some(1..)) = (number("page"), number("page_size")) else {
        return bad_request("page and page_size are numbers");
    };
    let listed = |(id, token): (&String, &Value)| described(id, token);
    let results: Vec<_> = state.tokens.iter().skip((page - 1) * 2).take(2).map(listed).collect();
    let next = (state.tokens.len() > page * 2).then(|| format!("https://hub.docker.com/?page={}", page + 1));
    let total = state.tokens.len();
    respond(
        200,
        &[],
        &json!({ "total": total, "next": next, "previous": null, "results": results }).to_string(),
    )
}

/// By the schemas `createOrgAccessTokenRequest`, `orgAccessTokenResource` and `createOrgAccessTokenResponse`.
fn create(state: &mut State, request: &Request<Bytes>) -> Response<String> {
    if let Some((body, status)) = state.garbled.take() {
        let mut answer = respond(status, &[], &body);
        answer.extensions_mut().insert(Garbled);
        return answer;
    }
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let Some(resources) = body["resources"].as_array().filter(|list| (1..=50).contains(&list.len())) else {
        return bad_request("1 to 50 resources");
    };
    for resource in resources {
        if resource["type"] != "TYPE_REPO" || resource["scopes"] != json!(["scope-image-pull"]) {
            return bad_request("another type or scope than is good for pulling");
        }
        match resource["path"].as_str() {
            Some("acme/missing") => return bad_request("repository acme/missing does not exist"),
            Some(path) if path == "*/*/public" || path.starts_with("acme/") => {}
            _ => return bad_request("not of this organisation"),
        }
    }
    let id = format!("a7a5ef25-8889-43a0-8cc7-{:012}", state.tokens.len());
    let mut created = described(&id, &body);
    created["token"] = json!(MINTED);
    created["resources"] = body["resources"].clone();
    state.tokens.insert(id, body);
    respond(201, &[], &created.to_string())
}

/// A token by the schema `orgAccessToken`, from what was asked for.
fn described(id: &str, asked: &Value) -> Value {
    json!({
        "id": id,
        "label": asked["label"],
        "created_by": "acmebot",
        "is_active": true,
        "created_at": "2026-11-23T07:00:00Z",
        "expires_at": asked["expires_at"],
        "last_used_at": null,
    })
}

/// By the schema `ValueError`.
fn bad_request(text: &str) -> Response<String> {
    respond(400, &[], &json!({ "fields": {}, "text": text }).to_string())
}

fn error(status: u16, message: &str) -> Response<String> {
    respond(status, &[], &json!({ "message": message }).to_string())
}
