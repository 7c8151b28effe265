//! The destination of a stack's calls: AWS, an emulator, or the simulated cloud in this process.

use std::{
    collections::BTreeMap,
    convert::identity,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use longshore_aws::{Aws, Embedded, Target, check_rates};
use longshore_config::Loaded;
use longshore_model::{Failure, FailureKind, Name, Problem, Stack};
use longshore_net::{Around, Authorities, ReqwestTransport, Transport, TransportError, TransportErrorKind};
use longshore_oci::{Access, Puller};
use longshore_plugin::PullCheck;
use longshore_simcloud::{Blueprint, Cloud, Moment, OpenError, TokioClock, registry::is_this_machine};
use tokio_util::sync::CancellationToken;

use crate::{
    blueprint::{self, Draft},
    host,
    pulls::{Answers, Hosts, SimulatedPulls},
};

/// The destination of a stack's calls.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// To the simulated cloud in this process, on a virtual clock. Its state is kept in a file.
    Embedded { draft: Draft, state: PathBuf },
    /// To an emulator or a simulated cloud in another process. If the environment has simulated registries, images are
    /// looked for there.
    Endpoint { url: String, draft: Option<Draft>, test_credentials: bool },
    /// To AWS.
    Aws,
}

impl Place {
    /// Returns the destination of the calls of `loaded`.
    ///
    /// # Errors
    /// What is wrong with the tables `[cloud]` and `[aws.rates]`.
    pub(crate) fn of(
        loaded: &Loaded,
        state_directory: &Path,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Problem>> {
        let aws = &loaded.stack.aws;
        let problems = check_rates(&aws.rates);
        if !problems.is_empty() {
            return Err(problems);
        }
        let variable = variables.get("AWS_ENDPOINT_URL").filter(|url| !url.is_empty());
        let url = aws.endpoint.as_ref().or(variable).cloned();
        let test_credentials =
            url.as_deref().is_some_and(is_local) && aws.profile.is_none() && !names_credentials(variables);
        let draft = || blueprint::draft(loaded.cloud.as_ref(), aws);
        let read = || draft().map(|draft| draft.improvising(&loaded.stack));
        Ok(match (url, loaded.embedded) {
            (None, true) => {
                let state = state_directory.join(format!("cloud-{}.json", loaded.stack.environment));
                Self::Embedded { draft: read()?, state }
            }
            (Some(url), true) => Self::Endpoint { url, draft: Some(read()?), test_credentials },
            (Some(url), false) => Self::Endpoint { url, draft: None, test_credentials },
            (None, false) => Self::Aws,
        })
    }

    /// Returns the hosts of a simulated environment's registries, or `None` if all registries are real.
    fn hosts(&self) -> Option<Hosts> {
        match self {
            Self::Embedded { draft, .. } | Self::Endpoint { draft: Some(draft), .. } => {
                Some(Hosts::of(&draft.blueprint))
            }
            Self::Endpoint { draft: None, .. } | Self::Aws => None,
        }
    }

    /// Returns true if the registry `host` is one of the simulated cloud's: only the simulation knows its users.
    pub(crate) fn simulates(&self, host: &str) -> bool {
        self.hosts().is_some_and(|hosts| hosts.answers(host) != Answers::Real)
    }

    /// Returns true if the clock is tokio's paused one.
    pub(crate) const fn is_virtual(&self) -> bool {
        matches!(self, Self::Embedded { .. })
    }
}

/// Returns true if `url` is on this machine: an emulator, which takes any credentials. A developer's AWS credentials
/// are not shown to it, unless the run was told to use them.
fn is_local(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(is_this_machine))
}

/// Returns true if the environment says with which credentials AWS is called.
fn names_credentials(variables: &BTreeMap<String, String>) -> bool {
    ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"]
        .iter()
        .any(|name| variables.get(*name).is_some_and(|value| !value.is_empty()))
}

/// The connections to a place.
pub(crate) struct Reach {
    pub(crate) aws: Aws,
    pub(crate) pullers: Pullers,
    /// The simulated cloud in this process.
    pub(crate) cloud: Option<Cloud>,
}

impl Reach {
    /// Sets up what is needed to reach `place`. Must be called within the runtime of the run. Calls nothing.
    ///
    /// # Errors
    /// When a password of the simulated cloud is not found, when its state cannot be read, or when no HTTP client can
    /// be had.
    pub(crate) async fn new(
        place: &Place,
        loaded: &Loaded,
        variables: &BTreeMap<String, String>,
        interrupt: &CancellationToken,
    ) -> Result<Self, Vec<Failure>> {
        let real = real_transport().map_err(|failure| vec![failure])?;
        let stack = &loaded.stack;
        let names = [&stack.name, &stack.environment];
        let environment = host::environment(loaded, variables);
        let target = Target::from(&stack.aws);
        let around = place.hosts().map(|hosts| Around::new(move |real| guarded(hosts.clone(), real)));
        let simulated_pullers = |cloud: &Cloud, real: Arc<dyn Transport>| {
            let within = cloud.clone();
            let simulated = reaching(stack, real.clone(), move |real| simulated(within.clone(), real));
            let hosts = place.hosts().unwrap_or_default();
            let pulls = SimulatedPulls::all(&hosts, simulated, reaching(stack, real, identity), cloud);
            pulls.map_err(|error| vec![no_real_time(&error)])
        };
        let (pullers, aws, cloud) = match place {
            Place::Aws => (Pullers::from(reaching(stack, real, identity)), Aws::connect(target, None), None),
            Place::Endpoint { url, draft, test_credentials } => {
                let pullers = match draft {
                    Some(draft) => {
                        let blueprint = draft.clone().resolve(names, &environment, interrupt).await?;
                        let clock = Arc::new(TokioClock::starting_at(wall_clock()));
                        let cloud =
                            Cloud::new(&blueprint, clock).map_err(|error| vec![cannot_open(&error)])?;
                        simulated_pullers(&cloud, real)?
                    }
                    None => Pullers::from(reaching(stack, real, identity)),
                };
                // One that the configuration names goes before it.
                let shared_endpoint = Some(url.clone());
                let target = Target { shared_endpoint, test_credentials: *test_credentials, ..target };
                (pullers, Aws::connect(target, None), None)
            }
            Place::Embedded { draft, state } => {
                // Virtual time needs no speed, which is for the served cloud.
                let resolved = draft.clone().resolve(names, &environment, interrupt).await?;
                let blueprint = Blueprint { speed: 1, ..resolved };
                let cloud = Cloud::open(state, &blueprint, wall_clock())
                    .map_err(|error| vec![cannot_open(&error)])?;
                let embedded = Embedded::new(cloud.connector(), cloud.clone());
                let pullers = simulated_pullers(&cloud, real)?;
                (pullers, Aws::connect(target, Some(embedded)), Some(cloud))
            }
        };
        Ok(Self { aws, pullers: Pullers { around, ..pullers }, cloud })
    }

    /// A clock for events, in milliseconds since the Unix epoch.
    pub(crate) fn clock(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let cloud = self.cloud.clone();
        move || cloud.as_ref().map_or_else(wall_clock, Cloud::now).0
    }
}

/// The checks that prove pulls.
#[derive(Clone)]
pub(crate) struct Pullers {
    /// For registries that are reached as usual.
    pub(crate) usual: Arc<dyn PullCheck>,
    /// For those that are not, by their names.
    pub(crate) others: BTreeMap<Name, Arc<dyn PullCheck>>,
    /// The wrapper around the network for requests of plugins, or `None` if they use the network directly.
    pub(crate) around: Option<Around>,
}

/// The pullers of a stack: for registries that are reached as usual, and for those that are not, by their names.
pub(crate) type Reaching = (Puller, BTreeMap<Name, Puller>);

impl From<Reaching> for Pullers {
    fn from((usual, others): Reaching) -> Self {
        let others = others.into_iter().map(|(name, puller)| (name, Arc::new(puller) as Arc<dyn PullCheck>));
        Self { usual: Arc::new(usual), others: others.collect(), around: None }
    }
}

/// Creates pullers that reach the registries of `stack` as it says. `around` wraps the transport over the network.
fn reaching(
    stack: &Stack,
    real: Arc<dyn Transport>,
    around: impl Fn(Arc<dyn Transport>) -> Arc<dyn Transport> + Clone + Send + Sync + 'static,
) -> Reaching {
    let usual = Puller::new(around(real));
    let others = stack.registries.iter().filter(|(_, one)| one.insecure || one.ca_file.is_some());
    let others = others.map(|(name, registry)| {
        let authorities =
            registry.ca_file.clone().map(|file| Authorities::in_file(file).within(around.clone()));
        (name.clone(), usual.clone().reaching(Access { is_plain: registry.insecure, authorities }))
    });
    let others = others.collect();
    (usual, others)
}

/// Pullers that ask real registries.
///
/// # Errors
/// When no HTTP client can be had.
pub(crate) fn real_pullers(stack: &Stack) -> Result<Pullers, Failure> {
    Ok(Pullers::from(reaching(stack, real_transport()?, identity)))
}

fn real_transport() -> Result<Arc<dyn Transport>, Failure> {
    Ok(Arc::new(ReqwestTransport::new()?))
}

fn simulated(cloud: Cloud, real: Arc<dyn Transport>) -> Arc<dyn Transport> {
    Arc::new(Simulated { cloud, real })
}

/// Lets requests to real hosts through, and no others.
fn guarded(hosts: Hosts, real: Arc<dyn Transport>) -> Arc<dyn Transport> {
    Arc::new(Guarded { hosts, real })
}

fn no_real_time(error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::Internal, format!("a thread for real registries cannot be had: {error}"))
}

/// Creates the failure for a simulated cloud that cannot be opened.
pub(crate) fn cannot_open(error: &OpenError) -> Failure {
    Failure::new(FailureKind::Conflict, error.to_string()).at("the simulated cloud")
}

/// The clock on the wall.
pub(crate) fn wall_clock() -> Moment {
    Moment(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default())
}

/// The time limit of a request to a simulated registry, as of one over the network.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Sends requests to simulated registries, and those to this machine over the network. No other request leaves.
struct Simulated {
    cloud: Cloud,
    real: Arc<dyn Transport>,
}

#[async_trait]
impl Transport for Simulated {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let timeout = |message: String| TransportError::new(TransportErrorKind::Timeout, message);
        let host = host_of(&request);
        match tokio::time::timeout(TIMEOUT, self.cloud.registry_request(request.clone())).await {
            Err(_) => Err(timeout(format!("no answer within {} s", TIMEOUT.as_secs()))),
            Ok(None) if is_this_machine(&host) => self.real.send(request).await,
            Ok(None) => Err(not_real(&host)),
            Ok(Some(Ok(response))) => Ok(response),
            Ok(Some(Err(lost))) => Err(timeout(lost.to_string())),
        }
    }
}

/// A transport that sends requests of plugins, such as those to a registry's API, to real hosts only.
struct Guarded {
    hosts: Hosts,
    real: Arc<dyn Transport>,
}

#[async_trait]
impl Transport for Guarded {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let host = host_of(&request);
        match self.hosts.answers(&host) {
            Answers::Real => self.real.send(request).await,
            Answers::Declared | Answers::Improvised => Err(not_real(&host)),
        }
    }
}

fn host_of(request: &Request<Bytes>) -> String {
    request.uri().authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default()
}

fn not_real(host: &str) -> TransportError {
    let message = format!(
        "the simulated cloud lets nothing leave this machine; to ask the real {host}, add it to `cloud.real-registries`"
    );
    TransportError::new(TransportErrorKind::Other, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_local() {
        for url in ["http://127.0.0.1:4566", "http://localhost:5000/", "http://[::1]:4566"] {
            assert!(is_local(url), "{url}");
        }
        for url in ["https://ecs.eu-central-1.amazonaws.com", "http://10.0.0.1:4566", "not a url", ""] {
            assert!(!is_local(url), "{url}");
        }
    }
}
