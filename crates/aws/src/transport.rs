//! Between the SDK and the HTTP client: errors that name the endpoint, and responses that nobody logs.
//!
//! The SDK writes whole requests and responses to its `trace` logs, and shows a body that is in memory. Bodies carry
//! secrets. It wraps the body of a request itself, so that nothing of it shows; the body of a response is wrapped here.

use std::{error::Error, fmt, net::IpAddr, sync::LazyLock};

use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
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
/// (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), as the AWS command line does. What is on this machine is reached directly: no proxy could
/// reach it.
pub(crate) fn https() -> SharedHttpClient {
    let (near, far) = (through(ProxyConfig::disabled()), through(ProxyConfig::from_env()));
    SharedHttpClient::new(ByPlace { near, far })
}

fn through(proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder().proxy_config(proxy.clone());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        let builder = builder.tls_provider(Provider::Rustls(CryptoMode::Ring));
        // The client may not be asked to load certificates where there are none: it takes that for a mistake of ours.
        let trusted = TrustStore::empty().with_native_roots(trusts_anybody());
        match TlsContext::builder().with_trust_store(trusted).build() {
            Ok(context) => builder.tls_context(context).build(),
            Err(_) => builder.build(),
        }
    })
}

/// Whether this machine has certificates of authorities at all, where the system keeps them or where `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` say.
pub(crate) fn trusts_anybody() -> bool {
    static TRUSTS: LazyLock<bool> =
        LazyLock::new(|| !rustls_native_certs::load_native_certs().certs.is_empty());
    *TRUSTS
}

/// Whether a URL is on this machine.
fn is_local(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reaches what is on this machine in another way than the rest.
#[derive(Clone, Debug)]
struct ByPlace {
    near: SharedHttpClient,
    far: SharedHttpClient,
}

impl HttpClient for ByPlace {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let (clients, settings, components) = (self.clone(), settings.clone(), components.clone());
        SharedHttpConnector::new(ByPlaceConnector { clients, settings, components })
    }
}

/// Which client it is, the request says; each makes its connector, and reads the certificates, when it is first used.
#[derive(Debug)]
struct ByPlaceConnector {
    clients: ByPlace,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for ByPlaceConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let ByPlace { near, far } = &self.clients;
        let client = if is_local(request.uri()) { near } else { far };
        client.http_connector(&self.settings, &self.components).call(request)
    }
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

impl NoAnswer {
    /// Whether the certificate that the endpoint showed is not trusted. rustls's error is wrapped, and has to be told by
    /// its words.
    pub(crate) fn is_distrust(&self) -> bool {
        let causes = std::iter::successors(self.source(), |error| (*error).source());
        causes.into_iter().any(|error| error.to_string().contains("invalid peer certificate"))
    }
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

/// Puts the endpoint into an error and keeps its kind, on which retries depend: a certificate that is not trusted will not
/// be trusted later either.
fn name(error: ConnectorError, endpoint: String) -> ConnectorError {
    let (timeout, io, user, other) = (error.is_timeout(), error.is_io(), error.is_user(), error.as_other());
    let no_answer = NoAnswer { endpoint, source: error.into_source() };
    let is_distrust = no_answer.is_distrust();
    let source = no_answer.into();
    match (timeout, io && !is_distrust, user || is_distrust) {
        (true, _, _) => ConnectorError::timeout(source),
        (_, true, _) => ConnectorError::io(source),
        (_, _, true) => ConnectorError::user(source),
        _ => ConnectorError::other(source, other),
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::{
        client::{http::http_client_fn, orchestrator::HttpResponse},
        http::StatusCode,
    };

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

    #[tokio::test]
    async fn no_proxy_stands_before_what_is_on_this_machine() {
        #[derive(Clone, Debug)]
        struct Says(u16);
        impl HttpConnector for Says {
            fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
                let status = StatusCode::try_from(self.0).unwrap();
                HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::empty())))
            }
        }
        let client = |status| http_client_fn(move |_, _| SharedHttpConnector::new(Says(status)));
        let clients = ByPlace { near: client(418), far: client(421) };
        for (endpoint, status) in [("http://127.0.0.1:4566", 418), ("http://10.0.0.1:4566", 421)] {
            let config = aws_sdk_sts::Config::builder()
                .behavior_version_latest()
                .region(aws_sdk_sts::config::Region::from_static("eu-central-1"))
                .endpoint_url(endpoint)
                .credentials_provider(aws_credential_types::Credentials::from_keys("a", "b", None))
                .http_client(clients.clone());
            let client = aws_sdk_sts::Client::from_conf(config.build());
            let refused = client.get_caller_identity().send().await.unwrap_err();
            assert_eq!(refused.raw_response().unwrap().status().as_u16(), status, "{endpoint}");
        }
    }

    #[test]
    fn an_opaque_body_shows_nothing() {
        let body = opaque(SdkBody::from("ghp_secret"));
        assert!(!format!("{body:?}").contains("ghp_secret"));
    }
}
