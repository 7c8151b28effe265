//! How APIs are reached.

use std::{fmt, path::PathBuf, sync::Arc};

use longshore_model::{Failure, FailureKind};
use longshore_oci::{HttpTransport, ReqwestTransport, Transport};
use longshore_plugin::{Extensions, Result};
use tokio::sync::OnceCell;

/// How APIs are reached: through the [`HttpTransport`] that the host lends, else over the network. A connection of its
/// own is made by the first call, because building a plugin must not do anything.
#[derive(Clone)]
pub struct Connection {
    lent: Option<HttpTransport>,
    ca_file: Option<PathBuf>,
    own: Arc<OnceCell<Arc<dyn Transport>>>,
}

impl Connection {
    /// The host's, else one over the network.
    #[must_use]
    pub fn new(extensions: &Extensions) -> Self {
        let lent = extensions.get::<HttpTransport>().map(|lent| (*lent).clone());
        Self { lent, ca_file: None, own: Arc::default() }
    }

    /// Over the network, trusting also the certificates in the PEM file at `path`. What the host lends does not know
    /// them and is not used.
    #[must_use]
    pub fn trusting(path: PathBuf) -> Self {
        Self { lent: None, ca_file: Some(path), own: Arc::default() }
    }

    /// What requests leave through.
    ///
    /// # Errors
    /// When the certificates cannot be read, or when no HTTP client can be had.
    pub(crate) async fn transport(&self) -> Result<Arc<dyn Transport>> {
        if let Some(HttpTransport(lent)) = &self.lent {
            return Ok(lent.clone());
        }
        self.own.get_or_try_init(|| self.connect()).await.cloned()
    }

    async fn connect(&self) -> Result<Arc<dyn Transport>> {
        let Some(path) = &self.ca_file else {
            return match ReqwestTransport::new() {
                Ok(transport) => Ok(Arc::new(transport)),
                Err(error) => Err(Failure::new(FailureKind::Internal, error.to_string())
                    .help("check the system's certificates and the variables HTTPS_PROXY and NO_PROXY")),
            };
        };
        let fail = |what: String| {
            Failure::new(FailureKind::Invalid, format!("the file {} {what}", path.display()))
                .help("ca-file names a file with certificates of authorities in PEM format")
        };
        let pem = tokio::fs::read(path).await.map_err(|error| fail(format!("cannot be read: {error}")))?;
        match ReqwestTransport::trusting(&pem) {
            Ok(transport) => Ok(Arc::new(transport)),
            Err(error) => Err(fail(format!("cannot be used: {error}"))),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("lent", &self.lent.is_some())
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}
