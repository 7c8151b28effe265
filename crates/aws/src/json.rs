//! Requests and answers as JSON, so that members which the SDK does not know yet are neither lost nor overlooked.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut},
            dyn_dispatch_hint,
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Sets these members of a request that is sent as JSON, whatever the SDK makes of its own types. A member that is null is
/// left out.
#[derive(Clone, Debug, Default)]
pub struct JsonRequest(pub Map<String, Value>);

#[dyn_dispatch_hint]
impl Intercept for JsonRequest {
    fn name(&self) -> &'static str {
        "JsonRequest"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let mut members: Map<String, Value> =
            serde_json::from_slice(request.body().bytes().unwrap_or_default())?;
        members.extend(self.0.clone());
        members.retain(|_, member| !member.is_null());
        let body = serde_json::to_vec(&members)?;
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = body.into();
        Ok(())
    }
}

/// Keeps an answer as JSON. Clones share it.
#[derive(Clone, Default)]
pub struct JsonAnswer(Arc<Mutex<Vec<u8>>>);

impl JsonAnswer {
    /// Takes the answer and returns its member `name`.
    #[must_use]
    pub fn take(&self, name: &str) -> Option<Value> {
        let mut members: Map<String, Value> = self.read()?;
        members.remove(name).filter(|member| !member.is_null())
    }

    /// Takes the answer as a `T`; `None` if it does not parse as one.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let body = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        serde_json::from_slice(&body).ok()
    }
}

// Answers may hold secrets.
impl fmt::Debug for JsonAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonAnswer")
    }
}

#[dyn_dispatch_hint]
impl Intercept for JsonAnswer {
    fn name(&self) -> &'static str {
        "JsonAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body.to_vec();
        Ok(())
    }
}
