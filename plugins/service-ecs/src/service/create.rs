//! Creating the service.

use std::time::Duration;

use aws_sdk_ecs::types::{DeploymentCircuitBreaker, DeploymentConfiguration, Service};
use longshore_aws::{
    Freshness, JsonRequest, Ownership, code, failure,
    wait::{Patience, Probe, until},
};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Result};
use sha2::{Digest as _, Sha256};

use super::{
    ServiceStep,
    compare::{Declared, ecs_launch_type},
    members,
    network::Placement,
    options,
};
use crate::declaration::Deployment;
use crate::{render::clamped, revision::Revision, tags};

/// In a fresh account, ECS makes its service-linked role when the first cluster is created; that takes seconds.
const FIRST_USE: Patience = Patience::of(Duration::from_secs(120));

impl ServiceStep {
    /// Creates the service with so many tasks, or finds that an earlier attempt did. `before` is the deleted service of
    /// this name that ECS still shows.
    pub(super) async fn create(
        &self,
        context: &Context,
        cluster: &str,
        declared: &Declared<'_>,
        desired_count: u32,
        revision: &Revision<'_>,
        before: Option<&Service>,
    ) -> Result<Service> {
        let client = self.aws.ecs().await?;
        let network = declared.placement.as_ref().map(Placement::configuration).transpose()?;
        let members = JsonRequest(members::of_creation(&declared.fields, &declared.deployment));
        let ownership = Ownership::of(context);
        until(context, FIRST_USE, |attempt| {
            let token = client_token(&[
                cluster,
                &self.service.name,
                revision.arn,
                &format!("{declared:?} {desired_count}"),
                &format!("{:?}", before.and_then(|service| service.created_at)),
                &attempt.to_string(),
            ]);
            let call = client
                .create_service()
                .cluster(cluster)
                .service_name(&self.service.name)
                .client_token(token)
                .task_definition(revision.arn)
                .desired_count(clamped(desired_count))
                .launch_type(ecs_launch_type(declared.launch_type))
                .deployment_configuration(deployment_configuration(&declared.deployment))
                .set_network_configuration(network.clone())
                .set_tags(Some(tags::of(&ownership).into_iter().chain(revision.tag()).collect()));
            let call = options::make(call, declared.execute_command).customize().interceptor(members.clone());
            let ownership = &ownership;
            async move {
                let error = match call.send().await {
                    Ok(answer) => {
                        let missing =
                            || Failure::new(FailureKind::Internal, "ECS answers without the service");
                        return answer.service.map(Probe::Done).ok_or_else(missing);
                    }
                    Err(error) => error,
                };
                let failed = failure(&error, self.at("CreateService"));
                if code(&error) != Some("InvalidParameterException") {
                    return Err(failed);
                }
                let message = failed.message.to_lowercase();
                if message.contains("not idempotent") {
                    // It is there already (the answer to an earlier attempt was lost), or the token was used for a
                    // service that is gone: then the next attempt has another one.
                    let active = self
                        .observe(Freshness::Now)
                        .await?
                        .filter(|service| service.status() == Some("ACTIVE"));
                    let Some(service) = active else { return Ok(Probe::Again(failed)) };
                    self.require_ours(ownership, &service)?;
                    return Ok(Probe::Done(service));
                }
                if message.contains("service linked role") || message.contains("still draining") {
                    return Ok(Probe::Again(failed));
                }
                Err(failed)
            }
        })
        .await
    }
}

/// Returns the settings for rolling out new revisions, as ECS takes them.
fn deployment_configuration(deployment: &Deployment) -> DeploymentConfiguration {
    let breaker = DeploymentCircuitBreaker::builder()
        .enable(deployment.circuit_breaker)
        .rollback(ecs_rolls_back(deployment))
        .build();
    DeploymentConfiguration::builder()
        .minimum_healthy_percent(clamped(deployment.minimum_healthy_percent))
        .maximum_percent(clamped(deployment.maximum_percent))
        .deployment_circuit_breaker(breaker)
        .build()
}

/// Returns true if ECS itself rolls back to the last revision that worked, which requires the circuit breaker.
pub(super) const fn ecs_rolls_back(deployment: &Deployment) -> bool {
    deployment.circuit_breaker && deployment.rollback
}

/// A token with which the same request creates one service, however often it is sent: 32 hexadecimal digits (ECS takes
/// at most 36 characters).
fn client_token(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
