//! The containers of a run of tests: started once, shared by all tests, and removed at the end.
//!
//! nextest runs every test in a process of its own, so it is not the tests that start them, but `with-containers`, which
//! then runs the tests and tells them by environment variables where the servers are. Tests keep out of each other's way by
//! names: of stacks at the emulators, of repositories in the registries.

mod error;
mod registry;
mod server;

use std::time::{SystemTime, UNIX_EPOCH};

pub use error::Error;
use server::{Image, Server};

use crate::token_server::TokenServer;

/// The URL of LocalStack: `http://HOST:PORT`.
pub const LOCALSTACK: &str = "XTASK_LOCALSTACK";
/// The URL of moto's server: `http://HOST:PORT`.
pub const MOTO: &str = "XTASK_MOTO";
/// The registry that lets in the users of a password file: `HOST:PORT`.
pub const REGISTRY_HTPASSWD: &str = "XTASK_REGISTRY_HTPASSWD";
/// The registry that lets in the holders of a token server's tokens: `HOST:PORT`.
pub const REGISTRY_TOKENS: &str = "XTASK_REGISTRY_TOKENS";
/// The URL of its token server. It runs beside the containers and not in one, because only clients ask it.
pub const TOKEN_SERVER: &str = "XTASK_TOKEN_SERVER";
/// The network of the containers. On it their names are `NETWORK-localstack` (port 4566), `NETWORK-moto` (5000),
/// `NETWORK-registry-htpasswd` and `NETWORK-registry-tokens` (5000).
pub const NETWORK: &str = "XTASK_NETWORK";

/// The last LocalStack that starts without a licence token. It has no ECS.
const LOCALSTACK_IMAGE: Image =
    Image { name: "localstack/localstack", tag: "4.14.0", port: 4566, probe: "/_localstack/health" };
const MOTO_IMAGE: Image = Image { name: "motoserver/moto", tag: "5.2.1", port: 5000, probe: "/moto-api/" };

/// Running containers. They are removed when this is dropped; [`remove`](Self::remove) says what went wrong with that.
#[derive(Debug)]
pub struct Containers {
    network: String,
    localstack: Server,
    moto: Server,
    htpasswd: Server,
    tokens: Server,
    token_server: TokenServer,
}

impl Containers {
    /// Starts all of them, and waits until each answers.
    ///
    /// # Errors
    /// Which one could not be started, and why. Those that were started are removed.
    pub async fn start() -> Result<Self, Error> {
        let network = network_name();
        let token_server = TokenServer::start().map_err(Error::TokenServer)?;
        let localstack = LOCALSTACK_IMAGE
            .request(&network, "localstack")
            .variable("DISABLE_EVENTS", "1")
            // It is reached over plain HTTP, so it need not fetch the certificate of its own domain.
            .variable("SKIP_SSL_CERT_DOWNLOAD", "1");
        // Without this, the policies that AWS manages are not there.
        let moto = MOTO_IMAGE.request(&network, "moto").variable("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
        let (localstack, moto, htpasswd, tokens) = tokio::try_join!(
            localstack.start(),
            moto.start(),
            registry::with_htpasswd(&network)?.start(),
            registry::with_tokens(&network, &token_server).start(),
        )?;
        Ok(Self { network, localstack, moto, htpasswd, tokens, token_server })
    }

    /// The environment variables that tell tests where the servers are.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let url = |server: &Server| format!("http://{}", server.address);
        vec![
            (LOCALSTACK, url(&self.localstack)),
            (MOTO, url(&self.moto)),
            (REGISTRY_HTPASSWD, self.htpasswd.address.clone()),
            (REGISTRY_TOKENS, self.tokens.address.clone()),
            (TOKEN_SERVER, self.token_server.url().to_owned()),
            (NETWORK, self.network.clone()),
        ]
    }

    /// Removes them.
    ///
    /// # Errors
    /// The first of those that could not be removed. The others are removed nevertheless.
    pub async fn remove(self) -> Result<(), Error> {
        let Self { localstack, moto, htpasswd, tokens, .. } = self;
        let removed = tokio::join!(localstack.remove(), moto.remove(), htpasswd.remove(), tokens.remove());
        removed.0.and(removed.1).and(removed.2).and(removed.3)
    }
}

/// A name that no other run on the same engine has, also not one of another machine.
fn network_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("longshore-tests-{:x}-{:x}", std::process::id(), now.as_micros())
}
