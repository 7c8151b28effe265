//! Between the SDK and the HTTP client: changes are sent only as long as the run holds the stack's lock, and dropped if
//! the lease runs out before their answer comes.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        connector_metadata::ConnectorMetadata,
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        interceptors::{
            Intercept,
            context::{BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut},
            dyn_dispatch_hint,
        },
        orchestrator::{HttpRequest, Metadata},
        result::ConnectorError,
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{ConfigBag, Storable, StoreReplace},
};
use http_body::{Body, Frame, SizeHint};
use longshore_model::Failure;

use crate::{changes::is_read, lock::Fence};

/// Wraps an HTTP client so that each change asks `fence` right before it is sent.
pub(crate) fn fenced(client: SharedHttpClient, fence: Arc<Fence>) -> SharedHttpClient {
    SharedHttpClient::new(FencedClient { client, fence })
}

/// Stands in a request that changes something. One that the SDK makes by itself, to get credentials, has no such mark.
#[derive(Clone, Copy, Debug)]
struct ChangesSomething;

/// Marks each request that changes something, unless it is one of the lock's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marked;

#[dyn_dispatch_hint]
impl Intercept for Marked {
    fn name(&self) -> &'static str {
        "Marked"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if changes_something(config) {
            context.request_mut().add_extension(ChangesSomething);
        }
        Ok(())
    }
}

/// Returns true if a call changes something that the lock is there for.
pub(crate) fn changes_something(call: &ConfigBag) -> bool {
    call.load::<OfTheLock>().is_none() && call.load::<Metadata>().is_none_or(|call| !is_read(call.name()))
}

/// Says of a call that it is one of the lock's own, which are sent whatever the fence says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfTheLock;

impl Storable for OfTheLock {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for OfTheLock {
    fn name(&self) -> &'static str {
        "OfTheLock"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(*self);
        Ok(())
    }
}

/// The fence let a change not pass.
#[derive(Clone, Debug)]
pub(crate) struct Refused(pub(crate) Failure);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for Refused {}

#[derive(Debug)]
struct FencedClient {
    client: SharedHttpClient,
    fence: Arc<Fence>,
}

impl HttpClient for FencedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(FencedConnector {
            connector: self.client.http_connector(settings, components),
            fence: self.fence.clone(),
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.client.validate_base_client_config(components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.client.validate_final_config(components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.client.connector_metadata()
    }
}

#[derive(Clone, Debug)]
struct FencedConnector {
    connector: SharedHttpConnector,
    fence: Arc<Fence>,
}

impl HttpConnector for FencedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.extension::<ChangesSomething>().is_none() {
            return self.connector.call(request);
        }
        let Self { connector, fence } = self.clone();
        HttpConnectorFuture::new(async move {
            fence.pass().await.map_err(|failure| ConnectorError::user(Refused(failure).into()))?;
            let departed = Arc::new(AtomicBool::new(false));
            let request = request.map(|body| {
                let departing = DepartingBody { body, fence: fence.clone(), departed: departed.clone() };
                SdkBody::from_body_1_x(departing)
            });
            let change = fence.sends();
            let answer = tokio::select! {
                biased;
                answer = connector.call(request) => answer,
                () = fence.shut() => Err(ConnectorError::timeout(Lapsed.into())),
            };
            let is_lapsed = answer.is_err() && fence.check().is_err();
            // An interrupt drops calls as well.
            let is_dropped = is_lapsed || answer.as_ref().is_err_and(ConnectorError::is_user);
            if !is_dropped || !departed.load(Ordering::Acquire) {
                change.answered();
            }
            if is_lapsed { Err(ConnectorError::timeout(Lapsed.into())) } else { answer }
        })
    }
}

/// The body of a change. It asks the fence again when it is read, which is when the connection is there and the request
/// is written: connecting may take long, and so may a process that is stopped meanwhile.
#[derive(Debug)]
struct DepartingBody {
    body: SdkBody,
    fence: Arc<Fence>,
    /// Parts of the body may have been sent.
    departed: Arc<AtomicBool>,
}

impl Body for DepartingBody {
    type Data = <SdkBody as Body>::Data;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, BoxError>>> {
        if self.fence.check().is_err() {
            return Poll::Ready(Some(Err(Lapsed.into())));
        }
        self.departed.store(true, Ordering::Release);
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&self.body)
    }
}

/// The lease ran out before the change was answered.
#[derive(Debug)]
struct Lapsed;

impl fmt::Display for Lapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lease of the stack's lock ran out before the change was answered")
    }
}

impl Error for Lapsed {}

#[cfg(test)]
mod tests;
