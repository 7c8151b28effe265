//! The wire protocols: an HTTP request of an AWS client in, an HTTP response out.
//!
//! `awsJson1_1` for ECS, ECR, Secrets Manager, Systems Manager, CloudWatch Logs, KMS, Application Auto Scaling and the Tagging API;
//! `awsQuery` for IAM, STS and Elastic Load Balancing; `ec2Query` for EC2. So say the service models behind the Rust SDK. The
//! signature is verified where the cloud is served (`server`); in process, what it says about access key, region and service
//! counts.

mod answer;
mod credential;
pub(crate) mod query;
mod xml;

use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use serde_json::{Map, Value};

pub(crate) use answer::Protocol;
pub(crate) use credential::Scope;

use crate::{ApiError, dispatch::Service};

/// A request after the protocol is taken off.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) input: Value,
    pub(crate) scope: Scope,
}

/// Finds out which protocol an answer has to be written in, whatever is wrong with the request.
pub(crate) fn protocol<B>(request: &Request<B>) -> Protocol {
    if request.headers().contains_key("x-amz-target") || content_type(request).contains("json") {
        return Protocol::Json;
    }
    match Scope::of(request).map(|scope| scope.service).as_deref() {
        Some("ec2") => Protocol::Ec2,
        Some("elasticloadbalancing") => {
            Protocol::Query("http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/")
        }
        Some("sts") => Protocol::Query("https://sts.amazonaws.com/doc/2011-06-15/"),
        _ => Protocol::Query("https://iam.amazonaws.com/doc/2010-05-08/"),
    }
}

/// Takes the protocol off.
pub(crate) fn decode(request: &Request<Bytes>) -> Result<Decoded, ApiError> {
    let Some(scope) = Scope::of(request) else {
        let code = match protocol(request) {
            Protocol::Json => "MissingAuthenticationTokenException",
            _ => "MissingAuthenticationToken",
        };
        return Err(ApiError::new(code, "Request is missing Authentication Token").with_status(403));
    };
    if request.headers().contains_key("smithy-protocol") {
        return Err(ApiError::new(
            "UnsupportedProtocol",
            format!("the simulated cloud does not speak {}", header(request, "smithy-protocol")),
        ));
    }
    if request.headers().contains_key("x-amz-target") {
        let target = header(request, "x-amz-target");
        let (prefix, operation) = target.split_once('.').unwrap_or((target, ""));
        let Some(service) = Service::with_target(prefix) else {
            return Err(ApiError::new(
                "UnknownOperationException",
                unknown_service(&format!("target {target}")),
            ));
        };
        let input = json_input(request.body())?;
        return Ok(Decoded { service, operation: operation.to_owned(), input, scope });
    }
    let Some(service) = Service::with_query_scope(&scope.service) else {
        return Err(ApiError::new("InvalidAction", unknown_service(&format!("service {}", scope.service))));
    };
    let form = if request.body().is_empty() {
        request.uri().query().unwrap_or_default().as_bytes()
    } else {
        request.body().as_ref()
    };
    let mut input = query::unfold(form);
    let Some(Value::String(operation)) = input.remove("Action") else {
        return Err(ApiError::new("MissingAction", "the request has no Action parameter"));
    };
    input.remove("Version");
    Ok(Decoded { service, operation, input: Value::Object(input), scope })
}

fn unknown_service(what: &str) -> String {
    format!("the simulated cloud does not know the {what}; it knows {}", Service::names())
}

fn json_input(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(input @ Value::Object(_)) => Ok(input),
        _ => Err(ApiError::new("SerializationException", "the body is not a JSON object")),
    }
}

fn content_type<B>(request: &Request<B>) -> &str {
    header(request, CONTENT_TYPE.as_str())
}

/// A header as text, empty when it is absent or not text.
pub(crate) fn header<'a, B>(request: &'a Request<B>, name: &str) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
