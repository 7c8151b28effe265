//! Changes and reads, with a fence that is open and one that is shut.

use std::{sync::atomic::AtomicUsize, time::Duration};

use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::http::http_client_fn;
use aws_smithy_types::byte_stream::ByteStream;
use longshore_model::FailureKind;
use tokio::time::{Instant, sleep};

use super::*;
use crate::{Aws, Embedded, Target, failure, genuine::of_aws};

/// Counts requests, and answers each of them with members of several operations.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicUsize>);

impl Counting {
    fn sent(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl HttpConnector for Counting {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        self.0.fetch_add(1, Ordering::Relaxed);
        let members = r#"{"clusterArns":[],"cluster":{},"Version":1}"#;
        HttpConnectorFuture::ready(Ok(of_aws(200, members)))
    }
}

fn connect() -> (Aws, Counting) {
    let counting = Counting::default();
    let connector = counting.clone();
    let http_client = http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone()));
    let time_source = SharedTimeSource::new(SystemTimeSource::new());
    (Aws::connect(Target::default(), Some(Embedded { http_client, time_source })), counting)
}

fn lost() -> Failure {
    Failure::new(FailureKind::Conflict, "the lock is lost").help("run this command again")
}

#[tokio::test(start_paused = true)]
async fn no_service_changes_anything_once_the_lock_is_lost() {
    let (aws, counting) = connect();
    aws.fence().end(lost());
    macro_rules! refused {
        ($($call:expr),* $(,)?) => {$(
            let refused = failure(&$call.send().await.unwrap_err(), "the:Call x");
            assert_eq!(refused, lost().at("the:Call x"));
        )*};
    }
    refused! {
        aws.ecs().await.unwrap().create_cluster(),
        aws.iam().await.unwrap().create_role().role_name("x").assume_role_policy_document("x"),
        aws.secretsmanager().await.unwrap().create_secret().name("x"),
        aws.ssm().await.unwrap().put_parameter().name("x").value("x"),
        aws.sts().await.unwrap().assume_role().role_arn("x").role_session_name("x"),
    }
    macro_rules! refused_untyped {
        ($($service:ident $operation:literal),* $(,)?) => {$(
            let call = aws.$service().await.unwrap().call($operation, serde_json::json!({})).await;
            assert_eq!(failure(&call.unwrap_err(), "the:Call x"), lost().at("the:Call x"));
        )*};
    }
    refused_untyped! {
        cloudwatchlogs "CreateLogGroup",
        ec2 "CreateVpc",
        kms "CreateKey",
        resourcegroupstagging "TagResources",
    }
    assert_eq!(counting.sent(), 0);
    aws.ecs().await.unwrap().list_clusters().send().await.unwrap();
    assert_eq!(counting.sent(), 1, "reads go on");
    let put = aws.ssm().await.unwrap().put_parameter().name("x").value("x");
    put.customize().interceptor(OfTheLock).send().await.unwrap();
    assert_eq!(counting.sent(), 1, "and what the lock itself does");
}

#[tokio::test(start_paused = true)]
async fn without_a_lock_everything_passes() {
    let (aws, counting) = connect();
    aws.ecs().await.unwrap().create_cluster().send().await.unwrap();
    assert_eq!(counting.sent(), 1);
    assert!(aws.fence().is_quiet());
}

/// Takes its time to connect; then it reads the body, and answers after a while.
#[derive(Clone, Debug)]
struct Slow {
    connecting: Duration,
    answering: Duration,
    /// Bytes of bodies that were sent.
    sent: Arc<AtomicUsize>,
}

impl HttpConnector for Slow {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { connecting, answering, sent } = self.clone();
        HttpConnectorFuture::new(async move {
            // As of a process that is stopped: the clock goes on, and nothing else.
            tokio::time::advance(connecting).await;
            let body = ByteStream::new(request.into_body()).collect().await;
            let body = body.map_err(|error| ConnectorError::io(error.into()))?;
            sent.fetch_add(body.into_bytes().len(), Ordering::Relaxed);
            sleep(answering).await;
            Ok(of_aws(200, "{}"))
        })
    }
}

/// Sends a change with ten bytes while a lease lasts for 45 seconds. Returns the kind of the error if there is one, the
/// number of bytes sent, and whether the change may still be on its way.
async fn send_slowly(connecting: u64, answering: u64) -> (Option<bool>, usize, bool) {
    let sent = Arc::default();
    let seconds = Duration::from_secs;
    let slow =
        Slow { connecting: seconds(connecting), answering: seconds(answering), sent: Arc::clone(&sent) };
    let fence = Arc::new(Fence::new(None));
    fence.lease(fence.stamp(), seconds(45));
    let client = http_client_fn(move |_, _| SharedHttpConnector::new(slow.clone()));
    let connector = FencedConnector { connector: client_connector(&client), fence: fence.clone() };
    let mut request = HttpRequest::new(SdkBody::from("0123456789"));
    request.add_extension(ChangesSomething);
    let answer = connector.call(request).await;
    (answer.err().map(|error| error.is_timeout()), sent.load(Ordering::Relaxed), !fence.is_quiet())
}

fn client_connector(client: &SharedHttpClient) -> SharedHttpConnector {
    let components = RuntimeComponentsBuilder::for_tests().build().unwrap();
    client.http_connector(&HttpConnectorSettings::builder().build(), &components)
}

#[tokio::test(start_paused = true)]
async fn lapsed_leases_stop_changes_under_way() {
    assert_eq!(send_slowly(44, 0).await, (None, 10, false));
    assert_eq!(send_slowly(46, 0).await, (Some(true), 0, false), "not a byte left");
    let begin = Instant::now();
    assert_eq!(send_slowly(0, 900).await, (Some(true), 10, true), "AWS may still carry it out");
    assert_eq!(begin.elapsed(), Duration::from_secs(45));
}
