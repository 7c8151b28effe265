//! Service deployments: the record of how a service came from one revision to another.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    ServiceKey,
    arn::Arns,
    cluster,
    hooks::ActiveHook,
    rollback,
    service::{ALL, DeploymentConfiguration, Service, ServiceStatus},
    stages::Course,
    task::Task,
    wire::{Answer, input, invalid, maybe_time, missing, page, pruned, service_not_found, time, unsupported},
};
use crate::{ApiError, Call, Moment, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Status {
    Pending,
    InProgress,
    Successful,
    StopRequested,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

impl Status {
    /// Returns true if nothing more is going to happen.
    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed)
    }
}

/// The state of the circuit breaker, and of the alarms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Monitor {
    #[default]
    Disabled,
    Monitoring,
    MonitoringComplete,
    Triggered,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ServiceDeployment {
    pub(super) id: String,
    /// The deployment that carries it out; after a rollback, the one that failed.
    pub(super) deployment: String,
    pub(super) target: String,
    pub(super) sources: Vec<String>,
    pub(super) status: Status,
    pub(super) reason: Option<String>,
    pub(super) created: Moment,
    pub(super) started: Option<Moment>,
    pub(super) finished: Option<Moment>,
    pub(super) stopped: Option<Moment>,
    pub(super) updated: Moment,
    pub(super) monitor: Monitor,
    pub(super) failures: u32,
    pub(super) rollback: Option<Rollback>,
    /// The configuration that it began with.
    #[serde(default)]
    pub(super) configuration: DeploymentConfiguration,
    /// Its stages. `None` of a rolling deployment without hooks and bake time.
    #[serde(default)]
    pub(super) course: Option<Course>,
    #[serde(default)]
    pub(super) alarms: Monitor,
    #[serde(default)]
    pub(super) triggered_alarms: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Rollback {
    pub(super) reason: String,
    pub(super) started: Moment,
    pub(super) revision: String,
}

impl ServiceDeployment {
    pub(super) fn set(&mut self, status: Status, reason: Option<String>, at: Moment) {
        self.status = status;
        self.reason = reason;
        self.updated = at;
        match status {
            Status::InProgress => self.started = Some(at),
            Status::Stopped => {
                self.stopped = Some(at);
                self.finished = Some(at);
            }
            status if status.is_final() => self.finished = Some(at),
            _ => {}
        }
        for monitor in [&mut self.monitor, &mut self.alarms] {
            if status.is_final() && *monitor == Monitor::Monitoring {
                *monitor = Monitor::MonitoringComplete;
            }
        }
    }

    fn summary<'a>(
        &self,
        arns: &Arns,
        service: &Service,
        revision: &str,
        requested: u32,
        tasks: impl Iterator<Item = &'a Task> + Clone,
    ) -> Value {
        let course = self.course.as_ref().filter(|_| self.configuration.strategy.shifts_traffic());
        let weight = |share: u32| {
            let share = if revision == self.target { share } else { ALL - share };
            f64::from(share) / 10.0
        };
        let mine = tasks.filter(|task| task.revision.as_deref() == Some(revision));
        json!({
            "arn": arns.service_revision(&service.cluster, &service.name, revision),
            "requestedTaskCount": requested,
            "runningTaskCount": mine.clone().filter(|task| task.is_running()).count(),
            "pendingTaskCount": mine.filter(|task| task.is_pending()).count(),
            "requestedProductionTrafficWeight": course.map(|course| weight(course.production)),
            "requestedTestTrafficWeight": course.map(|course| weight(course.test)),
        })
    }

    fn alarms_json(&self) -> Option<Value> {
        let alarms = self.configuration.alarms()?;
        Some(json!({
            "status": self.alarms,
            "alarmNames": alarms.alarm_names,
            "triggeredAlarmNames": self.triggered_alarms,
        }))
    }

    fn json<'a>(
        &self,
        arns: &Arns,
        service: &Service,
        tasks: impl Iterator<Item = &'a Task> + Clone,
    ) -> Value {
        let current = service.deployments.first().map(|deployment| deployment.revision.as_str());
        let requested = |revision: &str| if current == Some(revision) { service.desired } else { 0 };
        let sources: Vec<Value> = self
            .sources
            .iter()
            .map(|revision| self.summary(arns, service, revision, requested(revision), tasks.clone()))
            .collect();
        pruned(json!({
            "serviceDeploymentArn": arns.service_deployment(&service.cluster, &service.name, &self.id),
            "serviceArn": arns.service(&service.cluster, &service.name),
            "clusterArn": arns.cluster(&service.cluster),
            "createdAt": time(self.created),
            "startedAt": maybe_time(self.started),
            "finishedAt": maybe_time(self.finished),
            "stoppedAt": maybe_time(self.stopped),
            "updatedAt": time(self.updated),
            "sourceServiceRevisions": sources,
            "targetServiceRevision":
                self.summary(arns, service, &self.target, requested(&self.target), tasks.clone()),
            "status": self.status,
            "statusReason": self.reason,
            "lifecycleStage": self.course.as_ref().map(|course| course.stage),
            "lifecycleHookDetails": self
                .course
                .as_ref()
                .map(|course| course.hooks.iter().map(ActiveHook::json).collect::<Vec<_>>()),
            "deploymentConfiguration": self.configuration.json(),
            "alarms": self.alarms_json(),
            "rollback": self.rollback.as_ref().map(|rollback| json!({
                "reason": rollback.reason,
                "startedAt": time(rollback.started),
                "serviceRevisionArn":
                    arns.service_revision(&service.cluster, &service.name, &rollback.revision),
            })),
            "deploymentCircuitBreaker": {
                "status": self.monitor,
                "failureCount": self.failures,
                "threshold": self.configuration.breaker.threshold(service.desired),
            },
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    service: String,
    cluster: Option<String>,
    status: Option<Vec<String>>,
    created_at: Option<CreatedAt>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct CreatedAt {
    before: Option<f64>,
    after: Option<f64>,
}

/// The newest first.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let request: List = input(call)?;
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let service = arns
        .service_name(&cluster.name, &request.service)
        .and_then(|name| cluster.services.get(name))
        .ok_or_else(service_not_found)?;
    let created = |deployment: &ServiceDeployment| {
        let at = deployment.created.epoch_seconds();
        request.created_at.as_ref().is_none_or(|range| {
            range.after.is_none_or(|after| at >= after) && range.before.is_none_or(|before| at <= before)
        })
    };
    let of_status = |deployment: &ServiceDeployment| {
        request.status.as_ref().is_none_or(|wanted| {
            wanted.is_empty()
                || json!(deployment.status)
                    .as_str()
                    .is_some_and(|name| wanted.iter().any(|want| want == name))
        })
    };
    let matching: Vec<&ServiceDeployment> = service
        .service_deployments
        .iter()
        .rev()
        .filter(|deployment| created(deployment) && of_status(deployment))
        .collect();
    let ids = matching.iter().map(|deployment| deployment.id.clone()).collect();
    // Twenty a page unless asked otherwise, as AWS documents it.
    let size = request.max_results.or(Some(20));
    let (ids, next) = page(ids, size, request.next_token.as_deref(), 100)?;
    let briefs: Vec<Value> = matching
        .iter()
        .filter(|deployment| ids.contains(&deployment.id))
        .map(|deployment| {
            json!({
                "serviceDeploymentArn": arns.service_deployment(&service.cluster, &service.name, &deployment.id),
                "serviceArn": arns.service(&service.cluster, &service.name),
                "clusterArn": arns.cluster(&service.cluster),
                "createdAt": time(deployment.created),
                "startedAt": maybe_time(deployment.started),
                "finishedAt": maybe_time(deployment.finished),
                "targetServiceRevisionArn":
                    arns.service_revision(&service.cluster, &service.name, &deployment.target),
                "status": deployment.status,
                "statusReason": deployment.reason,
            })
        })
        .collect();
    Ok(pruned(json!({ "serviceDeployments": briefs, "nextToken": next })))
}

/// The service of a service deployment's ARN, and the deployment's id.
fn locate(arns: &Arns, region: &str, arn: &str) -> Option<(ServiceKey, String)> {
    let mut path = arns.path("service-deployment", arn)?.split('/');
    let (cluster, service, id) = (path.next()?, path.next()?, path.next()?);
    let key =
        ServiceKey { region: region.to_owned(), cluster: cluster.to_owned(), service: service.to_owned() };
    Some((key, id.to_owned()))
}

pub(super) fn not_found() -> ApiError {
    ApiError::new("ServiceDeploymentNotFoundException", "The service deployment was not found.")
}

/// The active service of a service deployment's ARN, and the deployment's id.
pub(super) fn located(world: &World, call: &Call, arn: &str) -> Result<(ServiceKey, String), ApiError> {
    let arns = Arns::of(world, &call.region);
    let (key, id) = locate(&arns, &call.region, arn).ok_or_else(not_found)?;
    let is_active = world.ecs.service(&key).is_some_and(|service| service.status == ServiceStatus::Active);
    if is_active { Ok((key, id)) } else { Err(not_found()) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    service_deployment_arns: Vec<String>,
}

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let request: Describe = input(call)?;
    if request.service_deployment_arns.is_empty() || request.service_deployment_arns.len() > 20 {
        return Err(invalid("serviceDeploymentArns must have between 1 and 20 elements."));
    }
    let arns = Arns::of(world, &call.region);
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in &request.service_deployment_arns {
        let located = locate(&arns, &call.region, arn);
        let described = located.as_ref().and_then(|(key, id)| {
            let service = world.ecs.service(key)?;
            let deployment = service.service_deployments.iter().find(|deployment| deployment.id == *id)?;
            let tasks: Vec<&Task> = world.ecs.tasks_of(key).collect();
            Some(deployment.json(&arns, service, tasks.iter().copied()))
        });
        match described {
            Some(json) => found.push(json),
            None => failures.push(missing(arn)),
        }
    }
    Ok(json!({ "serviceDeployments": found, "failures": failures }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stop {
    service_deployment_arn: String,
    stop_type: Option<String>,
}

/// `ROLLBACK` (the default) goes back to the last completed revision. `ABORT` is refused: AWS documents that
/// only deployments of other strategies can be aborted without a rollback.
pub(super) fn stop(world: &mut World, call: &Call) -> Answer {
    let request: Stop = input(call)?;
    match request.stop_type.as_deref() {
        None | Some("ROLLBACK") => {}
        Some("ABORT") => {
            return Err(unsupported("the simulated cloud does not simulate the stop type ABORT"));
        }
        Some(unknown) => return Err(invalid(format!("Invalid stopType: {unknown}"))),
    }
    let (key, id) = located(world, call, &request.service_deployment_arn)?;
    let service = world.ecs.service_mut(&key).ok_or_else(not_found)?;
    let deployment =
        service.service_deployments.iter().find(|deployment| deployment.id == id).ok_or_else(not_found)?;
    let answer = json!({ "serviceDeploymentArn": request.service_deployment_arn });
    if deployment.status.is_final() {
        return Err(ApiError::new(
            "ConflictException",
            "The service deployment cannot be stopped in its current status.",
        ));
    }
    if !matches!(deployment.status, Status::Pending | Status::InProgress) {
        // A stop or rollback under way goes on.
        return Ok(answer);
    }
    if service.rollback_target().is_none() {
        return Err(ApiError::new(
            "ConflictException",
            "The service deployment cannot be rolled back: the service has no completed revision.",
        ));
    }
    rollback::request(world, call.now, &key);
    Ok(answer)
}
