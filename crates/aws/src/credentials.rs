//! The credentials that calls are signed with: those of the declared profile, or what the SDK finds, and the role that is
//! assumed with them.

use std::{
    collections::BTreeSet,
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use aws_config::{
    ecs::EcsCredentialsProvider,
    identity::IdentityCache,
    imds::credentials::ImdsCredentialsProvider,
    meta::credentials::CredentialsProviderChain,
    profile::{ProfileFileCredentialsProvider, ProfileSet},
    provider_config::ProviderConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_smithy_types::retry::RetryConfig;
use aws_types::{
    SdkConfig,
    os_shim_internal::{Env, Fs},
};
use longshore_model::{AssumedRole, Failure, FailureKind, closest};
use longshore_net::read_file;

use crate::failure::{chain, failure, of_credentials};

/// The session name of an assumed role if the configuration sets none.
const SESSION_NAME: &str = "longshore";

/// The keys of a profile that say where its credentials come from.
const CREDENTIALS: [&str; 7] = [
    "aws_access_key_id",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "credential_process",
    "web_identity_token_file",
    "login_session",
];

/// The variables that name files which the SDK reads, on threads of the runtime and without a limit.
const READ_BY_THE_SDK: [&str; 4] = [
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// The largest of these files, in bytes.
const LARGEST: usize = 4 << 20;

/// Requires that a file, if it is there, is a regular one that can be read: a pipe would block the SDK for ever. The null
/// device is the usual way to name no file.
async fn require_regular(at: &str, file: &str) -> Result<(), Failure> {
    match read_file(Path::new(file), LARGEST).await {
        // The SDK reports a file that may not be read, if it needs it.
        Err(error)
            if file != "/dev/null"
                && !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
        {
            let message = format!("the file {file} cannot be read: {error}");
            Err(Failure::new(FailureKind::Invalid, message).at(at).help("name a regular file"))
        }
        _ => Ok(()),
    }
}

/// The profile that the run uses.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: String,
    /// The file of certificates that the profile names.
    pub(crate) ca_bundle: Option<String>,
    has_credentials: bool,
    pub(crate) is_sso: bool,
}

impl Profile {
    /// Finds the profile `declared`, or else the one that `AWS_PROFILE` names or the one called `default`.
    ///
    /// # Errors
    /// If the declared profile is not in the files, or if the one in `AWS_PROFILE` is not and nothing else names credentials.
    pub(crate) async fn find(
        declared: Option<&str>,
        test_credentials: bool,
    ) -> Result<Option<Self>, Failure> {
        for variable in READ_BY_THE_SDK {
            if let Some(file) = set(variable) {
                require_regular(variable, &file).await?;
            }
        }
        let selected = declared.map(|name| name.to_owned().into());
        let files = Default::default();
        let loaded = aws_config::profile::load(&Fs::real(), &Env::real(), &files, selected).await;
        let of_environment = set("AWS_PROFILE");
        let must_be_there = declared.is_some()
            || of_environment.is_some() && !test_credentials && set("AWS_ACCESS_KEY_ID").is_none();
        let (at, wanted) = match (declared, &of_environment) {
            (Some(name), _) => ("aws.profile", name),
            (None, Some(name)) => ("AWS_PROFILE", name.as_str()),
            (None, None) => ("AWS_PROFILE", "default"),
        };
        match loaded {
            Ok(profiles) => match profiles.get_profile(wanted) {
                Some(profile) => {
                    if let Some(file) = profile.get("web_identity_token_file") {
                        require_regular(&format!("the AWS profile {wanted}"), file).await?;
                    }
                    Ok(Some(Self {
                        name: wanted.to_owned(),
                        ca_bundle: profile
                            .get("ca_bundle")
                            .map(str::to_owned)
                            .filter(|file| !file.is_empty()),
                        has_credentials: CREDENTIALS.iter().any(|key| profile.get(key).is_some()),
                        is_sso: is_sso(&profiles, wanted),
                    }))
                }
                None if must_be_there => Err(missing(wanted, &profiles).at(at)),
                None => Ok(None),
            },
            Err(error) if must_be_there => {
                let message = format!("the AWS configuration files cannot be read: {}", chain(&error));
                Err(Failure::new(FailureKind::Invalid, message)
                    .at(at)
                    .help(format!("correct {}", looked_at())))
            }
            // Nothing is wanted of them.
            Err(_) => Ok(None),
        }
    }
}

/// Returns the value of a variable of the environment, if it is not empty.
pub(crate) fn set(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

/// Returns the failure of a profile that is not there.
fn missing(name: &str, profiles: &ProfileSet) -> Failure {
    let meant = closest(name, profiles.profiles()).map(|meant| format!("did you mean `{meant}`? "));
    let help = format!(
        "{}Longshore looked in {}; `aws configure list-profiles` lists the profiles there",
        meant.unwrap_or_default(),
        looked_at()
    );
    Failure::new(FailureKind::Invalid, format!("there is no AWS profile `{name}`")).help(help)
}

/// Returns the paths of the files that have profiles.
fn looked_at() -> String {
    let path = |variable: &str, name: &str| match (set(variable), std::env::home_dir()) {
        (Some(path), _) => path,
        (None, Some(home)) => home.join(".aws").join(name).display().to_string(),
        (None, None) => PathBuf::from("~/.aws").join(name).display().to_string(),
    };
    let config = path("AWS_CONFIG_FILE", "config");
    format!("{config} and {}", path("AWS_SHARED_CREDENTIALS_FILE", "credentials"))
}

/// Returns `true` if a profile has its credentials from a session of IAM Identity Center, itself or by way of others.
fn is_sso(profiles: &ProfileSet, name: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = Some(name);
    while let Some(profile) =
        next.filter(|name| seen.insert(*name)).and_then(|name| profiles.get_profile(name))
    {
        if profile.get("sso_session").or_else(|| profile.get("sso_start_url")).is_some() {
            return true;
        }
        next = profile.get("source_profile");
    }
    false
}

/// Gives `config` the credentials of the declared profile, if there is one, and those of the assumed role.
pub(crate) fn with_credentials(
    config: SdkConfig,
    profile: Option<Profile>,
    is_declared: bool,
    role: Option<&AssumedRole>,
) -> SdkConfig {
    let found = match &profile {
        Some(profile) if is_declared => Some(of_profile(&config, profile)),
        _ => config.credentials_provider(),
    };
    let Some(found) = found else { return config };
    let explained = SharedCredentialsProvider::new(Explained { found, profile });
    let config = config.into_builder().credentials_provider(explained).build();
    match role {
        Some(role) => {
            let assumed = SharedCredentialsProvider::new(AssumeRole::new(&config, role.clone()));
            config.into_builder().credentials_provider(assumed).build()
        }
        None => config,
    }
}

/// Returns the credentials of a declared profile: those of the environment do not count. One without credentials stands for
/// those of the task or instance, as with the AWS command line.
fn of_profile(config: &SdkConfig, profile: &Profile) -> SharedCredentialsProvider {
    let mut providers = ProviderConfig::without_region()
        .with_region(config.region().cloned())
        .with_use_fips(config.use_fips())
        .with_use_dual_stack(config.use_dual_stack());
    if let Some(client) = config.http_client() {
        providers = providers.with_http_client(client);
    }
    if profile.has_credentials {
        let files = ProfileFileCredentialsProvider::builder().configure(&providers);
        return SharedCredentialsProvider::new(files.profile_name(&profile.name).build());
    }
    let task = EcsCredentialsProvider::builder().configure(&providers).build();
    let instance = ImdsCredentialsProvider::builder().configure(&providers).build();
    SharedCredentialsProvider::new(
        CredentialsProviderChain::first_try("EcsContainer", task).or_else("Ec2InstanceMetadata", instance),
    )
}

/// The failure to obtain credentials, with a hint.
#[derive(Clone, Debug)]
pub(crate) struct NoCredentials(pub(crate) Failure);

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for NoCredentials {}

impl From<NoCredentials> for CredentialsError {
    fn from(error: NoCredentials) -> Self {
        Self::provider_error(error)
    }
}

/// Credentials whose errors name the profile.
#[derive(Debug)]
struct Explained {
    found: SharedCredentialsProvider,
    profile: Option<Profile>,
}

impl ProvideCredentials for Explained {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.found
                .provide_credentials()
                .await
                .map_err(|error| NoCredentials(of_credentials(&error, self.profile.as_ref())).into())
        })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.found.fallback_on_interrupt()
    }
}

/// The role that is assumed with the credentials found. The SDK's cache asks again before a session ends.
#[derive(Debug)]
struct AssumeRole {
    sts: aws_sdk_sts::Client,
    role: AssumedRole,
}

impl AssumeRole {
    fn new(config: &SdkConfig, role: AssumedRole) -> Self {
        // The identity cache of `config` waits for the pacer, which is for the calls of the run. This call is not one
        // of them.
        let config = config
            .to_builder()
            .identity_cache(IdentityCache::lazy().build())
            .retry_config(RetryConfig::standard())
            .build();
        Self { sts: aws_sdk_sts::Client::new(&config), role }
    }

    async fn assume(&self) -> provider::Result {
        let AssumedRole { arn, external_id, session_name, duration_seconds } = &self.role;
        let at = format!("sts:AssumeRole {arn}");
        let no_credentials = |failure: Failure| CredentialsError::from(NoCredentials(failure));
        let answer = self
            .sts
            .assume_role()
            .role_arn(arn)
            .role_session_name(session_name.as_deref().unwrap_or(SESSION_NAME))
            .set_external_id(external_id.clone())
            .set_duration_seconds(duration_seconds.and_then(|seconds| seconds.try_into().ok()))
            .send()
            .await
            .map_err(|error| {
                let failed = failure(&error, &at);
                let is_denied = error.as_service_error().is_some() && failed.kind == FailureKind::Denied;
                no_credentials(if is_denied { failed.help(allow_assuming(&self.role)) } else { failed })
            })?;
        let session = answer.credentials.and_then(|session| {
            let ends = SystemTime::try_from(session.expiration).ok()?;
            let keys = (session.access_key_id, session.secret_access_key);
            Some(Credentials::new(keys.0, keys.1, Some(session.session_token), Some(ends), "AssumeRole"))
        });
        session.ok_or_else(|| {
            no_credentials(Failure::new(FailureKind::Unavailable, "the answer has no credentials").at(at))
        })
    }
}

impl ProvideCredentials for AssumeRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}

/// Returns what to do where a role may not be assumed.
fn allow_assuming(role: &AssumedRole) -> String {
    let external_id = match &role.external_id {
        Some(_) => "",
        None => "; where the policy asks for an external id, set `aws.assume-role.external-id`",
    };
    format!(
        "allow `sts:AssumeRole` on this role to the caller, and name the caller in the role's trust policy{external_id}"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_config::{BehaviorVersion, Region};
    use aws_smithy_async::{
        rt::sleep::{SharedAsyncSleep, TokioSleep},
        time::{SharedTimeSource, SystemTimeSource},
    };
    use aws_smithy_runtime_api::{
        client::{
            http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
            orchestrator::{HttpRequest, HttpResponse},
        },
        http::StatusCode,
    };
    use aws_smithy_types::body::SdkBody;

    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/deploy";

    /// STS, which grants sessions until `end` to calls with the base credentials.
    #[derive(Clone, Debug)]
    struct Sts {
        end: Option<&'static str>,
        /// The access keys of the calls.
        callers: Arc<Mutex<Vec<String>>>,
    }

    impl HttpConnector for Sts {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let signature = request.headers().get("authorization").unwrap_or_default();
            let (_, caller) = signature.split_once("Credential=").unwrap();
            let caller = caller.split('/').next().unwrap().to_owned();
            let (status, answer) = match (caller.as_str(), self.end) {
                ("AKIABASE", Some(end)) => (
                    200,
                    format!(
                        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
                         <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                         <Expiration>{end}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
                    ),
                ),
                ("AKIABASE", None) => (
                    403,
                    "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::1:user/ci is not \
                     authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"
                        .to_owned(),
                ),
                _ => (200, "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>".to_owned()),
            };
            self.callers.lock().unwrap().push(caller);
            let status = StatusCode::try_from(status).unwrap();
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(answer))))
        }
    }

    /// A client with the role assumed, and the access keys that call with it.
    fn assuming(end: Option<&'static str>) -> (aws_sdk_sts::Client, Arc<Mutex<Vec<String>>>) {
        let sts = Sts { end, callers: Arc::default() };
        let callers = sts.callers.clone();
        let base = Credentials::from_keys("AKIABASE", "x", None);
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(base))
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(sts.clone())))
            .identity_cache(IdentityCache::lazy().build())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SharedTimeSource::new(SystemTimeSource::new()))
            .build();
        let role = AssumedRole { arn: ROLE.to_owned(), ..AssumedRole::default() };
        let config = with_credentials(config, None, false, Some(&role));
        (aws_sdk_sts::Client::new(&config), callers)
    }

    #[tokio::test]
    async fn role_is_assumed_again_when_its_session_ends() {
        for (end, expected) in [
            ("2099-01-01T00:00:00Z", ["AKIABASE", "ASIAROLE", "ASIAROLE"].as_slice()),
            ("2020-01-01T00:00:00Z", ["AKIABASE", "ASIAROLE", "AKIABASE", "ASIAROLE"].as_slice()),
        ] {
            let (client, callers) = assuming(Some(end));
            for _ in 0..2 {
                client.get_caller_identity().send().await.unwrap();
            }
            assert_eq!(*callers.lock().unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn role_that_may_not_be_assumed_is_named() {
        let (client, _) = assuming(None);
        let error = client.get_caller_identity().send().await.unwrap_err();
        let failure = failure(&error, "sts:GetCallerIdentity");
        assert_eq!(failure.at, Some(format!("sts:AssumeRole {ROLE}")));
        assert!(failure.message.contains("not authorized to perform: sts:AssumeRole"), "{failure}");
    }
}
