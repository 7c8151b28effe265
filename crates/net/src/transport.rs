//! The seam through which requests leave.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

/// Carries requests to registries, to their token servers and to the APIs of those who run them. URIs are absolute.
///
/// A transport does not follow redirects, send credentials of its own or try again: its callers know who may be sent a
/// credential.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` and answers with the response, whatever its status is.
    ///
    /// # Errors
    /// When there is no response.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError>;
}

/// The transport that a host lends to plugins, as an extension: a simulated one, or one
/// that all share.
#[derive(Clone)]
pub struct HttpTransport(pub Arc<dyn Transport>);

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpTransport")
    }
}

/// The reason for the lack of a response. The message is without the URL and without headers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    /// The kind of error.
    pub kind: TransportErrorKind,
    /// The error in a few words: `connection refused`.
    pub message: String,
}

/// The kind of error that kept a response from coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// The host's name has no address.
    Name,
    /// There is no connection, or it broke.
    Connection,
    /// The other side took too long.
    Timeout,
    /// The other side's certificate is not trusted, or it speaks no TLS.
    Tls,
    /// The response is longer than anything that a registry should send.
    TooLarge,
    /// Something else, such as a request that cannot be sent.
    Other,
}

impl TransportError {
    /// An error with its message.
    pub fn new(kind: TransportErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Returns `true` if another attempt may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            TransportErrorKind::Name | TransportErrorKind::Connection | TransportErrorKind::Timeout
        )
    }
}
