//! The protocols AWS JSON 1.0 and 1.1.

use aws_smithy_runtime_api::{box_error::BoxError, client::orchestrator::HttpRequest, http::Headers};
use aws_smithy_types::{body::SdkBody, error::metadata};
use serde_json::{Map, Value};

use super::{Protocol, client::post, refusal::metadata_of};

/// AWS JSON: parameters and answers are JSON objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json {
    /// The protocol's version: `1.0` or `1.1`.
    pub version: &'static str,
    /// The name before the operation's in `X-Amz-Target`.
    pub target: &'static str,
}

impl Protocol for Json {
    type Answer = Value;

    fn request(&self, _: &str, operation: &str, parameters: &Value) -> Result<HttpRequest, BoxError> {
        let body = serde_json::to_vec(parameters)?;
        let mut request = post(&format!("application/x-amz-json-{}", self.version), SdkBody::from(body))?;
        request.headers_mut().try_insert("x-amz-target", format!("{}.{operation}", self.target))?;
        Ok(request)
    }

    fn answer(&self, body: &[u8]) -> Result<Value, BoxError> {
        object(body)
    }

    fn text<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
        answer.get(name).and_then(Value::as_str)
    }

    fn error(&self, headers: &Headers, body: &[u8]) -> Result<metadata::Builder, BoxError> {
        let body = object(body)?;
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let message = text("message").or_else(|| text("Message")).or_else(|| text("errorMessage"));
        let code = headers.get("x-amzn-errortype").map(bare).or_else(|| error_code(&body));
        Ok(metadata_of(code, message))
    }
}

/// Reads an object. Some operations answer with nothing at all.
fn object(body: &[u8]) -> Result<Value, BoxError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(body)? {
        object @ Value::Object(_) => Ok(object),
        // As moto answers CreateAlias. AWS's own answers were required to be objects before.
        Value::Null => Ok(Value::Object(Map::new())),
        _ => Err("the answer is no JSON object".into()),
    }
}

/// Returns the code in an error's body.
pub(crate) fn error_code(body: &Value) -> Option<&str> {
    body.get("__type").or_else(|| body.get("code"))?.as_str().map(bare)
}

/// Returns a code without the namespace before it (`com.amazonaws.ecs#ClientException`) and without the URL behind it
/// that proxies add.
fn bare(code: &str) -> &str {
    let name = code.rsplit('#').next().unwrap_or(code);
    name.split(':').next().unwrap_or(name)
}
