//! Docker Hub, as far as its API reference describes what is used of it. What the schemas do not have is refused.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Map, Value, json};

use super::server::{Server, respond};

/// The token of `acmebot`, who owns the organisation `acme`.
pub(super) const OWNER: &str = "dckr_pat_b3duZXJvZmFjbWU";
/// What he is known by after the login.
pub(super) const BEARER: &str = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl";
/// The token that is made.
pub(super) const MINTED: &str = "dckr_oat_bWFkZWZvcnNob3A";
/// What pulls are granted by.
const GRANT: &str = "Z3JhbnRlZA";

#[derive(Default)]
struct State {
    /// The tokens of `acme`, by id.
    tokens: BTreeMap<String, Value>,
    /// The answer to the next attempt at making one.
    failing: Option<(String, u16)>,
}

pub(super) struct Hub {
    pub(super) server: Server,
    state: Arc<Mutex<State>>,
}

impl Hub {
    pub(super) fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        Self { server: Server::start(move |request| answer(&mut shared.lock().unwrap(), request)), state }
    }

    /// The tokens of `acme`, as they were asked for, by id.
    pub(super) fn tokens(&self) -> BTreeMap<String, Value> {
        self.state.lock().unwrap().tokens.clone()
    }

    /// Answers the next attempt at making a token so.
    pub(super) fn fail(&self, body: &str, status: u16) {
        self.state.lock().unwrap().failing = Some((body.to_owned(), status));
    }
}

fn answer(state: &mut State, request: &Request<Bytes>) -> Response<String> {
    let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap());
    let (method, path) = (request.method().as_str(), request.uri().path());
    let segments: Vec<_> = path.split('/').skip(1).collect();
    match (method, segments.as_slice()) {
        ("POST", ["hub.docker.com", "v2", "auth", "token"]) => {
            let Ok(body) = document(request, &["identifier", "secret"], &[]) else {
                return bad_request("form");
            };
            match (body["identifier"].as_str(), body["secret"].as_str()) {
                (Some("acmebot"), Some(OWNER)) => {
                    respond(200, &[], &json!({ "access_token": BEARER }).to_string())
                }
                // What it was shown, it repeats.
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
    let listed = |(id, token): (&String, &Value)| json!({ "id": id, "label": token["label"], "is_active": true, "expires_at": token["expires_at"] });
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
    if let Some((body, status)) = state.failing.take() {
        return respond(status, &[], &body);
    }
    let body = match document(request, &["label", "resources"], &["description", "expires_at"]) {
        Ok(body) => body,
        Err(wrong) => return bad_request(&wrong),
    };
    if ["label", "description"].iter().any(|field| !body.get(*field).is_none_or(Value::is_string)) {
        return bad_request("label and description are texts");
    }
    let is_time = |text: &str| text.len() == 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
    if !body.get("expires_at").is_none_or(|time| time.is_null() || time.as_str().is_some_and(is_time)) {
        return bad_request("expires_at is a date-time");
    }
    let Some(resources) = body["resources"].as_array().filter(|list| (1..=50).contains(&list.len())) else {
        return bad_request("1 to 50 resources");
    };
    for resource in resources {
        let Some(resource) = resource.as_object() else { return bad_request("a resource is an object") };
        if let Err(wrong) = members(resource, &["type", "path", "scopes"], &[]) {
            return bad_request(&wrong);
        }
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
    let mut created = json!({
        "id": id,
        "token": MINTED,
        "is_active": true,
        "created_at": "2026-11-23T07:00:00Z",
        "created_by": "acmebot",
        "last_used_at": null,
    });
    for (field, value) in &body {
        created[field.as_str()] = value.clone();
    }
    state.tokens.insert(id, Value::Object(body));
    respond(201, &[], &created.to_string())
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
    let document = serde_json::from_slice(request.body()).map_err(|error| error.to_string())?;
    members(&document, required, optional)?;
    Ok(document)
}

fn members(document: &Map<String, Value>, required: &[&str], optional: &[&str]) -> Result<(), String> {
    if let Some(missing) = required.iter().find(|name| !document.contains_key(**name)) {
        return Err(format!("{missing} is missing"));
    }
    let is_known = |name: &str| required.contains(&name) || optional.contains(&name);
    match document.keys().find(|name| !is_known(name)) {
        Some(unknown) => Err(format!("{unknown} is unknown")),
        None => Ok(()),
    }
}

fn bad_request(message: &str) -> Response<String> {
    error(400, message)
}

fn error(status: u16, message: &str) -> Response<String> {
    respond(status, &[("content-type", "application/json")], &json!({ "message": message }).to_string())
}
