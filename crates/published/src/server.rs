//! The HTTP server behind the servers that play vendors.

use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

/// The requests that were made: method and path.
type Seen = Arc<Mutex<Vec<String>>>;

/// A server on a thread and a clock of its own.
#[derive(Debug)]
pub struct Server {
    /// Its address on this machine.
    pub address: SocketAddr,
    seen: Seen,
}

impl Server {
    /// Starts a server that answers in the clear, or through `tls`.
    ///
    /// # Panics
    /// When the machine has no free port.
    pub fn start(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&Request<Bytes>) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let seen = Seen::default();
        let (log, answer) = (seen.clone(), Arc::new(answer));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                loop {
                    let (stream, _) = listener.accept().await.expect("a connection");
                    let (tls, log, answer) = (tls.clone(), log.clone(), answer.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => serve(stream, log, answer).await,
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    serve(stream, log, answer).await;
                                }
                            }
                        }
                    });
                }
            });
        });
        Self { address, seen }
    }

    /// Returns the requests that were made so far: method and path.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    log: Seen,
    answer: Arc<impl Fn(&Request<Bytes>) -> Response<String>>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (log, answer) = (log.clone(), answer.clone());
        async move {
            let (parts, body) = request.into_parts();
            log.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(format!("{} {}", parts.method, parts.uri));
            let body = body.collect().await.expect("a whole body").to_bytes();
            let response = answer(&Request::from_parts(parts, body));
            Ok::<_, Infallible>(response.map(|body| Full::new(Bytes::from(body))))
        }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Returns an answer, whose body is JSON if there is one.
///
/// # Panics
/// If the status or a header is invalid in HTTP.
#[must_use]
pub fn respond(status: u16, headers: &[(&str, &str)], body: &str) -> Response<String> {
    let mut response = Response::builder().status(status);
    if !body.is_empty() {
        response = response.header("content-type", "application/json");
    }
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.to_owned()).expect("a status and headers of HTTP")
}
