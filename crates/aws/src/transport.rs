//! Between the SDK and the network: errors that name the endpoint, and responses that no log shows.
//!
//! The SDK writes whole requests and responses to its `trace` logs, and shows a body that is in memory. Bodies carry
//! secrets. It wraps the body of a request itself, so that nothing of it shows; the body of a response is wrapped here.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        connector_metadata::ConnectorMetadata,
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use http::{HeaderMap, Response};
use longshore_model::Failure;
use longshore_outside::{NetworkError, NetworkErrorKind, Trust, gunzip, http_client, is_gzip};

/// The longest answer that is decompressed.
const DECOMPRESSED_LIMIT: usize = 64 << 20;

/// Returns the SDK's HTTP client over the network: the one that registries are asked with, which trusts `trust`.
#[must_use]
pub fn network(trust: Trust) -> SharedHttpClient {
    SharedHttpClient::new(Network { trust, clients: Mutex::default() })
}

#[derive(Debug)]
struct Network {
    trust: Trust,
    /// The clients, by the limit of the time that a connection may take. There are few: the endpoints that give out the
    /// credentials of instances have a shorter one than AWS.
    clients: Mutex<HashMap<Option<Duration>, reqwest::Client>>,
}

impl Network {
    fn client(&self, connect_timeout: Option<Duration>) -> Result<reqwest::Client, Failure> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&connect_timeout) {
            return Ok(client.clone());
        }
        let client = http_client(&self.trust, connect_timeout)?;
        clients.insert(connect_timeout, client.clone());
        Ok(client)
    }
}

impl HttpClient for Network {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(NetworkConnector {
            client: self.client(settings.connect_timeout()),
            read_timeout: settings.read_timeout(),
        })
    }
}

#[derive(Debug)]
struct NetworkConnector {
    client: Result<reqwest::Client, Failure>,
    /// The time limit for the head of an answer.
    read_timeout: Option<Duration>,
}

impl HttpConnector for NetworkConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()));
        let request = request.and_then(|request| {
            reqwest::Request::try_from(request.map(reqwest::Body::wrap))
                .map_err(|error| connector_error(&error))
        });
        let client = self.client.clone().map_err(|failure| ConnectorError::user(failure.message.into()));
        let read_timeout = self.read_timeout;
        HttpConnectorFuture::new(async move {
            let answer = client?.execute(request?);
            let answer = match read_timeout {
                Some(limit) => tokio::time::timeout(limit, answer).await.map_err(|_| {
                    ConnectorError::timeout(format!("no answer within {} s", limit.as_secs_f32()).into())
                })?,
                None => answer.await,
            };
            readable(answer.map_err(|error| connector_error(&error))?.into()).await
        })
    }
}

/// Returns an answer as the SDK can read it: decompressed, and without headers that are no text.
async fn readable(answer: Response<reqwest::Body>) -> Result<HttpResponse, ConnectorError> {
    let (mut parts, body) = answer.into_parts();
    let body = if is_gzip(&parts.headers) {
        let body = SdkBody::from_body_1_x(body);
        let body = aws_smithy_types::byte_stream::ByteStream::new(body)
            .collect()
            .await
            .map_err(|error| ConnectorError::io(error.into()))?;
        let body = gunzip(&mut parts.headers, body.into_bytes(), DECOMPRESSED_LIMIT);
        SdkBody::from(body.map_err(|error| ConnectorError::io(error.into()))?)
    } else {
        SdkBody::from_body_1_x(body)
    };
    parts.headers = text_alone(parts.headers);
    HttpResponse::try_from(Response::from_parts(parts, body))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

/// Drops headers that are no text, which the SDK cannot read.
fn text_alone(headers: HeaderMap) -> HeaderMap {
    let mut name = None;
    let lines = headers.into_iter().filter_map(|(next, value)| {
        // Of the same header, only the first line comes with its name.
        name = next.or(name.take());
        std::str::from_utf8(value.as_bytes()).is_ok().then(|| name.clone().map(|name| (name, value)))?
    });
    let lines: Vec<_> = lines.collect();
    let mut text = HeaderMap::with_capacity(lines.len());
    for (name, value) in lines {
        text.append(name, value);
    }
    text
}

/// Returns an error of the network with the kind on which the SDK's retries depend. A certificate that is not trusted now
/// will not be trusted later either.
fn connector_error(error: &reqwest::Error) -> ConnectorError {
    let error = NetworkError::of(error);
    let make = match error.kind {
        NetworkErrorKind::Timeout => ConnectorError::timeout,
        NetworkErrorKind::Name | NetworkErrorKind::Connection | NetworkErrorKind::Tls => ConnectorError::io,
        NetworkErrorKind::Distrust | NetworkErrorKind::Request => ConnectorError::user,
    };
    make(error.into())
}

/// Wraps an HTTP client so that its errors name the endpoint and its responses are opaque to logs.
pub(crate) fn named(client: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(NamedClient(client))
}

/// No answer came.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    /// Scheme and authority of the URL.
    endpoint: String,
    source: BoxError,
}

impl NoAnswer {
    /// Returns `true` if the certificate that the endpoint showed is not trusted.
    pub(crate) fn is_distrust(&self) -> bool {
        let error = self.source.downcast_ref::<NetworkError>();
        error.is_some_and(|error| error.kind == NetworkErrorKind::Distrust)
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer from {}", self.endpoint)
    }
}

impl Error for NoAnswer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// The same body, of which a log shows nothing.
fn opaque(body: SdkBody) -> SdkBody {
    SdkBody::from_body_1_x(body)
}

#[derive(Debug)]
struct NamedClient(SharedHttpClient);

impl HttpClient for NamedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(NamedConnector(self.0.http_connector(settings, components)))
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.validate_base_client_config(components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.validate_final_config(components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[derive(Debug)]
struct NamedConnector(SharedHttpConnector);

impl HttpConnector for NamedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let endpoint = endpoint_of(request.uri());
        let response = self.0.call(request);
        HttpConnectorFuture::new(async move {
            match response.await {
                Ok(response) => Ok(response.map(opaque)),
                Err(error) => Err(name(error, endpoint)),
            }
        })
    }
}

/// Scheme, host and port of a URL. A user and a password before them may be secret.
fn endpoint_of(url: &str) -> String {
    let scheme = url.find("://").map_or("", |index| &url[..index + 3]);
    let rest = &url[scheme.len()..];
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    format!("{scheme}{host}")
}

/// Puts the endpoint into an error and keeps its kind, on which retries depend.
fn name(error: ConnectorError, endpoint: String) -> ConnectorError {
    let (timeout, io, user, other) = (error.is_timeout(), error.is_io(), error.is_user(), error.as_other());
    let source = NoAnswer { endpoint, source: error.into_source() }.into();
    match (timeout, io, user) {
        (true, _, _) => ConnectorError::timeout(source),
        (_, true, _) => ConnectorError::io(source),
        (_, _, true) => ConnectorError::user(source),
        _ => ConnectorError::other(source, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_scheme_and_authority() {
        assert_eq!(endpoint_of("http://127.0.0.1:4566/a?b=://c"), "http://127.0.0.1:4566");
        for password in ["geheim", "ge@heim", "ge/heim", "ge?heim"] {
            let url = format!("http://jo:{password}@localhost:4566/");
            assert_eq!(endpoint_of(&url), "http://localhost:4566");
        }
        assert_eq!(
            endpoint_of("https://ecs.eu-central-1.amazonaws.com"),
            "https://ecs.eu-central-1.amazonaws.com"
        );
    }

    #[tokio::test]
    async fn answers_lose_headers_that_are_no_text() {
        let answer = Response::builder()
            .header("x-amzn-requestid", "1")
            .header("server", http::HeaderValue::from_bytes(b"caf\xe9").unwrap())
            .header("via", "a")
            .header("via", http::HeaderValue::from_bytes(b"\xff").unwrap())
            .header("via", "b")
            .body(reqwest::Body::from("x"))
            .unwrap();
        let answer = readable(answer).await.unwrap();
        let headers: Vec<_> = answer.headers().iter().collect();
        assert_eq!(headers, [("x-amzn-requestid", "1"), ("via", "a"), ("via", "b")]);
    }

    #[tokio::test]
    async fn answers_compressed_unasked_are_decompressed() {
        // printf '{}' | gzip -n | xxd -i
        const EMPTY_OBJECT: [u8; 22] = [
            0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xab, 0xae, 0x05, 0x00, 0x43, 0xbf,
            0xa6, 0xa3, 0x02, 0x00, 0x00, 0x00,
        ];
        let answer = |body: &[u8]| {
            let answer = Response::builder().header("content-encoding", "GZIP");
            answer.body(reqwest::Body::from(body.to_vec())).unwrap()
        };
        let plain = readable(answer(&EMPTY_OBJECT)).await.unwrap();
        assert_eq!(plain.body().bytes(), Some(b"{}".as_slice()));
        assert!(plain.headers().get("content-encoding").is_none());
        assert!(readable(answer(&EMPTY_OBJECT[..18])).await.unwrap_err().is_io());
        assert_eq!(readable(answer(b"")).await.unwrap().body().bytes(), Some(b"".as_slice()));
    }

    #[test]
    fn an_opaque_body_shows_nothing() {
        let body = opaque(SdkBody::from("ghp_secret"));
        assert!(!format!("{body:?}").contains("ghp_secret"));
    }
}
