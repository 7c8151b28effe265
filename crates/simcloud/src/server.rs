//! The simulated cloud over HTTP: AWS's APIs and the registries on one port.

use std::{future::Future, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::HOST};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::{AnswerLost, Cloud, wire::query};

/// The most bytes of a request: more than any API takes, and enough for a layer of a test image.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// How long open connections get to end after the shutdown.
const GRACE: Duration = Duration::from_secs(5);

/// How long accepting rests after it failed.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the world catches up while nobody asks.
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
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    listen(Face::Cloud(cloud), listener, shutdown).await
}

/// Serves one of a cloud's registries until `shutdown` ends, then lets open requests finish: for clients that know a
/// registry by its address alone, as Docker does.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve_registry(
    cloud: Cloud,
    host: &str,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    listen(Face::Registry(cloud, host.into()), listener, shutdown).await
}

/// What a listener is the address of.
#[derive(Clone, Debug)]
enum Face {
    /// AWS, and every registry.
    Cloud(Cloud),
    /// The registry at a host.
    Registry(Cloud, Arc<str>),
}

async fn listen(
    face: Face,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let (Face::Cloud(cloud) | Face::Registry(cloud, _)) = &face;
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
                Ok((stream, _)) => {
                    open.spawn(connection(face.clone(), stream, end.clone()));
                }
                Err(error) if is_passing(&error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            },
            Some(_) = open.join_next() => {}
            _ = ticks.tick() => cloud.tick().await,
        }
    }
    drop(ending);
    if tokio::time::timeout(GRACE, async { while open.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!("connections were still open and are dropped");
    }
    Ok(())
}

/// Whether accepting may work again: the peer gave up, or the process has too many files open.
fn is_passing(error: &io::Error) -> bool {
    const TOO_MANY_OPEN_FILES: [i32; 2] = [23, 24];
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
        || error.raw_os_error().is_some_and(|code| TOO_MANY_OPEN_FILES.contains(&code))
}

/// Serves one connection until the peer closes it, or to the end of the open request once `end` closes.
async fn connection(face: Face, stream: TcpStream, mut end: watch::Receiver<()>) {
    let local: Arc<str> =
        stream.local_addr().map_or_else(|_| String::new(), |address| address.to_string()).into();
    let service = service_fn(move |request| {
        let (face, local) = (face.clone(), Arc::clone(&local));
        async move { answer(&face, request, &local).await }
    });
    let mut connection =
        std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
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
}

async fn answer(
    face: &Face,
    request: Request<Incoming>,
    local: &str,
) -> Result<Response<Full<Bytes>>, AnswerLost> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let response = plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is larger than 64 MiB\n");
            return Ok(response);
        }
        Err(error) => return Err(AnswerLost(format!("the request did not arrive whole: {error}"))),
    };
    let request = Request::from_parts(parts, body);
    let cloud = match face {
        Face::Cloud(cloud) => cloud,
        Face::Registry(cloud, host) => return Ok(cloud.ask_registry(request, host).await?.map(Full::new)),
    };
    let path = request.uri().path();
    if path == "/v2" || path.starts_with("/v2/") || path.starts_with("/token") {
        return match cloud.registry_for(&request, local).await {
            Some(host) => Ok(cloud.ask_registry(request, &host).await?.map(Full::new)),
            None => Ok(plain(StatusCode::NOT_FOUND, "this simulated cloud has no registries\n")),
        };
    }
    Ok(cloud.aws_request(request).await?.map(Full::new))
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

    /// What it asks for.
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
        tokio::spawn(serve_registry(cloud.clone(), "registry.example.com", listener, never));
        let local = address.to_string();
        // Whatever else the request names.
        for (path, host) in [("/v2/", local.as_str()), ("/v2/acme/api/manifests/1", "docker.io")] {
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
        let serving = tokio::spawn(serve(cloud.clone(), listener, async {
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
}
