//! The clouds that the suite knows, and how they are reached.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::{BehaviorVersion, retry::RetryConfig};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use longshore_aws::network;
use longshore_net::Trust;
use longshore_simcloud::{Access, Blueprint, Moment, Sealed, TokioClock, serve};

use super::{
    REGION,
    account::{Clients, Time, plain_config},
};

/// The simulated cloud, in this process.
pub const SIMULATED: &str = "simulated cloud";
/// The simulated cloud, over HTTP.
pub const SERVED: &str = "simulated cloud, HTTP";
/// moto's server.
pub const MOTO: &str = "moto";
/// LocalStack without a licence.
pub const LOCALSTACK: &str = "LocalStack";

/// 2026-11-23T00:00:00Z
const START: Moment = Moment(1_795_392_000_000);

/// The speed of the simulated cloud's clock over HTTP, as a multiple of real time: a rollout then takes a second.
const SPEED: u32 = 60;

/// The URL that stands for AWS itself, with the credentials that are found as every SDK finds them.
const AWS: &str = "aws";

/// A cloud that the suite runs against.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// The cloud's name in the table.
    pub name: String,
    pub(super) clients: Arc<Clients>,
    pub(super) time: Time,
    /// The number of cases that run at a time.
    pub(super) at_once: usize,
    /// The number of tries of a case whose answer is not the known one: emulators break now and then when they are
    /// asked two things at a time, and other tests may ask them, too.
    pub(super) tries: usize,
    /// The common part of this run's names.
    pub(super) run: String,
}

impl Cloud {
    /// The simulated cloud in this process. Must be called within a runtime, whose clock is to be paused.
    ///
    /// # Errors
    /// When its blueprint is not sound.
    pub fn simulated() -> Result<Self, String> {
        let cloud = simulated_cloud(1)?;
        let source = SharedTimeSource::new(cloud.clone());
        let config = plain_config().http_client(cloud.connector()).time_source(source.clone()).build();
        Ok(Self {
            name: SIMULATED.to_owned(),
            clients: Arc::new(Clients::new(&config)),
            time: Time { source, interval: Duration::from_secs(2), attempts: 150 },
            at_once: 16,
            tries: 1,
            run: "conformance".to_owned(),
        })
    }

    /// The simulated cloud, served over HTTP by this process for as long as the runtime runs.
    ///
    /// # Errors
    /// When there is no port for it.
    pub async fn served() -> Result<Self, String> {
        let cloud = simulated_cloud(SPEED)?;
        let listener =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let source = SharedTimeSource::new(cloud.clone());
        let access = Access::of_keys([("test".to_owned(), Sealed::new("test"))]);
        tokio::spawn(serve(cloud, access, listener, std::future::pending()));
        let mut served = Self::emulator(SERVED, &format!("http://{address}"));
        (served.at_once, served.tries) = (16, 1);
        served.time = Time { source, interval: Duration::from_millis(100), attempts: 100 };
        Ok(served)
    }

    /// An emulator at a URL, which takes any credentials.
    #[must_use]
    pub fn emulator(name: &str, url: &str) -> Self {
        let config = plain_config().http_client(network(Trust::of_system())).endpoint_url(url).build();
        Self {
            name: name.to_owned(),
            clients: Arc::new(Clients::new(&config)),
            time: Time { source: wall(), interval: Duration::from_millis(100), attempts: 8 },
            // Those in Python are no faster when they are asked more at a time, and break now and then.
            at_once: 1,
            tries: 2,
            run: run_name(),
        }
    }

    /// The cloud `name` at `url`; `aws` as the URL is AWS itself.
    pub async fn named(name: &str, url: &str) -> Self {
        if url != AWS {
            return Self::emulator(name, url);
        }
        let https = network(Trust::of_system());
        let loader =
            aws_config::defaults(BehaviorVersion::latest()).http_client(https).retry_config(patient());
        Self {
            name: name.to_owned(),
            clients: Arc::new(Clients::new(&loader.load().await)),
            time: Time { source: wall(), interval: Duration::from_secs(5), attempts: 60 },
            // IAM and ECS let a few calls a second through.
            at_once: 2,
            tries: 1,
            run: run_name(),
        }
    }
}

fn simulated_cloud(speed: u32) -> Result<longshore_simcloud::Cloud, String> {
    let image = serde_json::json!({ "visibility": "public", "tags": { "2.4": {} } });
    let registries =
        serde_json::json!({ "public.ecr.aws": { "repositories": { "docker/library/httpd": image } } });
    let registries = serde_json::from_value(registries).map_err(|error| error.to_string())?;
    let latency_ms = if speed == 1 { Blueprint::default().latency_ms } else { 0 };
    let blueprint = Blueprint {
        registries,
        latency_ms,
        region: REGION.to_owned(),
        // Only the answers are compared, and not the limits of rates.
        throttling: false,
        ..Blueprint::default()
    };
    let clock = TokioClock::starting_at(START).at_speed(speed);
    longshore_simcloud::Cloud::new(&blueprint, Arc::new(clock)).map_err(|error| error.to_string())
}

/// Goes on until AWS's quotas let every call through.
fn patient() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(30)
}

fn wall() -> SharedTimeSource {
    SharedTimeSource::new(SystemTimeSource::new())
}

/// A name for a run, which no other run has.
fn run_name() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("cf{:x}", now.as_millis() & 0xff_ffff_ffff)
}
