//! A transport that expects certain requests, in their order, and answers each as it is told to.

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock, Mutex},
};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response, header};
use longshore_model::{Architecture, Failure, Platform, Secret};
use longshore_plugin::{Credential, PullCheck, PullProof};

use crate::{Puller, digest::sha256};
use longshore_net::{Transport, TransportError, TransportErrorKind};

pub(super) const AMD64: Platform = Platform::linux(Architecture::Amd64);
pub(super) const ARM64: Platform = Platform::linux(Architecture::Arm64);
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The index of an image for `linux/amd64`.
pub(super) static AMD64_INDEX: LazyLock<String> = LazyLock::new(|| {
    let platform = r#"{"os":"linux","architecture":"amd64"}"#;
    format!(r#"{{"manifests":[{}]}}"#, descriptor(IMAGE, "amd64", &format!(r#","platform":{platform}"#)))
});

/// A descriptor of `content`; `more` are further fields, each with a comma before it.
pub(super) fn descriptor(media_type: &str, content: &str, more: &str) -> String {
    let (digest, size) = (sha256(content.as_bytes()), content.len());
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}{more}}}"#)
}

/// The manifest of a single image with this configuration, and without layers.
pub(super) fn image_with(config: &str) -> String {
    format!(r#"{{"schemaVersion":2,"config":{},"layers":[]}}"#, descriptor(CONFIG, config, ""))
}

/// The password of [`credential`].
pub(super) const PASSWORD: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
/// The token that [`Script::token`] grants.
pub(super) const TOKEN: &str = "djE6amFjazpzZWNyZXQ=";

pub(super) fn credential() -> Credential {
    Credential { username: "jack".to_owned(), password: Secret::new(PASSWORD.to_owned()) }
}

type Reply = Result<Response<Bytes>, TransportError>;

/// What is expected and answered.
#[derive(Clone, Default)]
pub(super) struct Script {
    steps: Arc<Mutex<VecDeque<(String, Reply)>>>,
}

impl Script {
    /// Expects `call`, such as `HEAD https://ghcr.io/v2/ as bearer TOKEN`, and replies.
    pub(super) fn then(self, call: &str, reply: Reply) -> Self {
        self.steps.lock().unwrap().push_back((call.to_owned(), reply));
        self
    }

    /// Expects that the manifest of `ghcr.io/acme/api:1` is asked for and the token fetched.
    pub(super) fn token(self) -> Self {
        self.challenge().then(
            &format!("GET {TOKEN_URL} as basic jack"),
            reply(200, &[], &format!(r#"{{"token":"{TOKEN}","expires_in":300}}"#)),
        )
    }

    /// Expects that the manifest is asked for without authorization.
    pub(super) fn challenge(self) -> Self {
        let challenge =
            r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull""#;
        self.then(&format!("HEAD {MANIFEST}"), reply(401, &[("www-authenticate", challenge)], ""))
    }

    /// Expects the manifest to be asked for with the token, and answers that it is `content`.
    pub(super) fn manifest(self, content_type: &str, content: &str) -> Self {
        self.headers(content_type, content).then(
            &format!("GET {} as bearer TOKEN", by_digest(content)),
            reply(200, &[("content-type", content_type)], content),
        )
    }

    /// Expects the manifest to be asked for with the token, and describes it as `content`.
    pub(super) fn headers(self, content_type: &str, content: &str) -> Self {
        let (digest, length) = (sha256(content.as_bytes()), content.len().to_string());
        let headers =
            [("content-type", content_type), ("docker-content-digest", &digest), ("content-length", &length)];
        self.then(&format!("HEAD {MANIFEST} as bearer TOKEN"), reply(200, &headers, ""))
    }

    /// Expects a request for the manifest with the token, and for the words after it.
    pub(super) fn refused(self, status: u16, body: &str) -> Self {
        self.then(&format!("HEAD {MANIFEST} as bearer TOKEN"), reply(status, &[], ""))
            .then(&format!("GET {MANIFEST} as bearer TOKEN"), reply(status, &[], body))
    }

    /// Checks `ghcr.io/acme/api:1` as `jack`. Every expected request must be sent.
    pub(super) async fn check(self, platform: Platform) -> Result<PullProof, Failure> {
        self.check_image("ghcr.io/acme/api:1", platform, Some(&credential()), None).await
    }

    pub(super) async fn check_image(
        self,
        image: &str,
        platform: Platform,
        credential: Option<&Credential>,
        endpoint: Option<&str>,
    ) -> Result<PullProof, Failure> {
        let puller = Puller::new(Arc::new(self.clone()));
        let result = puller.check(&image.parse().unwrap(), platform, credential, endpoint).await;
        self.is_at_its_end();
        result
    }

    /// Every expected request was sent.
    pub(super) fn is_at_its_end(&self) {
        let left: Vec<_> = self.steps.lock().unwrap().iter().map(|(call, _)| call.clone()).collect();
        assert!(left.is_empty(), "these requests were not sent: {left:#?}");
    }
}

pub(super) const MANIFEST: &str = "https://ghcr.io/v2/acme/api/manifests/1";
/// With the scope of the challenge beside that of the image, as containerd asks for it.
pub(super) const TOKEN_URL: &str = "https://ghcr.io/token?service=ghcr.io\
    &scope=repository%3Aacme%2Fapi%3Apull&scope=repository%3Auser%2Fimage%3Apull";
pub(super) const LOGIN_URL: &str = "https://ghcr.io/token?service=ghcr.io";

/// Returns the URL of the manifest or index `content` of `ghcr.io/acme/api`, by its digest.
pub(super) fn by_digest(content: &str) -> String {
    format!("https://ghcr.io/v2/acme/api/manifests/{}", sha256(content.as_bytes()))
}

/// An answer with an index.
pub(super) fn index(content: &str) -> Reply {
    reply(200, &[("content-type", INDEX)], content)
}

pub(super) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body(Bytes::from(body.to_owned())).unwrap())
}

/// An answer with one error in the form of the distribution specification.
pub(super) fn error(code: &str, message: &str) -> String {
    format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#)
}

pub(super) fn broken(kind: TransportErrorKind, message: &str) -> Reply {
    Err(TransportError::new(kind, message))
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Bytes>) -> Reply {
        let call = describe(&request);
        let (expected, reply) = self
            .steps
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| panic!("nothing more is expected, but {call}"));
        assert_eq!(call, expected);
        reply
    }
}

/// The request, with whom it proves to come from.
fn describe(request: &Request<Bytes>) -> String {
    let mut call = format!("{} {}", request.method(), request.uri());
    if let Some(authorization) = request.headers().get(header::AUTHORIZATION) {
        assert!(authorization.is_sensitive());
        let (scheme, proof) = authorization.to_str().unwrap().split_once(' ').unwrap();
        let who = match scheme {
            "Bearer" if proof == TOKEN => "TOKEN".to_owned(),
            "Basic" => {
                let pair = String::from_utf8(BASE64_STANDARD.decode(proof).unwrap()).unwrap();
                pair.strip_suffix(PASSWORD).and_then(|user| user.strip_suffix(':')).unwrap().to_owned()
            }
            _ => panic!("an unknown proof: {authorization:?}"),
        };
        call.push_str(&format!(" as {} {who}", scheme.to_lowercase()));
    }
    call
}
