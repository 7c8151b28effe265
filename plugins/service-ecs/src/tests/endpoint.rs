//! An endpoint that answers as it is told, for what the simulated cloud does not do.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;
use serde_json::Value;

/// Answers a call: its name, such as `ListTasks`, and its input; a status and a body.
type Answer = dyn Fn(&str, &Value) -> (u16, Value) + Send + Sync;

#[derive(Clone)]
pub(crate) struct Endpoint {
    answer: Arc<Answer>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Endpoint {
    pub(crate) fn new(answer: impl Fn(&str, &Value) -> (u16, Value) + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), calls: Arc::default() }
    }

    pub(crate) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// The input of the last call of this name.
    pub(crate) fn last(&self, call: &str) -> Option<Value> {
        let calls = self.calls.lock().unwrap();
        calls.iter().rev().find(|(name, _)| name == call).map(|(_, input)| input.clone())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint")
    }
}

impl HttpClient for Endpoint {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Endpoint {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let endpoint = self.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let call = target.rsplit('.').next().unwrap_or_default().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let input = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let (status, answer) = (endpoint.answer)(&call, &input);
            endpoint.calls.lock().unwrap().push((call, input));
            let mut response =
                HttpResponse::new(status.try_into().unwrap(), SdkBody::from(answer.to_string()));
            response.headers_mut().insert("content-type", "application/x-amz-json-1.1");
            response.headers_mut().insert("x-amzn-requestid", "1");
            Ok(response)
        })
    }
}
