//! The simulated cloud over HTTP: AWS's APIs and the registries on one port.

mod access;
mod signature;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    Request, Response, StatusCode,
    header::{CONTENT_LENGTH, HOST},
};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

pub use access::Access;

use crate::{AnswerLost, ApiError, Cloud, wire, wire::query};

/// The bounds of a served cloud.
#[derive(Clone, Debug)]
struct Limits {
    /// The connections at a time; a further one is answered with 503.
    connections: usize,
    /// The bytes of a request's head.
    head: usize,
    /// The time in which a head has to arrive; an idle connection is closed after it.
    head_time: Duration,
    /// The bytes of a request to AWS: more than any API takes.
    aws_body: usize,
    /// The bytes of a request to a registry: enough for a layer of a test image.
    registry_body: usize,
    /// The bytes of all bodies that arrive at a time.
    bodies: usize,
    /// The time in which a body has to arrive.
    body_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const MEBIBYTE: usize = 1024 * 1024;
        Self {
            connections: 256,
            head: 64 * 1024,
            head_time: Duration::from_secs(30),
            aws_body: 2 * MEBIBYTE,
            registry_body: 64 * MEBIBYTE,
            bodies: 256 * MEBIBYTE,
            body_time: Duration::from_secs(60),
        }
    }
}

/// The time that open connections get to end after the shutdown.
const GRACE: Duration = Duration::from_secs(5);

/// The pause in accepting after it failed.
const PAUSE: Duration = Duration::from_millis(100);

/// The interval at which the world catches up without requests.
const TICK: Duration = Duration::from_secs(1);

/// Serves a cloud until `shutdown` ends, then lets open requests finish.
///
/// A path that begins with `/v2/` or `/token` goes to a registry: the one that the `Host` header names, else the one in
/// the `ns` parameter (as containerd's mirrors send it), else the first that has the repository, else the first.
/// Everything else is an AWS API, told apart by the signature and `X-Amz-Target`.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    cloud: Cloud,
    access: Access,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    Server::new(cloud, None, access, Limits::default()).listen(listener, shutdown).await
}

/// Serves one of a cloud's registries until `shutdown` ends, then lets open requests finish: for clients that know a
/// registry by its address alone, as Docker does.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve_registry(
    cloud: Cloud,
    host: &str,
    access: Access,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    Server::new(cloud, Some(host.into()), access, Limits::default()).listen(listener, shutdown).await
}

/// A cloud at an address.
#[derive(Clone, Debug)]
struct Server {
    cloud: Cloud,
    /// The one registry that it serves; `None` serves AWS and all registries.
    registry: Option<Arc<str>>,
    access: Arc<Access>,
    limits: Arc<Limits>,
    /// A permit for each KiB of the bodies that may arrive at a time.
    bodies: Arc<Semaphore>,
}

impl Server {
    fn new(cloud: Cloud, registry: Option<Arc<str>>, access: Access, limits: Limits) -> Self {
        let bodies = Arc::new(Semaphore::new(limits.bodies / 1024));
        Self { cloud, registry, access: Arc::new(access), limits: Arc::new(limits), bodies }
    }

    async fn listen(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        let connections = Arc::new(Semaphore::new(self.limits.connections));
        let mut open = JoinSet::new();
        let (ending, end) = watch::channel(());
        let mut shutdown = std::pin::pin!(shutdown);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => match Arc::clone(&connections).try_acquire_owned() {
                        Ok(permit) => {
                            open.spawn(self.clone().connection(stream, permit, end.clone()));
                        }
                        Err(_) => refuse_connection(stream).await,
                    },
                    Err(error) if is_passing(&error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(PAUSE).await;
                    }
                    Err(error) => return Err(error),
                },
                Some(ended) = open.join_next() => {
                    if ended.is_err_and(|error| error.is_panic()) {
                        tracing::error!("a request ended abnormally: it panicked");
                    }
                }
                _ = ticks.tick() => self.cloud.tick().await,
            }
        }
        drop(ending);
        if tokio::time::timeout(GRACE, async { while open.join_next().await.is_some() {} }).await.is_err() {
            tracing::warn!("connections were still open and are dropped");
        }
        Ok(())
    }

    /// Serves one connection until the peer closes it, or to the end of the open request once `end` closes.
    async fn connection(self, stream: TcpStream, permit: OwnedSemaphorePermit, mut end: watch::Receiver<()>) {
        let Ok(local) = stream.local_addr() else { return };
        let limits = Arc::clone(&self.limits);
        let service = service_fn(move |request| {
            let server = self.clone();
            async move { server.answer(request, local).await }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(limits.head_time).max_buf_size(limits.head);
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let served = tokio::select! {
            served = connection.as_mut() => served,
            _ = end.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(permit);
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        local: SocketAddr,
    ) -> Result<Response<Full<Bytes>>, AnswerLost> {
        let is_registry = self.registry.is_some() || is_registry_path(request.uri().path());
        if let Err(error) = self.check_source(&request, local, is_registry).await {
            let protocol = wire::protocol(&request);
            return Ok(protocol.failure(&error, "refused").map(Full::new));
        }
        let request = match self.whole(request, is_registry).await? {
            Ok(request) => request,
            Err((status, text)) => return Ok(plain(status, text)),
        };
        if let Some(host) = &self.registry {
            return Ok(self.cloud.ask_registry(request, host).await?.map(Full::new));
        }
        if is_registry {
            return match self.cloud.registry_for(&request, &local.to_string()).await {
                Some(host) => Ok(self.cloud.ask_registry(request, &host).await?.map(Full::new)),
                None => Ok(plain(StatusCode::NOT_FOUND, "this simulated cloud has no registries\n")),
            };
        }
        if let Err(error) = self.access.check_call(&self.cloud, &request).await {
            return Ok(wire::protocol(&request).failure(&error, "refused").map(Full::new));
        }
        Ok(self.cloud.aws_request(request).await?.map(Full::new))
    }

    /// Checks the names and the origin that a request gives. Registries have names of their own, too.
    async fn check_source(
        &self,
        request: &Request<Incoming>,
        local: SocketAddr,
        is_registry: bool,
    ) -> Result<(), ApiError> {
        let registries: Vec<String> = match &self.registry {
            _ if !is_registry => Vec::new(),
            Some(host) => vec![(**host).to_owned()],
            None => self.cloud.inspect(|world| world.registries.hosts().map(str::to_owned).collect()).await,
        };
        let is_own = |host: &str| registries.iter().any(|registry| registry == host);
        self.access.check_source(request.headers(), local, is_own)
    }

    /// Reads the body of a request within the limits. A refusal comes back as a status and a text.
    async fn whole(
        &self,
        request: Request<Incoming>,
        is_registry: bool,
    ) -> Result<Result<Request<Bytes>, (StatusCode, &'static str)>, AnswerLost> {
        let limit = if is_registry { self.limits.registry_body } else { self.limits.aws_body };
        let too_large = Ok(Err((StatusCode::PAYLOAD_TOO_LARGE, "the request is too large\n")));
        let (parts, body) = request.into_parts();
        let declared =
            parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let size = if body.is_end_stream() { 0 } else { declared.unwrap_or(limit) };
        if size > limit {
            return too_large;
        }
        let permits = u32::try_from(size.div_ceil(1024)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.bodies).acquire_many_owned(permits);
        let Ok(Ok(_permit)) = tokio::time::timeout(self.limits.body_time, room).await else {
            return Ok(Err((StatusCode::SERVICE_UNAVAILABLE, "too many requests arrive at the same time\n")));
        };
        let read = tokio::time::timeout(self.limits.body_time, Limited::new(body, limit).collect());
        match read.await {
            Ok(Ok(body)) => Ok(Ok(Request::from_parts(parts, body.to_bytes()))),
            Ok(Err(error)) if error.is::<LengthLimitError>() => too_large,
            Ok(Err(error)) => Err(AnswerLost(format!("the request did not arrive whole: {error}"))),
            Err(_) => Ok(Err((StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time\n"))),
        }
    }
}

fn is_registry_path(path: &str) -> bool {
    path == "/v2" || path.starts_with("/v2/") || path.starts_with("/token")
}

/// Tells a client that there are too many connections, without waiting for it.
async fn refuse_connection(mut stream: TcpStream) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let _ = tokio::time::timeout(PAUSE, stream.write_all(ANSWER)).await;
}

/// Returns true if accepting may work again: the peer gave up, or the process has too many files open.
fn is_passing(error: &io::Error) -> bool {
    const TOO_MANY_OPEN_FILES: [i32; 2] = [23, 24];
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
        || error.raw_os_error().is_some_and(|code| TOO_MANY_OPEN_FILES.contains(&code))
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

impl Cloud {
    /// The registry that a request over HTTP means.
    async fn registry_for(&self, request: &Request<Bytes>, local: &str) -> Option<String> {
        let named = request.headers().get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
        let parameters = query::pairs(request.uri().query().unwrap_or_default().as_bytes());
        let namespace = parameters.into_iter().find(|(key, _)| key == "ns").map(|(_, value)| value);
        let repository = repository(request.uri().path()).map(str::to_owned);
        self.inspect(|world| {
            let registries = &world.registries;
            let named = named.filter(|host| host != local && registries.knows(host));
            named
                .or_else(|| namespace.filter(|host| registries.knows(host)))
                .or_else(|| {
                    let repository = repository?;
                    registries
                        .hosts()
                        .find(|host| registries.has_repository(host, &repository))
                        .map(str::to_owned)
                })
                .or_else(|| registries.hosts().next().map(str::to_owned))
        })
        .await
    }
}

/// `/v2/NAME/manifests/…`, `/v2/NAME/blobs/…`, `/v2/NAME/tags/…`: the name.
fn repository(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/v2/")?;
    let end = ["/manifests/", "/blobs/", "/tags/"].iter().filter_map(|kind| rest.rfind(kind)).max()?;
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use http::header::WWW_AUTHENTICATE;
    use http_body_util::Empty;
    use hyper::client::conn::http1;
    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::{
        Blueprint,
        registry::Challenge,
        testing::{cloud_of, sdk},
    };

    #[test]
    fn the_repository_stands_before_the_last_kind() {
        assert_eq!(repository("/v2/acme/api/manifests/latest"), Some("acme/api"));
        assert_eq!(repository("/v2/acme/blobs/blobs/sha256:0"), Some("acme/blobs"));
        assert_eq!(repository("/v2/"), None);
    }

    /// The answer to a GET with a Host header.
    async fn answered(address: SocketAddr, path: &str, host: &str) -> Response<Incoming> {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get(path).header(HOST, host).body(Empty::<Bytes>::new()).unwrap();
        sender.send_request(request).await.unwrap()
    }

    /// Its status.
    async fn get(address: SocketAddr, path: &str, host: &str) -> u16 {
        answered(address, path, host).await.status().as_u16()
    }

    async fn challenge(address: SocketAddr, path: &str, host: &str) -> Challenge {
        let answer = answered(address, path, host).await;
        Challenge::parse(answer.headers()[WWW_AUTHENTICATE].to_str().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_registry_has_a_port_of_its_own() {
        let public = serde_json::json!({ "visibility": "public", "tags": { "1": {} } });
        let registries = serde_json::from_value(serde_json::json!({
            "docker.io": { "repositories": { "acme/api": public } },
            "registry.example.com": { "repositories": { "acme/web": public } },
        }));
        let cloud =
            cloud_of(&Blueprint { registries: registries.unwrap(), latency_ms: 0, ..Blueprint::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let never = std::future::pending();
        tokio::spawn(serve_registry(
            cloud.clone(),
            "registry.example.com",
            Access::of_any_key(),
            listener,
            never,
        ));
        let local = address.to_string();
        // Whatever else the request names.
        for (path, host) in [("/v2/", local.as_str()), ("/v2/acme/api/manifests/1", "registry.example.com")] {
            let challenge = challenge(address, path, host).await;
            assert_eq!(challenge.realm, format!("http://{host}/token?ns=registry.example.com"));
            assert_eq!(challenge.service.as_deref(), Some("registry.example.com"));
        }
        let token = answered(address, "/token?scope=repository:acme/web:pull", &local).await;
        assert_eq!(token.status(), StatusCode::OK);
        // AWS is elsewhere.
        assert_eq!(get(address, "/", &local).await, 404);
    }

    #[tokio::test]
    async fn aws_and_the_registries_share_a_port() {
        let registries = serde_json::from_value(serde_json::json!({
            "docker.io": {},
            "ghcr.io": { "repositories": { "acme/api": { "visibility": "public", "tags": { "1": {} } } } },
        }));
        let cloud =
            cloud_of(&Blueprint { registries: registries.unwrap(), latency_ms: 0, ..Blueprint::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(serve(cloud.clone(), Access::of_any_key(), listener, async {
            let _ = stopped.await;
        }));
        let local = address.to_string();
        // A public repository still wants a token, anonymous though it may be; one that is nowhere too.
        assert_eq!(get(address, "/v2/acme/api/manifests/1", &local).await, 401);
        assert_eq!(get(address, "/v2/", "ghcr.io").await, 401);
        assert_eq!(get(address, "/", &local).await, 403);
        // The token service of the registry that the Host header, or `ns`, names.
        let token = "/token?service=ghcr.io&scope=repository:acme/api:pull";
        assert_eq!(get(address, token, "ghcr.io").await, 200);
        assert_eq!(get(address, &format!("{token}&ns=ghcr.io"), &local).await, 200);

        let secrets = aws_sdk_secretsmanager::Client::new(&sdk(&cloud));
        secrets.create_secret().name("s").send().await.unwrap();
        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    /// A cloud at an address, with its own bounds.
    async fn bounded(access: Access, limits: Limits) -> SocketAddr {
        let cloud = cloud_of(&Blueprint { latency_ms: 0, ..Blueprint::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(Server::new(cloud, None, access, limits).listen(listener, std::future::pending()));
        address
    }

    /// The first bytes with which the server answers what was written.
    async fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 2048];
        let length =
            tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    /// A form that a page could send, with one more header.
    fn form(host: impl std::fmt::Display, header: &str) -> String {
        let body = "Action=GetCallerIdentity&Version=2011-06-15";
        let credential = "X-Amz-Credential=AKID/20261123/eu-central-1/sts/aws4_request";
        format!(
            "POST /?{credential} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n{header}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    #[tokio::test]
    async fn pages_and_foreign_names_are_refused() {
        let access = Access::of_any_key().with_advice("allow it with --allow-host");
        let address = bounded(access, Limits::default()).await;
        let rebound = exchange(address, &form("attacker.example", "")).await;
        assert!(rebound.starts_with("HTTP/1.1 403") && rebound.contains("--allow-host"), "{rebound}");
        let of_a_page = exchange(address, &form(address, "Origin: https://attacker.example\r\n")).await;
        assert!(of_a_page.starts_with("HTTP/1.1 403"), "{of_a_page}");
        assert!(!of_a_page.to_lowercase().contains("access-control"), "{of_a_page}");
        let plain = form(address, "").replace("application/x-www-form-urlencoded", "text/plain");
        assert!(exchange(address, &plain).await.starts_with("HTTP/1.1 415"));
        let own = exchange(address, &form(address, "")).await;
        assert!(own.starts_with("HTTP/1.1 200"), "{own}");
    }

    #[tokio::test]
    async fn forms_without_a_signature_are_refused_where_keys_count() {
        let access = Access::of_keys([("AKID".to_owned(), crate::Sealed::new("secret"))]);
        let address = bounded(access, Limits::default()).await;
        let unsigned = exchange(address, &form(address, "")).await;
        assert!(
            unsigned.starts_with("HTTP/1.1 403") && unsigned.contains("IncompleteSignature"),
            "{unsigned}"
        );
        let unknown = exchange(address, &form(address, "").replace("AKID", "OTHER")).await;
        assert!(unknown.contains("InvalidClientTokenId"), "{unknown}");
    }

    #[tokio::test]
    async fn slow_heads_and_bodies_end() {
        let limits = Limits {
            head_time: Duration::from_millis(200),
            body_time: Duration::from_millis(200),
            ..Limits::default()
        };
        let address = bounded(Access::of_any_key(), limits).await;
        let head = exchange(address, "POST / HTTP/1.1\r\nHost: ").await;
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 408"), "{head}");
        let body =
            exchange(address, &form(address, "").replace("Content-Length: 43", "Content-Length: 44")).await;
        assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    }

    #[tokio::test]
    async fn connections_heads_and_bodies_are_bounded() {
        let limits =
            Limits { connections: 1, head: 8192, aws_body: 100, bodies: 1024 * 1024, ..Limits::default() };
        let address = bounded(Access::of_any_key(), limits).await;
        let long = exchange(address, &form(address, &format!("X-Long: {}\r\n", "x".repeat(20_000)))).await;
        assert!(long.starts_with("HTTP/1.1 431"), "{long}");
        let large = form(address, "").replace("Content-Length: 43", "Content-Length: 101");
        assert!(exchange(address, &large).await.starts_with("HTTP/1.1 413"));
        let idle = TcpStream::connect(address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(exchange(address, "GET / HTTP/1.1\r\n").await.starts_with("HTTP/1.1 503"));
        drop(idle);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(exchange(address, &form(address, "")).await.starts_with("HTTP/1.1 200"));
    }
}
