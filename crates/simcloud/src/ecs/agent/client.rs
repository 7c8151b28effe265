//! The agent's registry client: what to ask next, and what to make of the answer. It does no input or output
//! itself, so that one client serves for registries in this process and for those behind a socket.
//!
//! The messages are containerd's, as ECS passes them on.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};

use super::{
    Credentials, ImageReference, Refusal,
    documents::{Config, Descriptor, Errors, Manifest, Token},
};
use crate::{
    partition::dns_suffix,
    registry::{Behaviour, Challenge, sha256},
};

const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// The result of a pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled(pub(super) Result<PulledImage, Refusal>);

/// The image that a pull has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PulledImage {
    /// The digest to which the image's name was resolved: an index's, where there is one.
    pub(super) digest: String,
    pub(super) behaviour: Behaviour,
}

/// The reason for the missing answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreachable {
    why: String,
    /// The region of the bucket that did not answer after Amazon ECR's redirect.
    bucket: Option<String>,
}

impl Unreachable {
    /// Nothing answers at `host`, or at Amazon ECR's bucket in a region. The address is made up, in a network for
    /// documentation (RFC 5737).
    pub(super) fn timeout(host: &str, bucket: Option<&str>) -> Self {
        let last = host.bytes().fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        let why = format!("dial tcp 198.51.100.{last}:443: i/o timeout");
        Self { why, bucket: bucket.map(str::to_owned) }
    }

    /// A connection has failed, for a reason of the operating system.
    pub(super) fn because(reason: impl std::fmt::Display) -> Self {
        Self { why: reason.to_string(), bucket: None }
    }
}

/// A pull under way.
#[derive(Clone, Debug)]
pub(super) struct Pull {
    image: ImageReference,
    platform: (&'static str, &'static str),
    credentials: Option<Credentials>,
    authorization: Authorization,
    stage: Stage,
}

#[derive(Clone)]
enum Authorization {
    /// Nothing was asked for yet.
    None,
    Basic,
    Bearer(String),
}

impl std::fmt::Debug for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic => "Basic",
            Self::Bearer(_) => "Bearer(redacted)",
        })
    }
}

/// The purpose of the next request.
#[derive(Clone, Debug)]
enum Stage {
    /// `HEAD` of the manifest, to resolve the name.
    Resolve,
    Token(Challenge),
    /// The manifest or index with this digest, which is what the name resolved to.
    Manifest {
        resolved: String,
    },
    /// The manifest for the platform.
    Platform {
        resolved: String,
        digest: String,
    },
    /// The image's configuration.
    Config {
        resolved: String,
        digest: String,
    },
}

impl Pull {
    pub(super) fn new(
        image: ImageReference,
        platform: (&'static str, &'static str),
        credentials: Option<Credentials>,
    ) -> Self {
        Self { image, platform, credentials, authorization: Authorization::None, stage: Stage::Resolve }
    }

    /// The registry, as the image's name has it.
    pub(super) fn host(&self) -> &str {
        &self.image.host
    }

    /// The next request.
    pub(super) fn request(&self) -> Request<Bytes> {
        let method = if matches!(self.stage, Stage::Resolve) { Method::HEAD } else { Method::GET };
        let mut request = Request::builder().method(method).uri(self.url());
        match (&self.stage, &self.authorization) {
            (Stage::Token(_), _) | (_, Authorization::Basic) => {
                if let Some(credentials) = &self.credentials {
                    let pair = format!("{}:{}", credentials.username, credentials.password.expose());
                    let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
                    request = request.header(header::AUTHORIZATION, value);
                }
            }
            (_, Authorization::Bearer(token)) => {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            (_, Authorization::None) => {}
        }
        if !matches!(self.stage, Stage::Token(_) | Stage::Config { .. }) {
            request = request.header(header::ACCEPT, ACCEPT);
        }
        // A realm that is no address gives an empty request, which no server answers well.
        request.body(Bytes::new()).unwrap_or_default()
    }

    fn url(&self) -> String {
        let host = self.image.api_host();
        let scheme = if crate::registry::is_this_machine(host) { "http" } else { "https" };
        let base = format!("{scheme}://{host}/v2/{}", self.image.repository);
        match &self.stage {
            Stage::Resolve => format!("{base}/manifests/{}", self.image.reference()),
            Stage::Manifest { resolved: digest } | Stage::Platform { digest, .. } => {
                format!("{base}/manifests/{digest}")
            }
            Stage::Config { digest, .. } => format!("{base}/blobs/{digest}"),
            Stage::Token(challenge) => {
                let mark = if challenge.realm.contains('?') { '&' } else { '?' };
                let mut url = format!("{}{mark}scope={}", challenge.realm, escape(&self.scope(challenge)));
                if let Some(service) = &challenge.service {
                    url.push_str("&service=");
                    url.push_str(&escape(service));
                }
                url
            }
        }
    }

    fn scope(&self, challenge: &Challenge) -> String {
        challenge.scope.clone().unwrap_or_else(|| format!("repository:{}:pull", self.image.repository))
    }

    /// Takes the answer to the last request; a result ends the pull.
    pub(super) fn take(&mut self, answer: Result<Response<Bytes>, Unreachable>) -> Option<Pulled> {
        match self.advance(answer) {
            Ok(None) => None,
            Ok(Some(image)) => Some(Pulled(Ok(image))),
            Err(refusal) => Some(Pulled(Err(refusal))),
        }
    }

    fn advance(
        &mut self,
        answer: Result<Response<Bytes>, Unreachable>,
    ) -> Result<Option<PulledImage>, Refusal> {
        let answer = answer.map_err(|Unreachable { why, bucket }| {
            if let Some(region) = bucket {
                let host =
                    format!("prod-{region}-starport-layer-bucket.s3.{region}.{}", dns_suffix(&region));
                return Refusal::slow(format!(
                    "CannotPullContainerError: failed to copy: httpReadSeeker: failed open: failed to do request: Get \"https://{host}/\": {why}"
                ));
            }
            let verb = if matches!(self.stage, Stage::Resolve) { "Head" } else { "Get" };
            let request = format!("failed to do request: {verb} \"{}\": {why}", self.url());
            let reason = match self.stage {
                Stage::Token(_) => self.unresolved(5, &format!("failed to authorize: {request}")),
                _ => self.unresolved(5, &request),
            };
            Refusal::slow(reason)
        })?;
        let status = answer.status();
        match self.stage.clone() {
            Stage::Token(_) => {
                self.authorization = Authorization::Bearer(self.token(&answer)?);
                self.stage = Stage::Resolve;
                Ok(None)
            }
            Stage::Resolve if status == StatusCode::UNAUTHORIZED => {
                self.challenged(answer.headers()).map(|()| None)
            }
            Stage::Resolve => {
                if status == StatusCode::NOT_FOUND {
                    return Err(self.failure(&format!("{}: not found", self.image)));
                }
                self.expect_ok(&answer)?;
                let digest =
                    answer.headers().get("Docker-Content-Digest").and_then(|value| value.to_str().ok());
                let resolved = match (&self.image.digest, digest) {
                    (Some(digest), _) => digest.clone(),
                    (None, Some(digest)) => digest.to_owned(),
                    (None, None) => return Err(self.failure("the registry names no digest")),
                };
                self.stage = Stage::Manifest { resolved };
                Ok(None)
            }
            Stage::Manifest { resolved } => {
                let manifest: Manifest = self.content(&answer, &resolved)?;
                self.stage = match manifest.config {
                    Some(config) => Stage::Config { resolved, digest: config.digest },
                    None => {
                        let digest = self.choose(manifest.manifests)?;
                        Stage::Platform { resolved, digest }
                    }
                };
                Ok(None)
            }
            Stage::Platform { resolved, digest } => {
                let manifest: Manifest = self.content(&answer, &digest)?;
                let Some(config) = manifest.config else { return Err(self.no_platform()) };
                self.stage = Stage::Config { resolved, digest: config.digest };
                Ok(None)
            }
            Stage::Config { resolved, digest } => {
                let config: Config = self.content(&answer, &digest)?;
                if (config.os.as_str(), config.architecture.as_str()) != self.platform {
                    return Err(self.no_platform());
                }
                let labels = config.config.and_then(|config| config.labels).unwrap_or_default();
                Ok(Some(PulledImage { digest: resolved, behaviour: Behaviour::from_labels(&labels) }))
            }
        }
    }

    /// The registry wants to know who asks.
    fn challenged(&mut self, headers: &HeaderMap) -> Result<(), Refusal> {
        let denied = "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed";
        if !matches!(self.authorization, Authorization::None) {
            return Err(self.failure(denied));
        }
        let header =
            headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Some(challenge) = Challenge::parse(header) {
            self.stage = Stage::Token(challenge);
            return Ok(());
        }
        let basic = header.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"));
        if basic && self.credentials.is_some() {
            self.authorization = Authorization::Basic;
            return Ok(());
        }
        Err(self.failure(
            "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
        ))
    }

    fn token(&self, answer: &Response<Bytes>) -> Result<String, Refusal> {
        let kind = if self.credentials.is_some() { "oauth" } else { "anonymous" };
        let fail =
            |why: &str| self.failure(&format!("failed to authorize: failed to fetch {kind} token: {why}"));
        if !answer.status().is_success() {
            return Err(fail(&self.unexpected(answer)));
        }
        serde_json::from_slice::<Token>(answer.body())
            .ok()
            .and_then(|token| token.token.or(token.access_token))
            .ok_or_else(|| fail("authorization server did not include a token in the response"))
    }

    fn expect_ok(&self, answer: &Response<Bytes>) -> Result<(), Refusal> {
        if answer.status().is_success() { Ok(()) } else { Err(self.failure(&self.unexpected(answer))) }
    }

    /// Content that is what its digest says, parsed.
    fn content<T: serde::de::DeserializeOwned>(
        &self,
        answer: &Response<Bytes>,
        digest: &str,
    ) -> Result<T, Refusal> {
        self.expect_ok(answer)?;
        let actual = sha256(answer.body());
        if actual != digest {
            return Err(self.failure(&format!("failed to verify content: {actual} instead of {digest}")));
        }
        serde_json::from_slice(answer.body())
            .map_err(|error| self.failure(&format!("failed to parse {digest}: {error}")))
    }

    fn choose(&self, manifests: Vec<Descriptor>) -> Result<String, Refusal> {
        manifests
            .into_iter()
            .find(|entry| {
                entry.platform.as_ref().is_some_and(|platform| {
                    (platform.os.as_str(), platform.architecture.as_str()) == self.platform
                })
            })
            .map(|entry| entry.digest)
            .ok_or_else(|| self.no_platform())
    }

    fn unexpected(&self, answer: &Response<Bytes>) -> String {
        let verb = if matches!(self.stage, Stage::Resolve) { "HEAD" } else { "GET" };
        let words = serde_json::from_slice::<Errors>(answer.body())
            .ok()
            .and_then(|errors| errors.errors.into_iter().next())
            .map(|error| format!(": {}", error.message))
            .unwrap_or_default();
        format!("unexpected status from {verb} request to {}: {}{words}", self.url(), answer.status())
    }

    fn unresolved(&self, times: u32, why: &str) -> String {
        format!(
            "CannotPullContainerError: pull image manifest has been retried {times} time(s): failed to resolve ref {}: {why}",
            self.image
        )
    }

    fn failure(&self, why: &str) -> Refusal {
        Refusal::new(self.unresolved(1, why))
    }

    fn no_platform(&self) -> Refusal {
        let (os, architecture) = self.platform;
        let reason = format!(
            "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not contain descriptor matching platform '{os}/{architecture}'"
        );
        Refusal::new(reason)
    }
}

/// Percent-encodes a query parameter.
fn escape(text: &str) -> String {
    use std::fmt::Write;

    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(byte as char);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}
