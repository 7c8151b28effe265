//! Changes and reads, with a fence that is open and one that is shut.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::http::http_client_fn;
use longshore_model::FailureKind;

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
