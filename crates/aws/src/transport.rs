//! Between the SDK and the network: errors that name the endpoint, and responses that no log shows.
//!
//! The SDK writes whole requests and responses to its `trace` logs, and shows a body that is in memory. Bodies carry
//! secrets. It wraps the body of a request itself, so that nothing of it shows; the body of a response is wrapped here.

use std::{
    collections::HashMap,
    error::Error,
    fmt, io,
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
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response};
use longshore_effort::Effort;
use longshore_model::Failure;
use longshore_net::{NetworkError, NetworkErrorKind, Trust, gunzip, http_client, is_gzip};
use tokio::time::{sleep, timeout};

use crate::pace::Interrupted;

/// The longest answer that is read, in bytes, before and after it is decompressed. AWS documents pages of at most 1,000
/// items (EC2), of 1 MB (CloudWatch Logs) and of 5 MB (Secrets Manager). A thousand roles, each with the 10,240 characters of
/// inline policies that IAM allows, encoded for URLs, take 20 MB.
const ANSWER_LIMIT: usize = 32 << 20;

/// The time limit for the head of an answer, and again for its body. AWS's control planes answer in seconds.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The time that calls under way have to be answered after the run was interrupted.
const AFTER_INTERRUPT: Duration = Duration::from_secs(10);

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
            read_timeout: settings.read_timeout().unwrap_or(READ_TIMEOUT),
        })
    }
}

#[derive(Debug)]
struct NetworkConnector {
    client: Result<reqwest::Client, Failure>,
    /// The time limit for the head of an answer, and again for its body.
    read_timeout: Duration,
}

impl HttpConnector for NetworkConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()));
        let request = request.and_then(|request| {
            reqwest::Request::try_from(request.map(reqwest::Body::wrap))
                .map_err(|error| connector_error(&error))
        });
        let client = self.client.clone().map_err(|failure| ConnectorError::user(failure.message.into()));
        let limit = self.read_timeout;
        let effort = Effort::current();
        let exchange = async move {
            let answer = client?.execute(request?);
            let answer = timeout(limit, answer).await.map_err(|_| late("no answer", limit))?;
            let answer = answer.map_err(|error| connector_error(&error))?;
            timeout(limit, whole(answer)).await.map_err(|_| late("the answer was not complete", limit))?
        };
        HttpConnectorFuture::new(async move {
            let interrupted = async {
                effort.interrupt().cancelled().await;
                sleep(AFTER_INTERRUPT).await;
            };
            tokio::select! {
                biased;
                answer = exchange => answer,
                () = interrupted => Err(ConnectorError::user(Interrupted::Unanswered.into())),
            }
        })
    }
}

fn late(what: &str, limit: Duration) -> ConnectorError {
    ConnectorError::timeout(format!("{what} within {} s", limit.as_secs_f32()).into())
}

/// Reads an answer to its end, unless it is longer than [`ANSWER_LIMIT`].
async fn whole(mut answer: reqwest::Response) -> Result<HttpResponse, ConnectorError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| connector_error(&error))? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    let (parts, _) = Response::from(answer).into_parts();
    readable(Response::from_parts(parts, body.freeze()))
}

/// Returns the error of an answer that is longer than any of AWS, which it therefore is not.
fn too_long() -> ConnectorError {
    ConnectorError::io(format!("the answer is longer than {} MiB", ANSWER_LIMIT >> 20).into())
}

/// Returns an answer as the SDK can read it: decompressed, and without headers that are no text.
fn readable(answer: Response<Bytes>) -> Result<HttpResponse, ConnectorError> {
    let (mut parts, body) = answer.into_parts();
    let body = if is_gzip(&parts.headers) {
        gunzip(&mut parts.headers, body, ANSWER_LIMIT).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => too_long(),
            _ => ConnectorError::io(error.into()),
        })?
    } else {
        body
    };
    let body = SdkBody::from(body);
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

    #[test]
    fn answers_lose_headers_that_are_no_text() {
        let answer = Response::builder()
            .header("x-amzn-requestid", "1")
            .header("server", http::HeaderValue::from_bytes(b"caf\xe9").unwrap())
            .header("via", "a")
            .header("via", http::HeaderValue::from_bytes(b"\xff").unwrap())
            .header("via", "b")
            .body(Bytes::from("x"))
            .unwrap();
        let answer = readable(answer).unwrap();
        let headers: Vec<_> = answer.headers().iter().collect();
        assert_eq!(headers, [("x-amzn-requestid", "1"), ("via", "a"), ("via", "b")]);
    }

    #[test]
    fn answers_compressed_unasked_are_decompressed() {
        // printf '{}' | gzip -n | xxd -i
        const EMPTY_OBJECT: [u8; 22] = [
            0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xab, 0xae, 0x05, 0x00, 0x43, 0xbf,
            0xa6, 0xa3, 0x02, 0x00, 0x00, 0x00,
        ];
        let answer = |body: &[u8]| {
            let answer = Response::builder().header("content-encoding", "GZIP");
            answer.body(Bytes::copy_from_slice(body)).unwrap()
        };
        let plain = readable(answer(&EMPTY_OBJECT)).unwrap();
        assert_eq!(plain.body().bytes(), Some(b"{}".as_slice()));
        assert!(plain.headers().get("content-encoding").is_none());
        assert!(readable(answer(&EMPTY_OBJECT[..18])).unwrap_err().is_io());
        assert_eq!(readable(answer(b"")).unwrap().body().bytes(), Some(b"".as_slice()));
    }

    /// Answers one request with `head`, and then with `part` again and again, with a pause before each.
    async fn dripping(head: &'static str, part: Vec<u8>, pause: Duration) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            assert_ne!(socket.read(&mut [0; 4096]).await.unwrap(), 0);
            socket.write_all(head.as_bytes()).await.unwrap();
            while socket.write_all(&part).await.is_ok() {
                sleep(pause).await;
            }
        });
        url
    }

    async fn get(url: &str, read_timeout: Duration) -> Result<HttpResponse, ConnectorError> {
        let settings = HttpConnectorSettings::builder().read_timeout(read_timeout).build();
        let components = RuntimeComponentsBuilder::for_tests().build().unwrap();
        let connector = network(Trust::of_system()).http_connector(&settings, &components);
        connector.call(HttpRequest::get(url).unwrap()).await
    }

    const HEAD: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn endless_answer_is_cut_off() {
        let url = dripping(HEAD, vec![b'x'; 1 << 20], Duration::ZERO).await;
        let error = get(&url, Duration::from_secs(20)).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");
        assert!(format!("{error:?}").contains("longer than 32 MiB"), "{error:?}");
    }

    #[tokio::test]
    async fn dripping_answer_ends_at_the_limit() {
        let url = dripping(HEAD, vec![b'x'], Duration::from_millis(20)).await;
        let began = tokio::time::Instant::now();
        let error = get(&url, Duration::from_millis(300)).await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn interrupted_call_has_ten_seconds_left() {
        let url = dripping(HEAD, vec![b'x'], Duration::from_millis(20)).await;
        let interrupt = tokio_util::sync::CancellationToken::new();
        interrupt.cancel();
        let effort = Effort::new(longshore_effort::Urgency::FIRST, interrupt);
        let began = tokio::time::Instant::now();
        let error = effort.run(get(&url, Duration::from_secs(60))).await.unwrap_err();
        assert!(format!("{error:?}").contains("Unanswered"), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    }

    #[test]
    fn an_opaque_body_shows_nothing() {
        let body = opaque(SdkBody::from("ghp_secret"));
        assert!(!format!("{body:?}").contains("ghp_secret"));
    }
}
