//! Calls from attempt to attempt, against an HTTP client that answers as the tests want.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use aws_sdk_ecs::{config as ecs, error::DisplayErrorContext};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::HttpRequest,
};
use aws_smithy_types::retry::RetryConfig;
use longshore_effort::{Effort, Urgency};
use longshore_model::{CallRate, FailureKind};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{Aws, Embedded, Target, failure, genuine::of_aws};

/// Answers the request that comes as the `n`th, counted from one, and keeps when each was signed.
#[derive(Clone)]
struct Answering {
    answer: fn(usize) -> (u16, &'static str),
    signed: Arc<Mutex<Vec<String>>>,
}

impl std::fmt::Debug for Answering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answering")
    }
}

impl HttpConnector for Answering {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut signed = self.signed.lock().unwrap();
        signed.push(request.headers().get("x-amz-date").unwrap().to_owned());
        let (status, body) = (self.answer)(signed.len());
        drop(signed);
        HttpConnectorFuture::ready(Ok(of_aws(status, body)))
    }
}

/// The time since the test began, as that since the Unix epoch.
#[derive(Debug)]
struct Since(Instant);

impl TimeSource for Since {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.0.elapsed()
    }
}

fn connect(
    answer: fn(usize) -> (u16, &'static str),
    rates: &[(&str, u32, f64)],
) -> (Aws, Arc<Mutex<Vec<String>>>) {
    let signed = Arc::default();
    let connector = Answering { answer, signed: Arc::clone(&signed) };
    let http_client = http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone()));
    let embedded = Embedded { http_client, time_source: SharedTimeSource::new(Since(Instant::now())) };
    let rates = rates.iter().map(|(name, burst, per_second)| {
        ((*name).to_owned(), CallRate { burst: Some(*burst), per_second: Some(*per_second) })
    });
    let target = Target { rates: rates.collect(), ..Target::default() };
    (Aws::connect(target, Some(embedded)), signed)
}

const THROTTLED: (u16, &str) = (400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#);
const DONE: (u16, &str) = (200, r#"{"clusterArns":[]}"#);

#[tokio::test(start_paused = true)]
async fn what_is_throttled_is_tried_until_it_gets_through() {
    let (aws, signed) = connect(|n| if n <= 20 { THROTTLED } else { DONE }, &[]);
    let start = Instant::now();
    aws.ecs().await.unwrap().list_clusters().send().await.unwrap();
    assert_eq!(signed.lock().unwrap().len(), 21);
    let took = start.elapsed().as_secs();
    assert!((150..400).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_only_throttled_gives_up_at_its_deadline() {
    let (aws, _) = connect(|_| THROTTLED, &[]);
    let start = Instant::now();
    let effort = Effort::new(Urgency::new(1, 1), CancellationToken::new());
    let client = aws.ecs().await.unwrap();
    let error = effort.clone().run(client.list_clusters().send()).await.unwrap_err();
    let took = start.elapsed().as_secs();
    assert!((580..1000).contains(&took), "{took}");
    insta::assert_snapshot!(failure(&error, "ecs:ListClusters"));
    // It does not begin again with another call.
    let start = Instant::now();
    effort.run(client.list_tasks().send()).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_must_not_be_repeated_is_repeated_only_when_it_was_throttled() {
    let (aws, signed) = connect(|n| if n == 1 { THROTTLED } else { (503, "") }, &[]);
    let once = ecs::Builder::new().retry_config(RetryConfig::disabled());
    let call = aws.ecs().await.unwrap().list_clusters().customize().config_override(once);
    call.send().await.unwrap_err();
    assert_eq!(signed.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_aws_that_is_out_of_order_gets_a_minute() {
    let (aws, signed) =
        connect(|n| if n == 1 { DONE } else { (503, r#"{"__type":"ServiceUnavailableException"}"#) }, &[]);
    let client = aws.ecs().await.unwrap();
    client.list_clusters().send().await.unwrap();
    let start = Instant::now();
    client.list_clusters().send().await.unwrap_err();
    assert_eq!(signed.lock().unwrap().len(), 9);
    let took = start.elapsed().as_secs();
    assert!((30..75).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_not_tried_again() {
    let (aws, signed) = connect(
        |n| match n {
            1 => (400, r#"{"__type":"LimitExceededException","message":"Resource limit exceeded."}"#),
            2 => (400, r#"{"__type":"com.amazonaws.ecs#ClientException","message":"no"}"#),
            3 => (400, r#"{"__type":"ConflictException","message":"no"}"#),
            _ => (403, "<html>no</html>"),
        },
        &[],
    );
    let client = aws.cloudwatchlogs().await.unwrap();
    for attempts in 1..=4 {
        client.call("DescribeLogGroups", serde_json::json!({})).await.unwrap_err();
        assert_eq!(signed.lock().unwrap().len(), attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_signed_when_its_turn_has_come() {
    let (aws, signed) = connect(|_| DONE, &[("ecs-cluster-read", 1, 0.001)]);
    let client = aws.ecs().await.unwrap();
    client.list_clusters().send().await.unwrap();
    client.list_clusters().send().await.unwrap();
    let signed = signed.lock().unwrap().clone();
    assert_eq!(signed, ["19700101T000000Z", "19700101T001640Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_is_interrupted() {
    let (aws, signed) = connect(|_| DONE, &[("ecs-cluster-read", 1, 0.001)]);
    let client = aws.ecs().await.unwrap();
    client.list_clusters().send().await.unwrap();
    let interrupt = CancellationToken::new();
    let effort = Effort::new(Urgency::new(1, 1), interrupt.clone());
    tokio::spawn(async move {
        sleep(Duration::from_secs(3)).await;
        interrupt.cancel();
    });
    let start = Instant::now();
    let error = effort.run(client.list_clusters().send()).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    assert_eq!(signed.lock().unwrap().len(), 1);
    let failure = failure(&error, "ecs:ListClusters");
    assert_eq!(failure.kind, FailureKind::Interrupted, "{}", DisplayErrorContext(&error));
    insta::assert_snapshot!(failure);
}
