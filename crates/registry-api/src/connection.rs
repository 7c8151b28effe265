//! The connection to APIs.

use std::{fmt, sync::Arc};

use longshore_model::Options;
use longshore_net::{Around, Authorities, HttpTransport, ReqwestTransport, Transport};
use longshore_plugin::{Extensions, Result};
use tokio::sync::OnceCell;

/// How APIs are reached: through the [`HttpTransport`] that the host lends, else over the network. A connection of its
/// own is made by the first call, because building a plugin must not do anything.
#[derive(Clone)]
pub struct Connection {
    lent: Option<HttpTransport>,
    around: Option<Around>,
    authorities: Option<Authorities>,
    own: Arc<OnceCell<Arc<dyn Transport>>>,
}

impl Connection {
    /// The host's, else one over the network. If the registry with these options has a `ca-file`, it is one over the
    /// network that trusts also the authorities in there: what the host lends does not know them.
    #[must_use]
    pub fn new(options: &Options, extensions: &Extensions) -> Self {
        let around = extensions.get::<Around>().map(|around| (*around).clone());
        let within = |authorities: Authorities| match around.clone() {
            Some(around) => authorities.within(move |transport| around.put(transport)),
            None => authorities,
        };
        let authorities = options.taken_path("ca-file").map(Authorities::in_file).map(within);
        let lent = extensions.get::<HttpTransport>().map(|lent| (*lent).clone());
        Self { lent, around, authorities, own: Arc::default() }
    }

    /// Returns the transport of the requests.
    ///
    /// # Errors
    /// When the certificates cannot be read, or when no HTTP client can be had.
    pub(crate) async fn transport(&self) -> Result<Arc<dyn Transport>> {
        match (&self.authorities, &self.lent) {
            (Some(authorities), _) => authorities.transport().await,
            (None, Some(HttpTransport(lent))) => Ok(lent.clone()),
            (None, None) => self.own.get_or_try_init(async || self.connect()).await.cloned(),
        }
    }

    fn connect(&self) -> Result<Arc<dyn Transport>> {
        let transport: Arc<dyn Transport> = Arc::new(ReqwestTransport::new()?);
        Ok(self.around.as_ref().map_or_else(|| transport.clone(), |around| around.put(transport.clone())))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("lent", &self.lent.is_some())
            .field("authorities", &self.authorities)
            .finish_non_exhaustive()
    }
}
