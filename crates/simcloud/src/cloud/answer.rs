//! Answering requests.

use std::{sync::PoisonError, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::DATE};
use serde_json::Value;

use super::{Effect, fault::page};
use crate::{
    ApiError, Call, Cloud, World,
    dispatch::{dispatch, only_reads},
    registry, sts,
    wire::{self, Decoded},
};

/// The connection broke before the answer arrived: a fault that was arranged, or a registry that does not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AnswerLost(pub(crate) String);

impl Cloud {
    /// Answers a request to AWS, in the protocol that it was made in.
    ///
    /// # Errors
    /// When a fault was arranged that loses the answer.
    pub async fn aws_request(&self, request: Request<Bytes>) -> Result<Response<Bytes>, AnswerLost> {
        let mut response = self.ask_aws(request).await?;
        if let Ok(date) = HeaderValue::from_str(&self.now().http_date()) {
            response.headers_mut().insert(DATE, date);
        }
        Ok(response)
    }

    async fn ask_aws(&self, request: Request<Bytes>) -> Result<Response<Bytes>, AnswerLost> {
        self.shared.latency.pass().await;
        let request_id = self.shared.request_ids.lock().unwrap_or_else(PoisonError::into_inner).uuid();
        let protocol = wire::protocol(&request);
        let Decoded { service, operation, input, scope } = match wire::decode(&request) {
            Ok(decoded) => decoded,
            Err(error) => return Ok(protocol.failure(&error, &request_id)),
        };
        drop(request);
        let name = format!("{}:{operation}", service.prefix());
        self.shared.faults.count(&name);
        if !self.shared.throttle.admits(&name, &scope.region, self.now()) {
            let error = service.throttled();
            trace(&name, &scope.region, &Err(error.clone()));
            return Ok(protocol.failure(&error, &request_id));
        }
        let effect = self.shared.faults.call(&name);
        if let Some(Effect::Delay(delay)) = effect {
            tokio::time::sleep(delay).await;
        }
        match effect {
            Some(Effect::ErrorPage(status)) => return Ok(page(status, "The proxy is out of order.")),
            Some(Effect::Answer(non_answer)) if !non_answer.is_done() => {
                return Ok(non_answer.replace(Response::default(), protocol, &request_id));
            }
            _ => {}
        }
        let mut world = self.shared.world.lock().await;
        self.catch_up(&mut world);
        let result = match &effect {
            Some(Effect::Refuse(error)) => Err(error.clone()),
            _ => sts::caller(&world, &scope).and_then(|caller| {
                let now = world.now;
                let call =
                    Call { operation: operation.clone(), region: scope.region.clone(), input, now, caller };
                dispatch(&mut world, service, &call)
            }),
        };
        let changed = result.is_ok() && !only_reads(&operation);
        // Changes that time alone brought recur if they are lost: the agenda and the random generator are saved, too.
        let result = if changed && !self.keep(&world) { Err(not_saved()) } else { result };
        drop(world);
        trace(&name, &scope.region, &result);
        if matches!(effect, Some(Effect::LoseAnswer)) {
            return Err(AnswerLost(format!("the connection was closed before the answer to {name} arrived")));
        }
        let answer = match result {
            Ok(result) => protocol.success(&operation, &result, &request_id),
            Err(error) => protocol.failure(&error, &request_id),
        };
        Ok(match effect {
            Some(Effect::Answer(non_answer)) => non_answer.replace(answer, protocol, &request_id),
            _ => answer,
        })
    }

    /// Answers a request to a simulated registry, or returns `None` if the URI's host is not a simulated registry.
    ///
    /// # Errors
    /// When the registry is one that does not answer.
    pub async fn registry_request(
        &self,
        request: Request<Bytes>,
    ) -> Option<Result<Response<Bytes>, AnswerLost>> {
        let host = request.uri().authority()?.as_str().to_owned();
        let known = self.shared.world.lock().await.registries.knows(&host);
        if !known {
            return None;
        }
        self.shared.latency.pass().await;
        Some(self.ask_registry(request, &host).await)
    }

    /// Answers a request to the registry at `host`, which is one of the simulated ones.
    pub(crate) async fn ask_registry(
        &self,
        request: Request<Bytes>,
        host: &str,
    ) -> Result<Response<Bytes>, AnswerLost> {
        let mut world = self.shared.world.lock().await;
        self.catch_up(&mut world);
        let World { registries, now, .. } = &mut *world;
        if registries.reachable(host) {
            return Ok(registry::http(registries, *now, request, host));
        }
        drop(world);
        // As long as a client's system would try: time that a client with a shorter time-out does not wait.
        tokio::time::sleep(CONNECT_TIMEOUT).await;
        Err(AnswerLost(format!("dial tcp: connecting to {host}: i/o timeout")))
    }
}

/// The time until a connection to a host that does not answer fails.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

fn not_saved() -> ApiError {
    ApiError::new("InternalFailure", "the simulated cloud could not save its state; its log says why")
        .with_status(500)
}

fn trace(name: &str, region: &str, result: &Result<Value, ApiError>) {
    match result {
        Ok(_) => tracing::debug!(operation = name, region, "answered"),
        Err(error) => tracing::debug!(operation = name, region, code = error.code, "refused"),
    }
}
