//! The SDK's HTTP client, in process: real serialisation, signing and retries, and no socket.

use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;

use crate::Cloud;

/// An HTTP client for the SDK's configuration that reaches nothing but a simulated cloud.
///
/// The SDK's read time-out holds as with a socket; connecting takes no time.
#[derive(Clone, Debug)]
pub struct Connector {
    cloud: Cloud,
    read_timeout: Option<Duration>,
}

impl Cloud {
    /// An HTTP client for the SDK's configuration whose every request this cloud answers.
    #[must_use]
    pub fn connector(&self) -> Connector {
        Connector { cloud: self.clone(), read_timeout: None }
    }
}

impl TimeSource for Cloud {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(Self::now(self).0)
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Self { cloud: self.cloud.clone(), read_timeout: settings.read_timeout() })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { cloud, read_timeout } = self.clone();
        HttpConnectorFuture::new(async move {
            let answer = answer(&cloud, request);
            match read_timeout {
                None => answer.await,
                Some(limit) => tokio::time::timeout(limit, answer)
                    .await
                    .unwrap_or_else(|elapsed| Err(ConnectorError::timeout(elapsed.into()))),
            }
        })
    }
}

async fn answer(cloud: &Cloud, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
    let response = cloud
        .aws_request(http::Request::from_parts(parts, body))
        .await
        .map_err(|lost| ConnectorError::io(lost.into()))?;
    HttpResponse::try_from(response.map(SdkBody::from))
        .map_err(|error| ConnectorError::other(error.into(), None))
}
