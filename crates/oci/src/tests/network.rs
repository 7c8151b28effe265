//! The transport, over real sockets on this machine.

use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use longshore_model::FailureKind;
use longshore_plugin::PullCheck;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use super::script::{AMD64, IMAGE, PASSWORD, TOKEN, credential, error, image_with};
use crate::{Puller, digest::sha256};
use longshore_net::{ReqwestTransport, Transport, TransportErrorKind};

/// A server on a thread and a clock of its own.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// The requests that it got: method, path and `Authorization`.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request after `delay` with what `answer` makes of method, path and authorization.
    fn start(
        delay: Duration,
        answer: impl Fn(&str, &Request<Incoming>) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(None, delay, answer)
    }

    /// The same, with TLS.
    fn start_with(
        tls: Option<TlsAcceptor>,
        delay: Duration,
        answer: impl Fn(&str, &Request<Incoming>) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (log, answer) = (seen.clone(), Arc::new(answer));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (log, answer, tls) = (log.clone(), answer.clone(), tls.clone());
                    tokio::spawn(async move {
                        let service = service_fn(move |request: Request<Incoming>| {
                            let authorization = request.headers().get(header::AUTHORIZATION);
                            let scheme = authorization
                                .map_or("nobody", |value| value.to_str().unwrap().split(' ').next().unwrap());
                            let call = format!("{} {} as {scheme}", request.method(), request.uri());
                            log.lock().unwrap().push(call.clone());
                            let response = answer(&call, &request).map(|body| Full::new(Bytes::from(body)));
                            async move {
                                tokio::time::sleep(delay).await;
                                Ok::<_, Infallible>(response)
                            }
                        });
                        let http = http1::Builder::new();
                        let _ = match tls {
                            None => http.serve_connection(TokioIo::new(stream), service).await,
                            // A client that does not trust the certificate goes away.
                            Some(tls) => match tls.accept(stream).await {
                                Ok(stream) => http.serve_connection(TokioIo::new(stream), service).await,
                                Err(_) => Ok(()),
                            },
                        };
                    });
                }
            });
        });
        Self { address, seen }
    }

    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

pub(super) fn respond(status: u16, headers: &[(&str, &str)], body: &str) -> Response<String> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.to_owned()).unwrap()
}

fn get(address: SocketAddr) -> Request<Bytes> {
    Request::get(format!("http://{address}/x")).body(Bytes::new()).unwrap()
}

pub(super) fn puller() -> Puller {
    Puller::new(Arc::new(ReqwestTransport::new().unwrap()))
}

/// A registry with a token server, whose only image `api:1` has its configuration in a blob.
pub(super) fn registry(
    delay: Duration,
    tls: Option<TlsAcceptor>,
    blob: impl Fn() -> Response<String> + Send + Sync + 'static,
) -> Server {
    let scheme = if tls.is_some() { "https" } else { "http" };
    Server::start_with(tls, delay, move |call, request| {
        let own = request.headers()[header::HOST].to_str().unwrap();
        let manifest = image_with(r#"{"os":"linux","architecture":"amd64"}"#);
        let length = manifest.len().to_string();
        let digest = sha256(manifest.as_bytes());
        let path = request.uri().path();
        if path == "/token" {
            return match call.ends_with("as Basic") {
                true => respond(200, &[], &format!(r#"{{"token":"{TOKEN}"}}"#)),
                false => respond(401, &[], &error("UNAUTHORIZED", "authentication required")),
            };
        }
        if !call.ends_with("as Bearer") {
            let challenge = format!(r#"Bearer realm="{scheme}://{own}/token",service="here""#);
            return respond(401, &[("www-authenticate", &challenge)], "");
        }
        if path.starts_with("/v2/api/blobs/") {
            return blob();
        }
        let headers =
            [("content-type", IMAGE), ("docker-content-digest", &digest), ("content-length", &length)];
        match request.method().as_str() {
            "HEAD" => respond(200, &headers, ""),
            _ => respond(200, &headers, &manifest),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn real_requests_take_no_time_of_a_paused_clock() {
    let server = registry(Duration::from_millis(200), None, || {
        respond(200, &[], r#"{"os":"linux","architecture":"amd64"}"#)
    });
    let image = format!("{}/api:1", server.address).parse().unwrap();
    let (before, started) = (Instant::now(), std::time::Instant::now());
    let (credential, puller) = (credential(), puller());
    // The check must not be overtaken by a timer of the paused clock, however short it is.
    let check = timeout(Duration::from_millis(1), puller.check(&image, AMD64, Some(&credential), None));
    let proof = check.await.expect("the clock stands still").unwrap();
    assert_eq!(proof.platforms, ["linux/amd64"]);
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert!(started.elapsed() >= Duration::from_secs(1), "five requests of 200 ms");
    assert_eq!(server.seen().len(), 5, "{:#?}", server.seen());
}

#[tokio::test]
async fn a_redirect_to_another_host_carries_no_authorization() {
    let storage =
        Server::start(Duration::ZERO, |_, _| respond(200, &[], r#"{"os":"linux","architecture":"amd64"}"#));
    let location = format!("http://localhost:{}/blob?signature=1", storage.address.port());
    let server = registry(Duration::ZERO, None, move || respond(307, &[("location", &location)], ""));
    let image = format!("{}/api:1", server.address).parse().unwrap();
    assert!(puller().check(&image, AMD64, Some(&credential()), None).await.is_ok());
    assert!(server.seen().last().unwrap().ends_with("as Bearer"), "{:#?}", server.seen());
    assert_eq!(storage.seen(), ["GET /blob?signature=1 as nobody"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_is_given_up_in_real_time() {
    let server = Server::start(Duration::from_secs(60), |_, _| respond(200, &[], ""));
    let transport = ReqwestTransport::new().unwrap().timeout(Duration::from_millis(100));
    let error = transport.send(get(server.address)).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Timeout);
    assert_eq!(error.message, "no answer within 0.1 s");
}

#[tokio::test(start_paused = true)]
async fn a_closed_port_is_reported_as_such() {
    // No server listens there after the end of the statement.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let image = format!("{address}/api:1").parse().unwrap();
    let failure = puller().check(&image, AMD64, Some(&credential()), None).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert_eq!(failure.message, format!("{address} does not answer: connection refused"));
    assert!(!failure.to_string().contains(PASSWORD));
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_that_does_not_answer() {
    let server = Server::start(Duration::ZERO, |_, _| respond(200, &[], ""));
    let request = Request::get(format!("https://{}/", server.address)).body(Bytes::new()).unwrap();
    let error = ReqwestTransport::new().unwrap().send(request).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Tls, "{error}");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let server = Server::start(Duration::ZERO, |_, _| respond(200, &[], &"x".repeat(9 << 20)));
    let error = ReqwestTransport::new().unwrap().send(get(server.address)).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::TooLarge);
}

#[tokio::test]
async fn the_transport_follows_nothing_and_names_itself() {
    let server = Server::start(Duration::ZERO, |_, request| {
        let agent = request.headers()[header::USER_AGENT].to_str().unwrap();
        respond(302, &[("location", "/elsewhere"), ("x-agent", agent)], "")
    });
    let response = ReqwestTransport::new().unwrap().send(get(server.address)).await.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["x-agent"], concat!("longshore/", env!("CARGO_PKG_VERSION")));
    assert_eq!(server.seen().len(), 1);
}
