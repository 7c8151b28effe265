//! Between the SDK and the HTTP client: errors that name the endpoint, and responses that nobody logs.
//!
//! The SDK writes whole requests and responses to its `trace` logs, and shows a body that is in memory. Bodies carry
//! secrets. It wraps the body of a request itself, so that nothing of it shows; the body of a response is wrapped here.

use std::{error::Error, fmt, net::IpAddr};

use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        connector_metadata::ConnectorMetadata,
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::HttpRequest,
        result::ConnectorError,
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use http::Uri;

/// HTTPS with rustls on ring and the system's trusted certificates, through the proxy that the environment names
/// (`HTTPS_PROXY`, `NO_PROXY`), as the AWS command line does. An `endpoint` on this machine is reached directly: no proxy
/// could reach it.
pub(crate) fn https(endpoint: Option<&str>) -> SharedHttpClient {
    let proxy =
        if endpoint.is_some_and(is_local) { ProxyConfig::disabled() } else { ProxyConfig::from_env() };
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder().proxy_config(proxy.clone());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    })
}

/// Whether a URL is on this machine.
fn is_local(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Wraps an HTTP client so that its errors name the endpoint and its responses are opaque to logs.
pub(crate) fn named(client: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(NamedClient(client))
}

/// No answer came.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    /// Scheme and authority of the URL.
    endpoint: String,
    source: BoxError,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer from {}", self.endpoint)
    }
}

impl Error for NoAnswer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// The same body, of which a log shows nothing.
fn opaque(body: SdkBody) -> SdkBody {
    SdkBody::from_body_1_x(body)
}

#[derive(Debug)]
struct NamedClient(SharedHttpClient);

impl HttpClient for NamedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(NamedConnector(self.0.http_connector(settings, components)))
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.validate_base_client_config(components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.validate_final_config(components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[derive(Debug)]
struct NamedConnector(SharedHttpConnector);

impl HttpConnector for NamedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let endpoint = endpoint_of(request.uri());
        let response = self.0.call(request);
        HttpConnectorFuture::new(async move {
            match response.await {
                Ok(response) => Ok(response.map(opaque)),
                Err(error) => Err(name(error, endpoint)),
            }
        })
    }
}

/// Scheme and authority of a URL.
fn endpoint_of(url: &str) -> String {
    let after_scheme = url.find("://").map_or(0, |index| index + 3);
    let end = url[after_scheme..].find(['/', '?']).map_or(url.len(), |index| after_scheme + index);
    url[..end].to_owned()
}

/// Puts the endpoint into an error and keeps its kind, on which the SDK's retries depend.
fn name(error: ConnectorError, endpoint: String) -> ConnectorError {
    let (timeout, io, user, other) = (error.is_timeout(), error.is_io(), error.is_user(), error.as_other());
    let source = NoAnswer { endpoint, source: error.into_source() }.into();
    match (timeout, io, user) {
        (true, _, _) => ConnectorError::timeout(source),
        (_, true, _) => ConnectorError::io(source),
        (_, _, true) => ConnectorError::user(source),
        _ => ConnectorError::other(source, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_scheme_and_authority() {
        assert_eq!(endpoint_of("http://127.0.0.1:4566/a?b=://c"), "http://127.0.0.1:4566");
        assert_eq!(
            endpoint_of("https://ecs.eu-central-1.amazonaws.com"),
            "https://ecs.eu-central-1.amazonaws.com"
        );
    }

    #[test]
    fn an_endpoint_on_this_machine_is_known() {
        for url in ["http://127.0.0.1:4566", "http://localhost:5000/", "http://[::1]:4566"] {
            assert!(is_local(url), "{url}");
        }
        for url in
            ["https://ecs.eu-central-1.amazonaws.com", "http://10.0.0.1:4566", "http://localhost.example", ""]
        {
            assert!(!is_local(url), "{url}");
        }
    }

    #[test]
    fn an_opaque_body_shows_nothing() {
        let body = opaque(SdkBody::from("ghp_secret"));
        assert!(!format!("{body:?}").contains("ghp_secret"));
    }
}
