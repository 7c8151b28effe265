//! Requests to a registry and to its token server.

use ::http::{Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use serde_json::json;

use super::{
    Fault, Registries, Registry,
    auth::{Action, Refusal},
    dialect,
};
use crate::Moment;

/// The errors of the distribution specification, with the messages of its reference implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorCode {
    Unauthorized,
    /// A user name and password that don't fit, in GHCR's words.
    LoginDenied,
    Denied,
    NameUnknown,
    ManifestUnknown,
    ManifestInvalid,
    ManifestBlobUnknown,
    BlobUnknown,
    UploadUnknown,
    DigestInvalid,
    Unsupported,
    TooManyRequests,
    Unavailable,
}

impl ErrorCode {
    fn answer(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required"),
            Self::LoginDenied => (StatusCode::FORBIDDEN, "DENIED", "denied"),
            Self::Denied => (StatusCode::FORBIDDEN, "DENIED", "requested access to the resource is denied"),
            Self::NameUnknown => {
                (StatusCode::NOT_FOUND, "NAME_UNKNOWN", "repository name not known to registry")
            }
            Self::ManifestUnknown => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown"),
            Self::ManifestInvalid => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID", "manifest invalid"),
            Self::ManifestBlobUnknown => {
                (StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
            }
            Self::BlobUnknown => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry"),
            Self::UploadUnknown => {
                (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
            }
            Self::DigestInvalid => {
                (StatusCode::BAD_REQUEST, "DIGEST_INVALID", "provided digest did not match uploaded content")
            }
            Self::Unsupported => {
                (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "The operation is unsupported.")
            }
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "too many requests"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "service unavailable"),
        }
    }
}

/// The answer for an error.
pub(super) fn refuse(code: ErrorCode) -> Response<Bytes> {
    refuse_with(code, code.answer().2)
}

/// The answer for an error, with another message than the usual one.
pub(super) fn refuse_with(code: ErrorCode, message: &str) -> Response<Bytes> {
    let (status, code, _) = code.answer();
    json_answer(status, &json!({ "errors": [{ "code": code, "message": message }] }))
}

fn json_answer(status: StatusCode, body: &serde_json::Value) -> Response<Bytes> {
    let body = body.to_string();
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, body.len())
        .body(Bytes::from(body))
        .unwrap_or_default()
}

/// The parameters of a query string, decoded.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    fn parse(query: &str) -> Self {
        Self(
            query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(key, value)| (decode(key), decode(value)))
                .collect(),
        )
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// Percent-decoding as forms do it: `+` is a space, and what is malformed stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'%').then(|| tail.get(..2)).flatten().and_then(|hex| {
            let hex = std::str::from_utf8(hex).ok()?;
            u8::from_str_radix(hex, 16).ok()
        });
        match (first, escaped) {
            (_, Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', None) => {
                bytes.push(b' ');
                rest = tail;
            }
            (byte, None) => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Answers a request to the registry `host` or to its token server.
///
/// The token server's address in a challenge is built from the request: in process, with an absolute URI, it
/// is the registry's own; through a listener it is the listener's, with an `ns` parameter that says which registry
/// is meant, as containerd's mirrors do. An unreachable registry answers 503: a
/// transport asks [`Registries::reachable`] first.
pub fn http(
    registries: &mut Registries,
    now: Moment,
    request: Request<Bytes>,
    host: &str,
) -> Response<Bytes> {
    let host = &*dialect::canonical_host(host);
    registries.make(host, request.uri().path());
    let Some(registry) = registries.hosts.get_mut(host) else { return refuse(ErrorCode::NameUnknown) };
    match registry.fault {
        Some(Fault::Unreachable) => return refuse(ErrorCode::Unavailable),
        Some(Fault::Throttled) => {
            let mut answer = refuse(ErrorCode::TooManyRequests);
            answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("60"));
            return answer;
        }
        None => {}
    }
    let head = request.method() == Method::HEAD;
    let mut answer = route(registry, now, request, host);
    if head {
        // The headers, Content-Length too, are those of a GET.
        *answer.body_mut() = Bytes::new();
    }
    answer
}

fn route(registry: &mut Registry, now: Moment, request: Request<Bytes>, host: &str) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let path = parts.uri.path().to_owned();
    let reads = matches!(parts.method, Method::GET | Method::HEAD);

    if path == "/token" {
        return if reads {
            token(registry, host, now, authorization, &query)
        } else {
            refuse(ErrorCode::Unsupported)
        };
    }
    let Some(below) = path.strip_prefix("/v2/").or((path == "/v2").then_some("")) else {
        return refuse(ErrorCode::NameUnknown);
    };
    let realm = realm(&parts, host, &query);
    if below.is_empty() {
        return match registry.identify(now, authorization, None) {
            Ok(_) => json_answer(StatusCode::OK, &json!({})),
            Err(_) => challenge(&realm, host, None),
        };
    }
    let Some(target) = Target::parse(below) else { return refuse(ErrorCode::NameUnknown) };
    let action = if reads { Action::Pull } else { Action::Push };
    let identity = match registry.identify(now, authorization, Some((target.name(), action))) {
        Ok(identity) => identity,
        Err(_) => return challenge(&realm, host, Some((target.name(), action))),
    };
    let user = identity.user.as_deref();
    let allowed = match registry.repositories.get(target.name()) {
        Some(repository) if action == Action::Pull => {
            repository.can_read(user) || registry.improvised && user.is_some()
        }
        Some(repository) => repository.can_write(user),
        None if dialect::hides_repositories(host) => false,
        None => reads,
    };
    if !allowed {
        if dialect::challenges_again(host) {
            return challenge(&realm, host, Some((target.name(), action)));
        }
        return refuse(ErrorCode::Denied);
    }
    match target {
        Target::Manifest(name, reference) if reads => registry.read_manifest(name, reference, &parts.headers),
        Target::Manifest(name, reference) if parts.method == Method::PUT => {
            registry.write_manifest(name, reference, &parts.headers, body)
        }
        Target::Blob(name, digest) if reads => registry.read_blob(name, digest),
        Target::Upload(name, id) => registry.upload(&parts.method, name, id, &query, body),
        Target::Tags(name) if reads => match registry.repositories.get(name) {
            Some(repository) => {
                let tags: Vec<_> = repository.tags.keys().collect();
                json_answer(StatusCode::OK, &json!({ "name": name, "tags": tags }))
            }
            None => refuse(ErrorCode::NameUnknown),
        },
        _ => refuse(ErrorCode::Unsupported),
    }
}

/// The target of a path below `/v2/`. Repository names hold slashes, so the path is read from its end.
enum Target<'a> {
    Manifest(&'a str, &'a str),
    Blob(&'a str, &'a str),
    Upload(&'a str, &'a str),
    Tags(&'a str),
}

impl<'a> Target<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        if let Some(name) = path.strip_suffix("/tags/list") {
            return Some(Self::Tags(name));
        }
        if let Some((name, id)) =
            path.rsplit_once("/blobs/uploads/").or(path.strip_suffix("/blobs/uploads").map(|name| (name, "")))
        {
            return Some(Self::Upload(name, id));
        }
        let (rest, last) = path.rsplit_once('/')?;
        match rest.rsplit_once('/')? {
            (name, "manifests") => Some(Self::Manifest(name, last)),
            (name, "blobs") => Some(Self::Blob(name, last)),
            _ => None,
        }
    }

    fn name(&self) -> &'a str {
        match self {
            Self::Manifest(name, _) | Self::Blob(name, _) | Self::Upload(name, _) | Self::Tags(name) => name,
        }
    }
}

/// `GET /token`.
fn token(
    registry: &mut Registry,
    host: &str,
    now: Moment,
    authorization: Option<&str>,
    query: &Query,
) -> Response<Bytes> {
    let scopes = query.all("scope").flat_map(str::split_whitespace).map(str::to_owned).collect();
    match registry.issue(host, now, authorization, scopes) {
        Ok((token, lifetime)) => {
            json_answer(StatusCode::OK, &json!({ "token": token, "expires_in": lifetime.as_secs() }))
        }
        Err(Refusal::Unauthenticated) => refuse(ErrorCode::Unauthorized),
        Err(Refusal::WrongPassword) if host == "docker.io" => {
            refuse_with(ErrorCode::Unauthorized, "incorrect username or password")
        }
        Err(Refusal::WrongPassword) => refuse(ErrorCode::LoginDenied),
    }
}

/// The token server's address, as this client can reach it. Behind a listener that serves several registries
/// it says which one is meant.
fn realm(request: &::http::request::Parts, host: &str, query: &Query) -> String {
    match request.headers.get(header::HOST).and_then(|value| value.to_str().ok()) {
        Some(listener) if request.uri.authority().is_none() => {
            let namespace = query.get("ns").unwrap_or(host);
            format!("http://{listener}/token?ns={namespace}")
        }
        _ => dialect::own_realm(host),
    }
}

fn challenge(realm: &str, host: &str, wanted: Option<(&str, Action)>) -> Response<Bytes> {
    let scope = match wanted {
        // GHCR asks for this very scope where none is known yet.
        None => "repository:user/image:pull".to_owned(),
        Some((name, Action::Pull)) => format!("repository:{name}:pull"),
        Some((name, Action::Push)) => format!("repository:{name}:pull,push"),
    };
    let value = format!(r#"Bearer realm="{realm}",service="{}",scope="{scope}""#, dialect::service(host));
    let mut answer = refuse(ErrorCode::Unauthorized);
    if let Ok(value) = header::HeaderValue::from_str(&value) {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    answer
}
