//! Helpers for the tests of several services: a cloud, and SDK clients that talk to it without a socket.

use std::{sync::Arc, time::Duration};

use aws_credential_types::Credentials;
use aws_sdk_sts::config::{BehaviorVersion, Region, SharedCredentialsProvider, retry::RetryConfig};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::SdkConfig;
use bytes::Bytes;
use http::{Request, Response};

use crate::{Blueprint, Cloud, Moment, TokioClock};

/// 2026-11-23T00:00:00Z
pub(crate) const START: Moment = Moment(1_795_392_000_000);

/// A cloud as a default blueprint has it.
pub(crate) fn cloud() -> Cloud {
    cloud_of(&Blueprint::default())
}

/// A cloud in memory, on tokio's clock.
pub(crate) fn cloud_of(blueprint: &Blueprint) -> Cloud {
    Cloud::new(blueprint, Arc::new(TokioClock::starting_at(START))).expect("a sound blueprint")
}

/// Returns the configuration of SDK clients for the account's user.
pub(crate) fn sdk(cloud: &Cloud) -> SdkConfig {
    sdk_with(cloud, Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
}

/// Returns the configuration of SDK clients with the given credentials.
pub(crate) fn sdk_with(cloud: &Cloud, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(TokioSleep::new())
        // The cloud keeps AWS's quotas. With the usual three attempts, chance decides whether a test is throttled.
        .retry_config(RetryConfig::standard().with_max_attempts(10))
        .http_client(cloud.connector())
        .build()
}

/// Calls EC2 with a form such as `Action=DescribeVpcs`.
pub(crate) async fn ec2(cloud: &Cloud, form: &str) -> Response<String> {
    query(cloud, "ec2", form).await
}

/// Calls a service with a query protocol.
pub(crate) async fn query(cloud: &Cloud, service: &str, form: &str) -> Response<String> {
    let scope =
        format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/{service}/aws4_request");
    let request = Request::post(format!("https://{service}.eu-central-1.amazonaws.com/"))
        .header("authorization", scope)
        .body(Bytes::from(form.to_owned()))
        .expect("a sound request");
    let answer = cloud.aws_request(request).await.expect("an answer");
    answer.map(|body| String::from_utf8(body.to_vec()).expect("text"))
}

/// Calls a service with a JSON protocol: `target` is `PREFIX.Operation`. An error is its code and its message.
pub(crate) async fn json(
    cloud: &Cloud,
    service: &str,
    target: &str,
    input: &serde_json::Value,
) -> Result<serde_json::Value, (String, String)> {
    let scope =
        format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/{service}/aws4_request");
    let request = Request::post(format!("https://{service}.eu-central-1.amazonaws.com/"))
        .header("authorization", scope)
        .header("x-amz-target", target)
        .body(Bytes::from(input.to_string()))
        .expect("a sound request");
    let answer = cloud.aws_request(request).await.expect("an answer");
    let body: serde_json::Value = serde_json::from_slice(answer.body()).expect("JSON");
    let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
    if answer.status() == 200 { Ok(body) } else { Err((text("__type"), text("message"))) }
}

/// The texts of all elements with this name, in their order.
pub(crate) fn texts<'a>(answer: &'a Response<String>, name: &str) -> Vec<&'a str> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let texts = answer.body().split(&start).skip(1);
    texts.filter_map(|rest| Some(rest.split_once(&end)?.0)).collect()
}

/// The id of a subnet of the default VPC.
pub(crate) async fn subnet(cloud: &Cloud) -> String {
    texts(&ec2(cloud, "Action=DescribeSubnets").await, "subnetId")[0].to_owned()
}

/// The code of an error that AWS answered with.
pub(crate) fn code<T, E, R>(
    result: &Result<T, aws_smithy_runtime_api::client::result::SdkError<E, R>>,
) -> String
where
    E: aws_sdk_sts::error::ProvideErrorMetadata,
{
    match result {
        Ok(_) => "Ok".to_owned(),
        Err(error) => {
            error.as_service_error().and_then(|error| error.code()).unwrap_or("no service error").to_owned()
        }
    }
}

/// The message of an error that AWS answered with.
pub(crate) fn message<T, E, R>(
    result: &Result<T, aws_smithy_runtime_api::client::result::SdkError<E, R>>,
) -> String
where
    E: aws_sdk_sts::error::ProvideErrorMetadata,
{
    let error = result.as_ref().err().and_then(|error| error.as_service_error());
    error.and_then(|error| error.message()).unwrap_or_default().to_owned()
}

/// A trust policy for one AWS service.
pub(crate) fn trust(service: &str) -> String {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }],
    })
    .to_string()
}

/// Creates a role for the tasks of ECS with a policy, and returns its ARN when it may do what that allows.
pub(crate) async fn task_role(cloud: &Cloud, name: &str, policy: &str) -> String {
    let iam = aws_sdk_iam::Client::new(&sdk(cloud));
    let trust = trust("ecs-tasks.amazonaws.com");
    let role = iam.create_role().role_name(name).assume_role_policy_document(trust).send().await;
    allow_role(cloud, name, policy).await;
    role.expect("a new role").role.expect("a role").arn
}

/// Gives a role its only inline policy, and waits until it may do what that allows.
pub(crate) async fn allow_role(cloud: &Cloud, name: &str, policy: &str) {
    let iam = aws_sdk_iam::Client::new(&sdk(cloud));
    let put = iam.put_role_policy().role_name(name).policy_name("inline").policy_document(policy);
    put.send().await.expect("a sound policy");
    tokio::time::sleep(Duration::from_secs(3)).await;
}

/// A policy that allows actions on resources.
pub(crate) fn allow(actions: &[&str], resources: &[&str]) -> String {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": resources }],
    })
    .to_string()
}
