//! A server in a container.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use longshore_net::{Trust, http_client};
use testcontainers::{
    ContainerAsync, ContainerRequest, GenericImage, ImageExt as _, TestcontainersError,
    core::{IntoContainerPort as _, wait::WaitFor},
    runners::AsyncRunner as _,
};
use tokio::net::TcpStream;

use super::Error;

/// The time limit of the engine and then the server. An emulator needs ten seconds, and more on a machine that
/// compiles.
const PATIENCE: Duration = Duration::from_secs(300);

/// The maximum length of the part of a log that is shown, in bytes.
const SHOWN: usize = 4_000;

/// A container image: its name, tag, port and probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image {
    pub(super) name: &'static str,
    pub(super) tag: &'static str,
    /// The port that it listens on.
    pub(super) port: u16,
    /// A path that is answered, with whatever status, when the server is ready.
    pub(super) probe: &'static str,
}

impl Image {
    /// A container of this image, with a name on a network.
    pub(super) fn request(self, network: &str, name: &str) -> Request {
        let name = format!("{network}-{name}");
        let container = GenericImage::new(self.name, self.tag)
            .with_exposed_port(self.port.tcp())
            .with_wait_for(WaitFor::Nothing)
            .with_network(network)
            .with_container_name(&name)
            .with_startup_timeout(PATIENCE);
        Request { image: self, name, container }
    }
}

impl std::fmt::Display for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)
    }
}

/// A container that is to be started.
pub(super) struct Request {
    image: Image,
    name: String,
    container: ContainerRequest<GenericImage>,
}

impl Request {
    /// Sets an environment variable.
    pub(super) fn variable(mut self, name: &str, value: &str) -> Self {
        self.container = self.container.with_env_var(name, value);
        self
    }

    /// Puts a file into it.
    pub(super) fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.container = self.container.with_copy_to(path, content.into());
        self
    }

    /// Starts it, and waits until it answers.
    pub(super) async fn start(self) -> Result<Server, Error> {
        let Self { image, name, container } = self;
        let not_started = |reason| Error::NotStarted { image: image.to_string(), reason: Box::new(reason) };
        let container = container.start().await.map_err(not_started)?;
        let address = address(&container, image.port).await.map_err(not_started)?;
        let server = Server { name, address, container };
        server.answers(image).await?;
        Ok(server)
    }
}

/// Returns the address under which a published port is reached from here. Registries on the loopback address are the
/// only ones that clients, the engine among them, take without TLS and without being told, so that is where a port is
/// looked for first. The engine's own answer is another where the tests themselves run in a container beside it.
async fn address(container: &ContainerAsync<GenericImage>, port: u16) -> Result<String, TestcontainersError> {
    let published = container.get_host_port_ipv4(port).await?;
    // The engine publishes for version 4 of the protocol, and `localhost` may stand for either.
    if TcpStream::connect((Ipv4Addr::LOCALHOST, published)).await.is_ok() {
        return Ok(format!("{}:{published}", Ipv4Addr::LOCALHOST));
    }
    Ok(format!("{}:{published}", container.get_host().await?))
}

/// A server that answers. Its container is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    name: String,
    /// `HOST:PORT`
    pub(super) address: String,
    container: ContainerAsync<GenericImage>,
}

impl Server {
    async fn answers(&self, image: Image) -> Result<(), Error> {
        let url = format!("http://{}{}", self.address, image.probe);
        let started = Instant::now();
        while !is_answered(&url).await {
            let stopped = matches!(self.container.is_running().await, Ok(false));
            if stopped || started.elapsed() > PATIENCE {
                return Err(Error::Silent {
                    image: image.to_string(),
                    url,
                    seconds: started.elapsed().as_secs(),
                    log: self.log().await,
                });
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// The end of what it wrote.
    async fn log(&self) -> String {
        let mut log = self.container.stdout_to_vec().await.unwrap_or_default();
        log.extend(self.container.stderr_to_vec().await.unwrap_or_default());
        String::from_utf8_lossy(&log[log.len().saturating_sub(SHOWN)..]).into_owned()
    }

    pub(super) async fn remove(self) -> Result<(), Error> {
        let Self { name, container, .. } = self;
        container.rm().await.map_err(|reason| Error::NotRemoved { name, reason: Box::new(reason) })
    }
}

/// Returns true if there is any answer: while a server starts, the engine accepts connections for it and closes them again.
async fn is_answered(url: &str) -> bool {
    match http_client(&Trust::of_system(), None) {
        Ok(client) => client.get(url).timeout(Duration::from_secs(5)).send().await.is_ok(),
        Err(_) => false,
    }
}
