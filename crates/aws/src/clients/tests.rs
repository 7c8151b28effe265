//! The clients against HTTP clients that answer as the tests want.

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
use crate::{failure, genuine::of_aws};

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
    let (aws, seen) = connect(|| Ok(of_aws(200, r#"{"ARN":"x"}"#)));
    let client = aws.secretsmanager().await.unwrap();
    client.create_secret().name("x").secret_string("ghp_sent").send().await.unwrap();
    client.put_secret_value().secret_id("x").secret_string("ghp_sent").send().await.unwrap();
    let (aws, _) = connect(|| Ok(of_aws(200, r#"{"SecretString":"ghp_stored"}"#)));
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
        Ok(of_aws(
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
        fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
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

/// The variables of a process cannot be changed safely while it runs: so this runs itself once more, with them.
#[tokio::test]
async fn nothing_is_sent_where_a_variable_that_should_name_a_proxy_does_not() {
    const AGAIN: &str = "LONGSHORE_TEST_AGAIN";
    const VALUE: &str = "http://a:hunter2@proxy example.com";
    if std::env::var_os(AGAIN).is_some() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
        let region = Some("eu-central-1".to_owned());
        let target = Target { region, endpoint, test_credentials: true, ..Target::default() };
        let failure = tokio::select! {
            found = async { Aws::connect(target, None).identity().await.map(drop) } => found.unwrap_err(),
            _ = listener.accept() => panic!("something is sent"),
        };
        assert_eq!((failure.kind, failure.at.as_deref()), (FailureKind::Invalid, Some("https_proxy")));
        assert!(!format!("{failure:?}").contains("hunter2"), "{failure}");
        return;
    }
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    let name = "clients::tests::nothing_is_sent_where_a_variable_that_should_name_a_proxy_does_not";
    again
        .args([name, "--exact", "--nocapture"])
        .env(AGAIN, "1")
        .env_remove("HTTPS_PROXY")
        .env("https_proxy", VALUE);
    let output = again.output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
}
