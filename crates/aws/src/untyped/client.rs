//! Calls, on the SDK's orchestrator.

use std::fmt;

use aws_runtime::{
    auth::{SigV4OperationSigningConfig, sigv4},
    invocation_id::InvocationIdInterceptor,
    recursion_detection::RecursionDetectionInterceptor,
    request_info::RequestInfoInterceptor,
    retries::classifiers::AwsErrorCodeClassifier,
    service_clock_skew::{
        DisableClockSkewCorrection, ServiceClockSkewClassifier, ServiceClockSkewInterceptor,
    },
    user_agent::{ApiMetadata, UserAgentInterceptor},
};
use aws_smithy_runtime::client::{
    defaults::{DefaultPluginParams, default_plugins},
    http::connection_poisoning::ConnectionPoisoningInterceptor,
    orchestrator::invoke,
    retries::{
        RetryPartition,
        classifiers::{HttpStatusCodeClassifier, ModeledAsRetryableClassifier, TransientErrorClassifier},
    },
    stalled_stream_protection::StalledStreamProtectionInterceptor,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{
            AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
            static_resolver::StaticAuthSchemeOptionResolver,
        },
        behavior_version::BehaviorVersion,
        endpoint::{EndpointResolverParams, SharedEndpointResolver},
        interceptors::{
            Intercept, SharedInterceptor,
            context::{BeforeSerializationInterceptorContextRef, Error, Input, Output, OutputOrError},
            dyn_dispatch_hint,
        },
        orchestrator::{HttpRequest, HttpResponse, Metadata, OrchestratorError},
        result::SdkError,
        retries::classifiers::ClassifyRetry,
        runtime_components::RuntimeComponentsBuilder,
        runtime_plugin::{Order, RuntimePlugins, StaticRuntimePlugin},
        ser_de::{
            DeserializeResponse, SerializeRequest, SharedRequestSerializer, SharedResponseDeserializer,
        },
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{ConfigBag, Layer},
    error::ErrorMetadata,
};
use aws_types::{
    SdkConfig, SigningName,
    region::SigningRegion,
    request_id::{RequestId as _, apply_request_id},
};
use http::{Method, header::CONTENT_TYPE};
use serde_json::Value;
use tracing::Instrument as _;

use super::{PageTokens, Protocol, Refusal, Service, endpoint::Found};

/// The error of a call.
pub type CallError = SdkError<Refusal, HttpResponse>;

/// A client of one service. Clones share everything.
#[derive(Clone, Debug)]
pub struct Client<P: Protocol> {
    service: &'static Service<P>,
    plugins: RuntimePlugins,
}

/// The configuration of a client. Its methods are those of a generated client's configuration.
#[derive(Debug)]
pub struct Builder<P: Protocol> {
    service: &'static Service<P>,
    behavior: BehaviorVersion,
    config: Layer,
    components: RuntimeComponentsBuilder,
}

impl<P: Protocol> Builder<P> {
    /// Begins with what the SDK's configuration says, as the builders of generated clients do.
    #[must_use]
    pub fn new(config: &SdkConfig, service: &'static Service<P>) -> Self {
        let mut layer = Layer::new("UntypedClient");
        if let Some(region) = config.region() {
            layer.store_put(region.clone());
            layer.store_put(SigningRegion::from(region.clone()));
        }
        layer.store_put(SigningName::from_static(service.signing_name));
        layer.store_put(ApiMetadata::new(service.signing_name, service.version));
        layer.store_put(SigV4OperationSigningConfig::default());
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_or_unset(config.app_name().cloned());
        layer.store_or_unset(config.disable_clock_skew_correction().map(DisableClockSkewCorrection::from));
        if let Some(retries) = config.retry_config() {
            layer.store_put(retries.clone());
        }
        if let Some(timeouts) = config.timeout_config() {
            layer.store_put(timeouts.clone());
        }
        if let Some(protection) = config.stalled_stream_protection() {
            layer.store_put(protection);
        }
        let mut components = RuntimeComponentsBuilder::new("UntypedClient");
        components
            .set_http_client(config.http_client())
            .set_sleep_impl(config.sleep_impl())
            .set_time_source(Some(config.time_source().unwrap_or_default()))
            .set_endpoint_resolver(Some(SharedEndpointResolver::new(Found::of(config, service))));
        if let Some(cache) = config.identity_cache() {
            components.set_identity_cache(Some(cache));
        }
        if let Some(credentials) = config.credentials_provider() {
            components.set_identity_resolver(sigv4::SCHEME_ID, credentials);
        }
        let behavior = config.behavior_version().unwrap_or_else(BehaviorVersion::latest);
        Self { service, behavior, config: layer, components }
    }

    /// Adds an interceptor.
    #[must_use]
    pub fn interceptor(mut self, interceptor: impl Intercept + 'static) -> Self {
        self.components.push_interceptor(SharedInterceptor::new(interceptor));
        self
    }

    /// Adds a classifier of failed attempts.
    #[must_use]
    pub fn retry_classifier(mut self, classifier: impl ClassifyRetry + 'static) -> Self {
        self.components.push_retry_classifier(classifier);
        self
    }

    /// Sets the partition whose quota limits the retries.
    #[must_use]
    pub fn retry_partition(mut self, partition: RetryPartition) -> Self {
        self.config.store_put(partition);
        self
    }

    /// Makes the client.
    #[must_use]
    pub fn build(self) -> Client<P> {
        let defaults = DefaultPluginParams::new()
            .with_retry_partition_name(self.service.signing_name)
            .with_behavior_version(self.behavior)
            .with_is_aws_sdk(true);
        let configured = StaticRuntimePlugin::new()
            .with_config(self.config.freeze())
            .with_runtime_components(self.components);
        let plugins = RuntimePlugins::new()
            .with_client_plugins(default_plugins(defaults))
            .with_client_plugin(configured)
            .with_client_plugin(of_every_service());
        Client { service: self.service, plugins }
    }
}

/// Returns what the clients of all services have beside their configuration, as generated clients have it.
fn of_every_service() -> StaticRuntimePlugin {
    let schemes = StaticAuthSchemeOptionResolver::new(vec![sigv4::SCHEME_ID]);
    let components = RuntimeComponentsBuilder::new("UntypedService")
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)))
        .with_auth_scheme(SharedAuthScheme::new(sigv4::SigV4AuthScheme::new()))
        .with_interceptor(SharedInterceptor::permanent(ConnectionPoisoningInterceptor::new()))
        .with_interceptor(ServiceClockSkewInterceptor::new())
        .with_interceptor(RequestInfoInterceptor::new())
        .with_interceptor(UserAgentInterceptor::new())
        .with_interceptor(InvocationIdInterceptor::new())
        .with_interceptor(SharedInterceptor::permanent(RecursionDetectionInterceptor::new()))
        .with_interceptor(SharedInterceptor::permanent(StalledStreamProtectionInterceptor::default()))
        .with_interceptor(SharedInterceptor::permanent(EndpointParameters))
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(TransientErrorClassifier::<Refusal>::new())
        .with_retry_classifier(ModeledAsRetryableClassifier::<Refusal>::new())
        .with_retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
        .with_retry_classifier(ServiceClockSkewClassifier::<Refusal>::new());
    StaticRuntimePlugin::new().with_order(Order::Defaults).with_runtime_components(components)
}

/// Gives each call the parameters that the orchestrator wants for its endpoint. [`Found`] needs none.
#[derive(Clone, Copy, Debug)]
struct EndpointParameters;

#[dyn_dispatch_hint]
impl Intercept for EndpointParameters {
    fn name(&self) -> &'static str {
        "EndpointParameters"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(EndpointResolverParams::new(()));
        Ok(())
    }
}

impl<P: Protocol> Client<P> {
    /// Makes a client of the SDK's configuration alone.
    #[must_use]
    pub fn new(config: &SdkConfig, service: &'static Service<P>) -> Self {
        Builder::new(config, service).build()
    }

    pub(super) const fn page_tokens(&self) -> PageTokens {
        self.service.page_tokens
    }

    /// Calls an operation.
    ///
    /// # Errors
    /// The service's own, and those of a call that has no answer.
    pub async fn call(&self, operation: &'static str, parameters: Value) -> Result<P::Answer, CallError> {
        let service = self.service.id;
        let mut layer = Layer::new("UntypedCall");
        layer.store_put(Metadata::new(operation, service));
        layer.store_put(SharedRequestSerializer::new(Wire { service: self.service, operation }));
        layer.store_put(SharedResponseDeserializer::new(Wire { service: self.service, operation }));
        let of_call = StaticRuntimePlugin::new().with_config(layer.freeze());
        let plugins = self.plugins.clone().with_operation_plugin(of_call);
        let input = Input::erase(Hidden(parameters));
        let span = tracing::debug_span!("call", rpc.service = service, rpc.method = operation);
        let output = invoke(service, operation, input, &plugins).instrument(span).await;
        let output = output.map_err(|error| {
            error.map_service_error(|refusal| {
                // All errors of `Wire` are refusals.
                refusal.downcast().unwrap_or_else(|_| Refusal::of(ErrorMetadata::builder().build()))
            })
        })?;
        match output.downcast::<Hidden<P::Answer>>() {
            Ok(Hidden(answer)) => Ok(answer),
            Err(_) => Err(SdkError::construction_failure("the answer has another type than its protocol's")),
        }
    }
}

/// Parameters and answers on their way through the orchestrator, whose logs show what they can.
struct Hidden<T>(T);

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Writes and reads one call.
#[derive(Debug)]
struct Wire<P: 'static> {
    service: &'static Service<P>,
    operation: &'static str,
}

impl<P: Protocol> SerializeRequest for Wire<P> {
    fn serialize_input(&self, input: Input, _: &mut ConfigBag) -> Result<HttpRequest, BoxError> {
        let Hidden(parameters) =
            input.downcast::<Hidden<Value>>().map_err(|_| "the parameters are no JSON value")?;
        self.service.protocol.request(self.service.version, self.operation, &parameters)
    }
}

impl<P: Protocol> DeserializeResponse for Wire<P> {
    fn deserialize_nonstreaming_with_config(&self, response: &HttpResponse, _: &ConfigBag) -> OutputOrError {
        tracing::debug!(request_id = ?response.request_id());
        let body = response.body().bytes().unwrap_or_default();
        let protocol = &self.service.protocol;
        let headers = response.headers();
        let refusal = if response.status().is_success() {
            match protocol.answer(body) {
                Ok(answer) => return Ok(Output::erase(Hidden(answer))),
                Err(error) => Err(error),
            }
        } else {
            protocol.error(headers, body)
        };
        let refusal = match refusal {
            Ok(metadata) => Refusal::of(apply_request_id(metadata, headers).build()),
            Err(source) => {
                Refusal::unreadable(apply_request_id(ErrorMetadata::builder(), headers).build(), source)
            }
        };
        Err(OrchestratorError::operation(Error::erase(refusal)))
    }
}

/// Returns a request of a protocol that sends everything to the same path.
pub(super) fn post(content_type: &str, body: SdkBody) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(body);
    request.set_method(Method::POST.as_str())?;
    request.set_uri("/")?;
    if let Some(length) = request.body().content_length() {
        request.headers_mut().try_insert("content-length", length.to_string())?;
    }
    request.headers_mut().try_insert(CONTENT_TYPE.as_str(), content_type.to_owned())?;
    Ok(request)
}
