//! The SDK's clients, built when they are first needed.

use std::{fmt, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::{
    rt::sleep::{SharedAsyncSleep, TokioSleep},
    time::SharedTimeSource,
};
use aws_smithy_runtime_api::client::{
    http::SharedHttpClient, identity::SharedIdentityCache,
    stalled_stream_protection::StalledStreamProtectionConfig,
};
use aws_types::SdkConfig;
use longshore_model::{AwsTarget, Failure, FailureKind};
use longshore_plugin::Result;
use tokio::sync::OnceCell;

use crate::{Identity, transport};

/// How often a call is sent at most, the first time included. The SDK waits in between, longer each time.
const ATTEMPTS: u32 = 5;

/// How long a connection may take to come about: long enough for a proxy, short enough to notice a wrong endpoint.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the first byte of an answer may take. AWS's control planes answer in seconds.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The region of the embedded simulated cloud, where none is configured.
const EMBEDDED_REGION: &str = "us-east-1";

/// Where the calls go, as far as the configuration says; the rest is found as every AWS SDK finds it: environment
/// variables, the shared configuration files, the instance or task that the program runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The region.
    pub region: Option<String>,
    /// The profile of the shared configuration files.
    pub profile: Option<String>,
    /// The URL of an emulator or a proxy. It goes before `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
    /// Signs with the credentials `test`/`test`, as emulators take them, instead of looking for credentials.
    pub test_credentials: bool,
}

impl From<&AwsTarget> for Target {
    fn from(target: &AwsTarget) -> Self {
        let AwsTarget { region, profile, endpoint, account: _ } = target.clone();
        Self { region, profile, endpoint, test_credentials: false }
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

/// The AWS clients of a run. Clones share everything.
///
/// Nothing is read and nothing is called before the first client is asked for, so that commands which need no AWS work
/// without a region and without credentials.
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

struct Inner {
    target: Target,
    embedded: Option<Embedded>,
    config: OnceCell<SdkConfig>,
    identity: OnceCell<Identity>,
    cloudwatchlogs: OnceCell<aws_sdk_cloudwatchlogs::Client>,
    ec2: OnceCell<aws_sdk_ec2::Client>,
    ecs: OnceCell<aws_sdk_ecs::Client>,
    iam: OnceCell<aws_sdk_iam::Client>,
    secretsmanager: OnceCell<aws_sdk_secretsmanager::Client>,
    sts: OnceCell<aws_sdk_sts::Client>,
}

macro_rules! clients {
    ($($service:ident: $sdk:ident, $what:literal;)*) => {$(
        #[doc = concat!("The client of ", $what, ".")]
        ///
        /// # Errors
        /// When no region is configured.
        pub async fn $service(&self) -> Result<&$sdk::Client> {
            let client = self.inner.$service.get_or_try_init(|| async {
                Ok::<_, Failure>($sdk::Client::new(self.config().await?))
            });
            client.await
        }
    )*};
}

impl Aws {
    /// The clients of `target`, or of the simulated cloud in this process.
    #[must_use]
    pub fn connect(target: Target, embedded: Option<Embedded>) -> Self {
        Self {
            inner: Arc::new(Inner {
                target,
                embedded,
                config: OnceCell::new(),
                identity: OnceCell::new(),
                cloudwatchlogs: OnceCell::new(),
                ec2: OnceCell::new(),
                ecs: OnceCell::new(),
                iam: OnceCell::new(),
                secretsmanager: OnceCell::new(),
                sts: OnceCell::new(),
            }),
        }
    }

    clients! {
        cloudwatchlogs: aws_sdk_cloudwatchlogs, "CloudWatch Logs";
        ec2: aws_sdk_ec2, "EC2";
        ecs: aws_sdk_ecs, "ECS";
        iam: aws_sdk_iam, "IAM";
        secretsmanager: aws_sdk_secretsmanager, "Secrets Manager";
        sts: aws_sdk_sts, "STS";
    }

    /// Whether the calls go to the simulated cloud in this process.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.inner.embedded.is_some()
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
    /// When no region is configured.
    pub async fn endpoint(&self) -> Result<Option<&str>> {
        Ok(self.config().await?.endpoint_url())
    }

    /// Who the caller is. Asked once.
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

    async fn config(&self) -> Result<&SdkConfig> {
        let inner = &self.inner;
        let config = inner.config.get_or_try_init(|| async {
            let config = match &inner.embedded {
                Some(embedded) => embedded_config(&inner.target, embedded),
                None => load(&inner.target).await,
            };
            if region_of(&config).is_some() { Ok(config) } else { Err(no_region(&inner.target)) }
        });
        config.await
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

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS)
}

/// The configuration for AWS or an emulator, by the rules of the SDK.
async fn load(target: &Target) -> SdkConfig {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(transport::named(transport::https(target.endpoint.as_deref())))
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
    loader.load().await
}

/// The configuration for the simulated cloud in this process. It looks at neither the environment nor any file: what a
/// developer has set up for AWS must not leak into a simulation, nor a simulation into AWS.
fn embedded_config(target: &Target, embedded: &Embedded) -> SdkConfig {
    let region = target.region.clone().unwrap_or_else(|| EMBEDDED_REGION.to_owned());
    let credentials = Credentials::from_keys("longshore", "longshore", None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(no_identity_cache())
        .http_client(transport::named(embedded.http_client.clone()))
        .time_source(embedded.time_source.clone())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(retries())
        .timeout_config(TimeoutConfig::disabled())
        // It measures the throughput of streams, of which there are none here, with a timer of its own.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// The credentials are fixed: a cache would only add a timer.
fn no_identity_cache() -> SharedIdentityCache {
    aws_config::identity::IdentityCache::no_cache()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_credential_types::provider::error::CredentialsError;
    use aws_smithy_async::time::SystemTimeSource;
    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    };
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;
    use crate::failure;

    /// Answers every request the same way, and keeps how the requests look in a log.
    #[derive(Clone)]
    struct Answering {
        answer: fn() -> std::result::Result<HttpResponse, ConnectorError>,
        seen: Arc<Mutex<Vec<String>>>,
    }

    impl fmt::Debug for Answering {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Answering")
        }
    }

    impl HttpConnector for Answering {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            self.seen.lock().unwrap().push(format!("{request:?}"));
            HttpConnectorFuture::ready((self.answer)())
        }
    }

    fn connect(
        answer: fn() -> std::result::Result<HttpResponse, ConnectorError>,
    ) -> (Aws, Arc<Mutex<Vec<String>>>) {
        let seen = Arc::default();
        let connector = Answering { answer, seen: Arc::clone(&seen) };
        let http_client = http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone()));
        let time_source = SharedTimeSource::new(SystemTimeSource::new());
        (Aws::connect(Target::default(), Some(Embedded { http_client, time_source })), seen)
    }

    fn answer(status: u16, body: &'static str) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
    }

    /// Collects what is logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_sent_and_received_but_logged_at_no_level() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        // For all threads: what is enabled is remembered for each place that logs, whichever thread comes first.
        tracing::subscriber::set_global_default(subscriber).unwrap();
        let (aws, seen) = connect(|| Ok(answer(200, "{}")));
        let client = aws.secretsmanager().await.unwrap();
        client.create_secret().name("x").secret_string("ghp_sent").send().await.unwrap();
        client.put_secret_value().secret_id("x").secret_string("ghp_sent").send().await.unwrap();
        let (aws, _) = connect(|| Ok(answer(200, r#"{"SecretString":"ghp_stored"}"#)));
        let client = aws.secretsmanager().await.unwrap();
        let got = client.get_secret_value().secret_id("x").send().await.unwrap();
        assert_eq!(got.secret_string(), Some("ghp_stored"));

        let seen = seen.lock().unwrap().join("\n");
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(seen.contains("PutSecretValue") && log.contains("transmitting request"), "{seen} {log}");
        for text in [seen, log] {
            assert!(!text.contains("ghp_"), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_does_not_answer_is_named_after_five_attempts() {
        let (aws, seen) = connect(|| {
            let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
            Err(ConnectorError::io(refused.into()))
        });
        let client = aws.iam().await.unwrap();
        let error = client.get_role().role_name("x").send().await.unwrap_err();
        assert_eq!(seen.lock().unwrap().len(), 5);
        insta::assert_snapshot!(failure(&error, "iam:GetRole x"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_of_a_proxy_is_no_answer_of_aws() {
        let (aws, _) = connect(|| Ok(answer(200, "<html>Please log in</html>")));
        let client = aws.secretsmanager().await.unwrap();
        let error = client.describe_secret().secret_id("x").send().await.unwrap_err();
        insta::assert_snapshot!(failure(&error, "secretsmanager:DescribeSecret x"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_identity_is_asked_once() {
        let (aws, seen) = connect(|| {
            Ok(answer(
                200,
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws-cn:iam::1:user/ci</Arn>\
                 <UserId>U</UserId><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
            ))
        });
        aws.guard_account("1").await.unwrap();
        assert_eq!(aws.identity().await.unwrap().partition, "aws-cn");
        assert_eq!(aws.region().await.unwrap(), "us-east-1");
        assert_eq!(seen.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_missing_region_is_said_with_what_to_do() {
        let profile = Target { profile: Some("shop".to_owned()), ..Target::default() };
        insta::assert_snapshot!(format!("{}\n{}", no_region(&Target::default()), no_region(&profile)));
    }

    #[tokio::test]
    async fn an_endpoint_is_called_over_a_socket() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 65_536];
            let length = socket.read(&mut request).await.unwrap();
            let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\
                <GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/ci</Arn>\
                <Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
            socket.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let region = Some("eu-central-1".to_owned());
        let target = Target { region, endpoint: Some(endpoint), test_credentials: true, ..Target::default() };
        let aws = Aws::connect(target, None);
        assert_eq!(aws.identity().await.unwrap().account, "1");
        let request = server.await.unwrap();
        assert!(request.contains("Credential=test/") && request.contains("/eu-central-1/sts/"), "{request}");
    }

    #[tokio::test(start_paused = true)]
    async fn missing_credentials_are_said_as_such() {
        #[derive(Debug)]
        struct NoCredentials;
        impl aws_credential_types::provider::ProvideCredentials for NoCredentials {
            fn provide_credentials<'a>(
                &'a self,
            ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
            where
                Self: 'a,
            {
                aws_credential_types::provider::future::ProvideCredentials::ready(Err(
                    CredentialsError::not_loaded("no providers in chain provided credentials"),
                ))
            }
        }
        let (aws, seen) = connect(|| Ok(answer(200, "")));
        let config = aws.config().await.unwrap().to_builder();
        let config = config.credentials_provider(SharedCredentialsProvider::new(NoCredentials)).build();
        let client = aws_sdk_ecs::Client::new(&config);
        let error = client.list_clusters().send().await.unwrap_err();
        assert!(seen.lock().unwrap().is_empty());
        insta::assert_snapshot!(failure(&error, "ecs:ListClusters"));
    }
}
