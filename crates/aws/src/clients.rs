//! The SDK's clients, built when they are first needed.

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, identity::IdentityCache, timeout::TimeoutConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::{
    rt::sleep::{SharedAsyncSleep, TokioSleep},
    time::{SharedTimeSource, SystemTimeSource, TimeSource},
};
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, SharedHttpClient},
    identity::{ResolveCachedIdentity, SharedIdentityCache},
    stalled_stream_protection::StalledStreamProtectionConfig,
};
use aws_types::{SdkConfig, origin::Origin};
use futures_util::{FutureExt as _, future::BoxFuture};
use longshore_model::{AssumedRole, AwsTarget, CallRate, EcrRegistry, Failure, FailureKind};
use longshore_net::{CERTIFICATES_LIMIT, Proxies, Trust, read_file};
use longshore_plugin::Result;
use tokio::sync::OnceCell;

use crate::{
    Identity, Reads,
    attempt::{Attempts, PacedIdentities, Worth, retries},
    chance::Chance,
    changes::Changes,
    credentials::{Profile, set, with_credentials},
    fenced::{Marked, fenced},
    genuine::Genuine,
    lock::Fence,
    pace::Pacer,
    transport, untyped,
};

/// The time limit for making a connection: long enough for a proxy, short enough to notice a wrong endpoint.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The time limit for obtaining credentials. The source may be a login with several steps, or a role that is assumed
/// with the credentials of another source.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(30);

/// The region of the embedded simulated cloud, where none is configured.
const EMBEDDED_REGION: &str = "us-east-1";

/// The calls' target, as configured. The rest is found as every AWS SDK finds it: environment
/// variables, the shared configuration files, the instance or task that the program runs on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target {
    /// The region.
    pub region: Option<String>,
    /// The profile of the shared configuration files.
    pub profile: Option<String>,
    /// The role that is assumed with the credentials found.
    pub assume_role: Option<AssumedRole>,
    /// The URL of an emulator or a proxy, for all calls.
    pub endpoint: Option<String>,
    /// The one that `AWS_ENDPOINT_URL` names: for services that have no variable of their own, such as
    /// `AWS_ENDPOINT_URL_ECS`.
    pub shared_endpoint: Option<String>,
    /// Signs with the credentials `test`/`test`, as emulators take them, instead of looking for credentials.
    pub test_credentials: bool,
    /// The rate limits that differ from AWS's defaults, by the name of the calls' class.
    pub rates: BTreeMap<String, CallRate>,
}

impl From<&AwsTarget> for Target {
    fn from(target: &AwsTarget) -> Self {
        let AwsTarget { region, profile, assume_role, endpoint, account: _, rates } = target.clone();
        Self { region, profile, assume_role, endpoint, shared_endpoint: None, test_credentials: false, rates }
    }
}

/// The simulated cloud that runs in this process.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// The HTTP client that reaches it without a socket.
    pub http_client: SharedHttpClient,
    /// Its clock, with which requests are signed.
    pub time_source: SharedTimeSource,
}

impl Embedded {
    /// Returns the simulated cloud behind `http_client`, whose clock is `time_source`.
    pub fn new(http_client: impl HttpClient + 'static, time_source: impl TimeSource + 'static) -> Self {
        let (http_client, time_source) =
            (SharedHttpClient::new(http_client), SharedTimeSource::new(time_source));
        Self { http_client, time_source }
    }
}

/// The AWS clients of a run. Clones share everything.
///
/// Nothing is read and nothing is called before the first client is asked for, so that commands which need no AWS work
/// without a region and without credentials.
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    target: Target,
    embedded: Option<Embedded>,
    fence: Arc<Fence>,
    config: OnceCell<(SdkConfig, Arc<Pacer>)>,
    identity: OnceCell<Identity>,
    autoscaling: OnceCell<untyped::Client<untyped::Json>>,
    cloudwatchlogs: OnceCell<untyped::Client<untyped::Json>>,
    ec2: OnceCell<untyped::Client<untyped::Ec2Query>>,
    /// By region, and by `true` for FIPS endpoints.
    ecr: Mutex<BTreeMap<(String, bool), untyped::Client<untyped::Json>>>,
    ecs: OnceCell<aws_sdk_ecs::Client>,
    elbv2: OnceCell<untyped::Client<untyped::Query>>,
    iam: OnceCell<aws_sdk_iam::Client>,
    kms: OnceCell<untyped::Client<untyped::Json>>,
    resourcegroupstagging: OnceCell<untyped::Client<untyped::Json>>,
    secretsmanager: OnceCell<aws_sdk_secretsmanager::Client>,
    ssm: OnceCell<aws_sdk_ssm::Client>,
    sts: OnceCell<aws_sdk_sts::Client>,
    /// The ARNs of KMS keys, by what names them.
    keys: Mutex<BTreeMap<String, String>>,
    changes: Arc<Changes>,
    reads: Reads,
}

/// Completes a client's configuration with the run's own rules.
macro_rules! with_rules {
    ($config:expr, $pacer:expr, $changes:expr) => {
        $config
            .interceptor(Attempts { pacer: $pacer.clone(), changes: $changes.clone() })
            .interceptor(Marked)
            .interceptor(Genuine)
            .retry_classifier(Worth)
            .retry_partition(no_quota())
            .build()
    };
}

macro_rules! clients {
    ($($service:ident: $sdk:ident, $what:literal;)*) => {$(
        #[doc = concat!("The client of ", $what, ".")]
        ///
        /// # Errors
        /// When no region is configured, or when a variable that should name a proxy does not.
        pub async fn $service(&self) -> Result<&$sdk::Client> {
            let client = self.inner.$service.get_or_try_init(|| async {
                let (config, pacer) = self.configuration().await?;
                let config = $sdk::config::Builder::from(config);
                let config = with_rules!(config, pacer, self.inner.changes);
                Ok::<_, Failure>($sdk::Client::from_conf(config))
            });
            client.await
        }
    )*};
}

macro_rules! untyped_clients {
    ($($service:ident: $protocol:ident, $constant:ident, $what:literal;)*) => {$(
        #[doc = concat!("The client of ", $what, ".")]
        ///
        /// # Errors
        /// When no region is configured, or when a variable that should name a proxy does not.
        pub async fn $service(&self) -> Result<&untyped::Client<untyped::$protocol>> {
            let client = self.inner.$service.get_or_try_init(|| async {
                let (config, pacer) = self.configuration().await?;
                let client = untyped::Builder::new(config, &untyped::$constant);
                Ok::<_, Failure>(with_rules!(client, pacer, self.inner.changes))
            });
            client.await
        }
    )*};
}

impl Aws {
    /// The clients of `target`, or of the simulated cloud in this process.
    #[must_use]
    pub fn connect(target: Target, embedded: Option<Embedded>) -> Self {
        // Simulated time does not go on while the machine sleeps.
        let wall = embedded.is_none().then(|| SharedTimeSource::new(SystemTimeSource::new()));
        let changes = Arc::<Changes>::default();
        let inner = Arc::new_cyclic(|inner| Inner {
            target,
            embedded,
            fence: Arc::new(Fence::new(wall)),
            config: OnceCell::new(),
            identity: OnceCell::new(),
            autoscaling: OnceCell::new(),
            cloudwatchlogs: OnceCell::new(),
            ec2: OnceCell::new(),
            ecr: Mutex::default(),
            ecs: OnceCell::new(),
            elbv2: OnceCell::new(),
            iam: OnceCell::new(),
            kms: OnceCell::new(),
            resourcegroupstagging: OnceCell::new(),
            secretsmanager: OnceCell::new(),
            ssm: OnceCell::new(),
            sts: OnceCell::new(),
            keys: Mutex::default(),
            reads: Reads::new(inner, &changes),
            changes,
        });
        Self { inner }
    }

    pub(crate) const fn from_inner(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Reads that the steps of a run share.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.inner.reads
    }

    clients! {
        ecs: aws_sdk_ecs, "ECS";
        iam: aws_sdk_iam, "IAM";
        secretsmanager: aws_sdk_secretsmanager, "Secrets Manager";
        ssm: aws_sdk_ssm, "Systems Manager";
        sts: aws_sdk_sts, "STS";
    }

    untyped_clients! {
        autoscaling: Json, APPLICATION_AUTO_SCALING, "Application Auto Scaling";
        cloudwatchlogs: Json, CLOUDWATCH_LOGS, "CloudWatch Logs";
        ec2: Ec2Query, EC2, "EC2";
        elbv2: Query, ELBV2, "Elastic Load Balancing";
        kms: Json, KMS, "KMS";
        resourcegroupstagging: Json, TAGGING, "the Resource Groups Tagging API";
    }

    /// The client of ECR in the region of a registry, which may be another one than that of the other clients.
    ///
    /// # Errors
    /// When no region is configured, or when a variable that should name a proxy does not.
    pub async fn ecr(&self, registry: &EcrRegistry<'_>) -> Result<untyped::Client<untyped::Json>> {
        let (config, pacer) = self.configuration().await?;
        let place = (registry.region.to_owned(), registry.fips);
        let mut clients = self.inner.ecr.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(place).or_insert_with(|| {
            let mut there = config.to_builder().region(Region::new(registry.region.to_owned()));
            if registry.fips && config.endpoint_url().is_none() {
                there.set_use_fips(Some(true));
            }
            let client = untyped::Builder::new(&there.build(), &untyped::ECR);
            with_rules!(client, pacer, self.inner.changes)
        });
        Ok(client.clone())
    }

    /// Returns true if the calls go to the simulated cloud in this process.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.inner.embedded.is_some()
    }

    /// What lets the run's changes through: all of them, unless the run uses the stack's [`Lock`](crate::Lock).
    #[must_use]
    pub fn fence(&self) -> &Arc<Fence> {
        &self.inner.fence
    }

    /// The clock with which requests are signed.
    pub(crate) fn wall(&self) -> SharedTimeSource {
        let system = || SharedTimeSource::new(SystemTimeSource::new());
        self.inner.embedded.as_ref().map_or_else(system, |embedded| embedded.time_source.clone())
    }

    /// The region that the calls go to.
    ///
    /// # Errors
    /// When none is configured.
    pub async fn region(&self) -> Result<&str> {
        Ok(region_of(self.config().await?).unwrap_or_default())
    }

    /// The URL that all calls go to instead of AWS's own, if one is configured. One that is configured for a single
    /// service does not show here.
    ///
    /// # Errors
    /// When no region is configured, or when a variable that should name a proxy does not.
    pub async fn endpoint(&self) -> Result<Option<&str>> {
        Ok(self.config().await?.endpoint_url())
    }

    /// Returns the caller's identity. It is requested once.
    ///
    /// # Errors
    /// When there are no credentials, or when they are refused.
    pub async fn identity(&self) -> Result<&Identity> {
        self.inner.identity.get_or_try_init(|| async { Identity::of(self.sts().await?).await }).await
    }

    /// Makes sure that the calls reach the account `expected`.
    ///
    /// # Errors
    /// When they would reach another one, or when it cannot be found out.
    pub async fn guard_account(&self, expected: &str) -> Result<()> {
        self.identity().await?.guard(expected)
    }

    /// The ARN of the key that `reference` names, if it was asked for before.
    pub(crate) fn known_key(&self, reference: &str) -> Option<String> {
        self.inner.keys.lock().unwrap_or_else(PoisonError::into_inner).get(reference).cloned()
    }

    pub(crate) fn remember_key(&self, reference: &str, arn: &str) {
        let mut keys = self.inner.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(reference.to_owned(), arn.to_owned());
    }

    async fn config(&self) -> Result<&SdkConfig> {
        Ok(&self.configuration().await?.0)
    }

    /// Boxed, so that the futures of plugins do not contain the loading of the configuration: the compiler would prove
    /// of each of them anew that all of it is `Send`.
    fn configuration(&self) -> BoxFuture<'_, Result<&(SdkConfig, Arc<Pacer>)>> {
        let inner = &self.inner;
        let load = || async {
            // A simulation has to be the same each time.
            let chance = if self.is_embedded() { Chance::from_seed(0) } else { Chance::real() };
            let pacer = Arc::new(Pacer::new(&inner.target.rates, chance));
            let config = match &inner.embedded {
                Some(embedded) => embedded_config(&inner.target, embedded, &pacer, &inner.fence),
                None => {
                    Proxies::of_environment()?;
                    load(&inner.target, &pacer, &inner.fence).await?
                }
            };
            if region_of(&config).is_some() { Ok((config, pacer)) } else { Err(no_region(&inner.target)) }
        };
        inner.config.get_or_try_init(load).boxed()
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws")
            .field("target", &self.inner.target)
            .field("embedded", &self.is_embedded())
            .finish_non_exhaustive()
    }
}

fn region_of(config: &SdkConfig) -> Option<&str> {
    config.region().map(Region::as_ref).filter(|region| !region.is_empty())
}

fn no_region(target: &Target) -> Failure {
    let whose = match &target.profile {
        Some(profile) => format!("no AWS region is configured, and the profile `{profile}` names none"),
        None => "no AWS region is configured".to_owned(),
    };
    Failure::new(FailureKind::Invalid, whose).at("aws.region").help(
        "set `aws.region` in the configuration, the environment variable AWS_REGION, or `region` in the AWS profile",
    )
}

/// The SDK would stop trying when many calls fail, whatever became of them in the end.
fn no_quota() -> RetryPartition {
    RetryPartition::custom("longshore").token_bucket(TokenBucket::unlimited()).build()
}

fn paced(pacer: &Arc<Pacer>, identities: impl ResolveCachedIdentity + 'static) -> SharedIdentityCache {
    let identities = SharedIdentityCache::new(identities);
    SharedIdentityCache::new(PacedIdentities { pacer: pacer.clone(), identities })
}

/// The configuration for AWS or an emulator, by the rules of the SDK.
async fn load(target: &Target, pacer: &Arc<Pacer>, fence: &Arc<Fence>) -> Result<SdkConfig> {
    let profile = Profile::find(target.profile.as_deref(), target.test_credentials).await?;
    let trust = trust(profile.as_ref()).await?;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(transport::READ_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(fenced(transport::named(transport::network(trust)), fence.clone()))
        .identity_cache(paced(pacer, IdentityCache::lazy().load_timeout(CREDENTIALS_TIMEOUT).build()))
        .sleep_impl(TokioSleep::new())
        .retry_config(retries())
        .timeout_config(timeouts);
    if let Some(region) = &target.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &target.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &target.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if target.test_credentials {
        loader = loader.credentials_provider(Credentials::from_keys("test", "test", None));
    }
    let config = loader.load().await;
    let config = match &target.shared_endpoint {
        // Nothing that a profile says leads elsewhere: an environment that is simulated must not reach AWS.
        Some(shared) if target.endpoint.is_none() => {
            let mut config = config.into_builder();
            config.insert_origin("endpoint_url", Origin::shared_environment_variable());
            config.endpoint_url(shared).build()
        }
        _ => config,
    };
    Ok(with_credentials(config, profile, target.profile.is_some(), target.assume_role.as_ref()))
}

/// Returns the certificates that calls to AWS trust, as all AWS tools do: those in the file that `AWS_CA_BUNDLE` or the
/// profile names, in place of the system's.
async fn trust(profile: Option<&Profile>) -> Result<Trust> {
    let of_profile = profile.and_then(|profile| {
        let at = format!("ca_bundle of the AWS profile {}", profile.name);
        Some((at, profile.ca_bundle.clone()?))
    });
    let of_environment = set("AWS_CA_BUNDLE").map(|file| ("AWS_CA_BUNDLE".to_owned(), file));
    let Some((at, file)) = of_environment.or(of_profile) else { return Ok(Trust::of_system()) };
    let fail = |what: String| {
        Failure::new(FailureKind::Invalid, format!("the file {file} {what}")).at(at).help(
            "name a file with certificates of authorities in PEM format; it replaces the system's for calls to AWS",
        )
    };
    match read_file(Path::new(&file), CERTIFICATES_LIMIT).await {
        Ok(pem) => Trust::in_pem(&pem)
            .ok_or_else(|| fail("cannot be used: there is no certificate in PEM format".to_owned())),
        Err(error) => Err(fail(format!("cannot be read: {error}"))),
    }
}

/// The configuration for the simulated cloud in this process. It looks at neither the environment nor any file: what a
/// developer has set up for AWS must not leak into a simulation, nor a simulation into AWS.
fn embedded_config(
    target: &Target,
    embedded: &Embedded,
    pacer: &Arc<Pacer>,
    fence: &Arc<Fence>,
) -> SdkConfig {
    let region = target.region.clone().unwrap_or_else(|| EMBEDDED_REGION.to_owned());
    let credentials = Credentials::from_keys("longshore", "longshore", None);
    let mut config = SdkConfig::builder();
    // A test that plays an emulator is addressed as one.
    config.set_endpoint_url(target.endpoint.clone());
    config
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // The credentials are fixed: a cache would only add a timer.
        .identity_cache(paced(pacer, IdentityCache::no_cache()))
        .http_client(fenced(transport::named(embedded.http_client.clone()), fence.clone()))
        .time_source(embedded.time_source.clone())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(retries())
        .timeout_config(TimeoutConfig::disabled())
        // It measures the throughput of streams, of which there are none here, with a timer of its own.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

#[cfg(test)]
mod tests;
