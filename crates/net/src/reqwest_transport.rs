//! Requests over the network.

use std::{io, time::Duration};

use crate::{
    GuardedClients, NetworkError, NetworkErrorKind, Reach, RealTime, Transport, TransportError,
    TransportErrorKind, Trust, gunzip, is_gzip,
};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use longshore_model::{Failure, FailureKind};

/// The time limit for making a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit for a request, until the last byte of its response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// The size limit of a response's body: twice what the distribution specification wants registries to accept as a
/// manifest ("Pushing Manifests": at least 4 MiB).
const BODY_LIMIT: usize = 8 << 20;

/// Requests over the network, no further than the [`Reach`] among a request's extensions: see [`GuardedClients`].
///
/// Requests run in real time, whatever the caller's clock does.
#[derive(Debug)]
pub struct ReqwestTransport {
    clients: GuardedClients,
    real_time: RealTime,
    timeout: Duration,
}

impl ReqwestTransport {
    /// A transport with the time limits of production: 5 s for a connection, 20 s for a request.
    ///
    /// # Errors
    /// When a variable that should name a proxy does not, or no thread can be started.
    pub fn new() -> Result<Self, Failure> {
        Self::trusting(&Trust::of_system())
    }

    /// Like [`ReqwestTransport::new`], but trusts `trust` instead of the system's certificates.
    ///
    /// # Errors
    /// As with [`ReqwestTransport::new`].
    pub fn trusting(trust: &Trust) -> Result<Self, Failure> {
        let clients = GuardedClients::new(trust, CONNECT_TIMEOUT)?;
        let real_time = RealTime::new().map_err(|error| {
            Failure::new(FailureKind::Internal, format!("the HTTP client does not start: {error}"))
        })?;
        Ok(Self { clients, real_time, timeout: REQUEST_TIMEOUT })
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
        let reach = request.extensions().get::<Reach>().copied().unwrap_or_default();
        let client = self.clients.within(reach).clone();
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

/// The whole response, unless it is too long.
async fn bounded(mut response: reqwest::Response) -> Result<Response<Bytes>, TransportError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    let mut headers = std::mem::take(response.headers_mut());
    let body = if is_gzip(&headers) {
        gunzip(&mut headers, body.freeze(), BODY_LIMIT).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => too_large(),
            _ => TransportError::new(
                TransportErrorKind::Other,
                format!("the answer cannot be decompressed: {error}"),
            ),
        })?
    } else {
        body.freeze()
    };
    let mut result = Response::new(body);
    *result.status_mut() = response.status();
    *result.version_mut() = response.version();
    *result.headers_mut() = headers;
    Ok(result)
}

fn too_large() -> TransportError {
    let message = format!("the answer is longer than {} MiB", BODY_LIMIT >> 20);
    TransportError::new(TransportErrorKind::TooLarge, message)
}

fn classify(error: &reqwest::Error) -> TransportError {
    let NetworkError { kind, message } = NetworkError::of(error);
    let kind = match kind {
        NetworkErrorKind::Name => TransportErrorKind::Name,
        NetworkErrorKind::Connection => TransportErrorKind::Connection,
        NetworkErrorKind::Timeout => TransportErrorKind::Timeout,
        NetworkErrorKind::Distrust | NetworkErrorKind::Tls => TransportErrorKind::Tls,
        NetworkErrorKind::Request => TransportErrorKind::Other,
    };
    TransportError::new(kind, message)
}
