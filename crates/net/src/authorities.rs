//! Connections to servers whose certificates the system does not trust.

use std::{fmt, path::PathBuf, sync::Arc};

use longshore_model::{Failure, FailureKind};
use tokio::sync::OnceCell;

use crate::{CERTIFICATES_LIMIT, ReqwestTransport, Transport, Trust, read_file};

/// Authorities of one's own: the certificates in a file in PEM format, and a transport over the network that trusts them
/// besides the system's.
#[derive(Clone)]
pub struct Authorities {
    file: PathBuf,
    around: Option<Around>,
    transport: Arc<OnceCell<Arc<dyn Transport>>>,
}

/// A wrapper around the transport of requests, as an extension. Plugins that make a
/// transport of their own wrap that.
#[derive(Clone)]
pub struct Around(Arc<Put>);

type Put = dyn Fn(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync;

impl Around {
    /// Creates a wrapper: `around` returns the replacement of a transport.
    pub fn new(around: impl Fn(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync + 'static) -> Self {
        Self(Arc::new(around))
    }

    /// Returns the replacement of `transport`.
    #[must_use]
    pub fn put(&self, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        (self.0)(transport)
    }
}

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Around")
    }
}

impl Authorities {
    /// Those in `file`. It is read when the first request leaves.
    #[must_use]
    pub fn in_file(file: PathBuf) -> Self {
        Self { file, around: None, transport: Arc::default() }
    }

    /// Lets `around` put something in front of the transport, such as simulated registries.
    #[must_use]
    pub fn within(
        mut self,
        around: impl Fn(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync + 'static,
    ) -> Self {
        self.around = Some(Around::new(around));
        self
    }

    /// The transport that trusts them.
    ///
    /// # Errors
    /// When the file cannot be read or has no certificate in it, or when no HTTP client can be had.
    pub async fn transport(&self) -> Result<Arc<dyn Transport>, Failure> {
        self.transport.get_or_try_init(|| self.connect()).await.cloned()
    }

    async fn connect(&self) -> Result<Arc<dyn Transport>, Failure> {
        let fail = |what: String| {
            Failure::new(FailureKind::Invalid, format!("the file {} {what}", self.file.display())).help(
                "ca-file names a file with certificates of authorities, or the registry's own, in PEM format",
            )
        };
        let pem = read_file(&self.file, CERTIFICATES_LIMIT)
            .await
            .map_err(|error| fail(format!("cannot be read: {error}")))?;
        let own = Trust::in_pem(&pem)
            .ok_or_else(|| fail("cannot be used: there is no certificate in PEM format".to_owned()))?;
        let transport: Arc<dyn Transport> =
            Arc::new(ReqwestTransport::trusting(&Trust::of_system().and(own))?);
        Ok(match &self.around {
            Some(around) => around.put(transport),
            None => transport,
        })
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorities").field("file", &self.file).finish_non_exhaustive()
    }
}
