//! Calls of services without a generated crate.

use aws_types::SdkConfig;
use longshore_aws::untyped::{Client, Protocol, Service};
use serde_json::Value;

use super::Refused;

/// The client of a service whose errors name the operation.
#[derive(Clone, Debug)]
pub(super) struct Untyped<P: Protocol> {
    service: &'static Service<P>,
    client: Client<P>,
}

impl<P: Protocol> Untyped<P> {
    pub(super) fn new(config: &SdkConfig, service: &'static Service<P>) -> Self {
        Self { service, client: Client::new(config, service) }
    }

    /// Calls an operation.
    ///
    /// # Errors
    /// When it is refused.
    pub(super) async fn call(
        &self,
        operation: &'static str,
        parameters: Value,
    ) -> Result<P::Answer, Refused> {
        let answer = self.client.call(operation, parameters).await;
        answer.map_err(|error| Refused::call(format!("{}:{operation}", self.service.signing_name), &error))
    }
}
