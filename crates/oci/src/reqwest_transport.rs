//! Requests over the network.

use std::{error::Error, io, net::IpAddr, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri};
use longshore_model::{Failure, FailureKind};
use longshore_outside::{RealTime, check_proxies};
use reqwest::{Certificate, Client, redirect};

use crate::{Transport, TransportError, TransportErrorKind};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may take, until the last byte of its response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the body of a response may be: twice what the distribution specification wants registries to accept as a
/// manifest ("Pushing Manifests": at least 4 MiB).
const BODY_LIMIT: usize = 8 << 20;

/// Requests over the network, with the certificates that the operating system trusts and through the proxy that
/// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name. Requests to this machine take no proxy, as with Docker.
///
/// Requests run in real time, whatever the caller's clock does.
#[derive(Debug)]
pub struct ReqwestTransport {
    client: Client,
    /// For this machine.
    direct: Client,
    real_time: RealTime,
    timeout: Duration,
}

impl ReqwestTransport {
    /// A transport with the time limits of production: 5 s for a connection, 20 s for a request.
    ///
    /// # Errors
    /// When the certificates cannot be loaded, a variable that should name a proxy does not, or no thread can be started.
    pub fn new() -> Result<Self, Failure> {
        Self::with_roots(&[])
    }

    /// Like [`ReqwestTransport::new`], but trusts also the certificates in `pem`: those of an authority of one's own.
    ///
    /// # Errors
    /// When there is no certificate in `pem`, and as with [`ReqwestTransport::new`].
    pub fn trusting(pem: &[u8]) -> Result<Self, Failure> {
        match Certificate::from_pem_bundle(pem) {
            Ok(roots) if !roots.is_empty() => Self::with_roots(&roots),
            _ => Err(Failure::new(FailureKind::Invalid, "there is no certificate in PEM format")),
        }
    }

    fn with_roots(roots: &[Certificate]) -> Result<Self, Failure> {
        check_proxies()?;
        let fails = |why: String| {
            Failure::new(FailureKind::Internal, format!("the HTTP client does not start: {why}"))
                .help("check the system's certificates")
        };
        let builder = || {
            let builder = Client::builder()
                .user_agent(concat!("longshore/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .referer(false)
                .connect_timeout(CONNECT_TIMEOUT);
            roots.iter().cloned().fold(builder, reqwest::ClientBuilder::add_root_certificate)
        };
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(|error| fails(root(&error)));
        Ok(Self {
            client: build(builder())?,
            direct: build(builder().no_proxy())?,
            real_time: RealTime::new().map_err(|error| fails(error.to_string()))?,
            timeout: REQUEST_TIMEOUT,
        })
    }

    /// Limits how long a request may take, until the last byte of its response.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let client = if is_local(request.uri()) { &self.direct } else { &self.client }.clone();
        let request = reqwest::Request::try_from(request).map_err(|error| classify(&error))?;
        let exchange = async move {
            let response = client.execute(request).await.map_err(|error| classify(&error))?;
            bounded(response).await
        };
        self.real_time.run(self.timeout, exchange).await.unwrap_or_else(|| {
            let message = format!("no answer within {} s", self.timeout.as_secs_f32());
            Err(TransportError::new(TransportErrorKind::Timeout, message))
        })
    }
}

/// Whether `uri` is on this machine.
fn is_local(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The whole response, unless it is too long.
async fn bounded(mut response: reqwest::Response) -> Result<Response<Bytes>, TransportError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
        if body.len() + chunk.len() > BODY_LIMIT {
            let message = format!("the answer is longer than {} MiB", BODY_LIMIT >> 20);
            return Err(TransportError::new(TransportErrorKind::TooLarge, message));
        }
        body.extend_from_slice(&chunk);
    }
    let mut result = Response::new(body.freeze());
    *result.status_mut() = response.status();
    *result.version_mut() = response.version();
    *result.headers_mut() = std::mem::take(response.headers_mut());
    Ok(result)
}

/// What went wrong, without reqwest's own frame, which repeats the URL.
fn classify(error: &reqwest::Error) -> TransportError {
    let has_io_kind = |kind| {
        chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).any(|error| error.kind() == kind)
    };
    // The resolver's own error type is not public.
    let is_name = chain(error).any(|error| error.to_string() == "dns error");
    let (kind, message) = if is_name {
        (TransportErrorKind::Name, format!("no address: {}", root(error)))
    } else if error.is_timeout() {
        (TransportErrorKind::Timeout, "the connection is not accepted in time".to_owned())
    } else if has_io_kind(io::ErrorKind::ConnectionRefused) {
        (TransportErrorKind::Connection, "connection refused".to_owned())
    } else if has_io_kind(io::ErrorKind::InvalidData) {
        // What rustls finds wrong comes as invalid data.
        (TransportErrorKind::Tls, format!("no secure connection: {}", root(error)))
    } else if error.is_builder() {
        (TransportErrorKind::Other, root(error))
    } else {
        (TransportErrorKind::Connection, root(error))
    };
    TransportError::new(kind, message)
}

/// An error and its causes. I/O errors count the error that they wrap as one, other than [`Error::source`] does.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().map(io::Error::get_ref) {
            Some(Some(wrapped)) => Some(wrapped as &(dyn Error + 'static)),
            _ => error.source(),
        }
    })
}

/// The innermost cause, which says what happened.
fn root(error: &(dyn Error + 'static)) -> String {
    chain(error).last().unwrap_or(error).to_string()
}
