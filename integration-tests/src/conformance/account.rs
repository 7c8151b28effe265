//! An account as a case sees it: clients, names that no other case has, and waiting.

use std::{
    future::Future,
    ops::Deref,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::time::SharedTimeSource;
use aws_types::SdkConfig;
use longshore_aws::untyped;

use super::{Answer, Refused, untyped::Untyped};

/// The clients of one caller, with its credentials.
#[derive(Clone, Debug)]
pub struct Clients {
    config: SdkConfig,
    pub(super) autoscaling: Untyped<untyped::Json>,
    pub(super) ec2: Untyped<untyped::Ec2Query>,
    pub(super) ecr: Untyped<untyped::Json>,
    pub(super) elbv2: Untyped<untyped::Query>,
    pub(super) ecs: aws_sdk_ecs::Client,
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) kms: aws_sdk_kms::Client,
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) secrets: aws_sdk_secretsmanager::Client,
    pub(super) ssm: aws_sdk_ssm::Client,
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) tagging: aws_sdk_resourcegroupstagging::Client,
}

impl Clients {
    /// The clients that a configuration makes.
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self {
            autoscaling: Untyped::new(config, &untyped::APPLICATION_AUTO_SCALING),
            ec2: Untyped::new(config, &untyped::EC2),
            ecr: Untyped::new(config, &untyped::ECR),
            elbv2: Untyped::new(config, &untyped::ELBV2),
            ecs: aws_sdk_ecs::Client::new(config),
            iam: aws_sdk_iam::Client::new(config),
            kms: aws_sdk_kms::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
            tagging: aws_sdk_resourcegroupstagging::Client::new(config),
            config: config.clone(),
        }
    }

    /// The region of the calls.
    pub(super) fn region(&self) -> &str {
        self.config.region().map(Region::as_ref).unwrap_or_default()
    }

    /// The same clients in another region.
    pub(super) fn in_region(&self, region: &'static str) -> Self {
        Self::new(&self.config.to_builder().region(Region::from_static(region)).build())
    }

    /// The same clients with the credentials of a session.
    pub(super) fn with(&self, credentials: &aws_sdk_sts::types::Credentials) -> Self {
        let token = Some(credentials.session_token().to_owned());
        let (id, secret) = (credentials.access_key_id(), credentials.secret_access_key());
        let provider = SharedCredentialsProvider::new(Credentials::new(id, secret, token, None, "a session"));
        Self::new(&self.config.to_builder().credentials_provider(provider).build())
    }
}

/// The part that the clients of all clouds but real ones have in common: nothing of the environment, and short waits
/// between the attempts. (A few are needed: LocalStack breaks now and then when it is asked two things at a time.)
pub(super) fn plain_config() -> aws_types::sdk_config::Builder {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(super::REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("test", "test", None)))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(20)))
        .identity_cache(aws_config::identity::IdentityCache::no_cache())
        .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
}

/// The time of a cloud, and how long it may take to let something come about.
#[derive(Clone, Debug)]
pub(super) struct Time {
    /// The cloud's time.
    pub(super) source: SharedTimeSource,
    /// The pause before the next look.
    pub(super) interval: Duration,
    /// The number of looks.
    pub(super) attempts: u32,
}

/// The account of a cloud, for one case.
#[derive(Clone, Debug)]
pub struct Account {
    clients: Arc<Clients>,
    suffix: Arc<str>,
    time: Time,
}

impl Account {
    pub(super) fn new(clients: Arc<Clients>, suffix: String, time: Time) -> Self {
        Self { clients, suffix: suffix.into(), time }
    }

    /// A name that is not in use: short, of lower-case letters, digits and hyphens, and not like the end of an ARN.
    pub(super) fn name(&self, what: &str) -> String {
        format!("{what}-{}", self.suffix)
    }

    /// The time at the cloud.
    pub(super) fn now(&self) -> SystemTime {
        self.time.source.now()
    }

    /// Looks until something has come about.
    ///
    /// # Errors
    /// When it does not, or when looking is refused.
    pub(super) async fn until<T, F>(&self, what: &'static str, look: impl Fn() -> F) -> Result<T, Refused>
    where
        F: Future<Output = Result<Option<T>, Refused>>,
    {
        for _ in 0..self.time.attempts {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            tokio::time::sleep(self.time.interval).await;
        }
        Err(Refused::Never(what))
    }

    /// Looks until the answer is the expected one; where it does not become so, it is the last one.
    ///
    /// # Errors
    /// When looking is refused.
    pub(super) async fn settles<F>(&self, expected: &str, look: impl Fn() -> F) -> Answer
    where
        F: Future<Output = Answer>,
    {
        for _ in 1..self.time.attempts {
            let answer = look().await?;
            if answer == expected {
                return Ok(answer);
            }
            tokio::time::sleep(self.time.interval).await;
        }
        look().await
    }
}

impl Deref for Account {
    type Target = Clients;

    fn deref(&self) -> &Clients {
        &self.clients
    }
}
