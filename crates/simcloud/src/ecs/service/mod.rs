//! Services.

mod configuration;
mod create;
mod delete;
mod launch;
mod members;
mod options;
mod read;
mod update;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use self::{
    configuration::{ALL, DeploymentConfiguration, Strategy, not_played},
    create::{Remembered, create},
    delete::{delete, forget},
    launch::{Launch, StrategyItem},
    members::Members,
    options::{PropagateTags, Scheduling, may_execute},
    read::{describe, list},
    update::update,
};
use super::{
    arn::Arns,
    deployment::{Deployment, Rollout},
    load_balancing::Balanced,
    network::AwsVpc,
    service_deployment::{Monitor, ServiceDeployment, Status},
    service_events::ServiceEvents,
    service_revision::{PinnedImage, ServiceRevision},
    tags::Tags,
    task::Task,
    task_definition::TaskDefinition,
    wire::{pruned, time},
};
use crate::{Ids, Moment};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum ServiceStatus {
    Active,
    Draining,
    Inactive,
}

/// A service, with its deployments and their history.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) cluster: String,
    pub(super) status: ServiceStatus,
    #[serde(default)]
    pub(super) scheduling: Scheduling,
    pub(super) desired: u32,
    pub(super) configuration: DeploymentConfiguration,
    /// The task definition of the next deployment, and of the description.
    pub(super) definition: String,
    pub(super) launch: Launch,
    pub(super) network: Option<AwsVpc>,
    created: Moment,
    created_by: String,
    pub(super) tags: Tags,
    pub(super) propagate_tags: PropagateTags,
    pub(super) managed_tags: bool,
    pub(super) execute_command: bool,
    /// The other given members, as they are shown.
    #[serde(default)]
    pub(super) members: Members,
    /// The primary one first, then the others, newest first.
    pub(super) deployments: Vec<Deployment>,
    /// The oldest first.
    pub(super) service_deployments: Vec<ServiceDeployment>,
    /// The oldest first.
    pub(super) revisions: Vec<ServiceRevision>,
    pub(super) events: ServiceEvents,
    pub(super) pace: Pace,
}

/// The scheduler's state between its passes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Pace {
    /// When the next pass is due, if one is.
    pub(super) pass: Option<Moment>,
    /// Since when everything has been as it should be.
    pub(super) settled_since: Option<Moment>,
    /// True if the steady state was announced since it was last left.
    pub(super) announced: bool,
    /// Starts in a row that failed.
    pub(super) failures: u32,
    /// Before this moment no task is started.
    pub(super) not_before: Option<Moment>,
    /// True if the last task that was to start found no container instance with room.
    #[serde(default)]
    pub(super) lacks_room: bool,
    /// True if it was said that the configuration leaves no room for a deployment.
    pub(super) said_stuck: bool,
}

impl Service {
    pub(super) fn revision(&self, id: &str) -> Option<&ServiceRevision> {
        self.revisions.iter().find(|revision| revision.id == id)
    }

    pub(super) fn revision_mut(&mut self, id: &str) -> Option<&mut ServiceRevision> {
        self.revisions.iter_mut().find(|revision| revision.id == id)
    }

    /// The service deployment that is not over yet: at most one, the latest.
    pub(super) fn ongoing(&mut self) -> Option<&mut ServiceDeployment> {
        self.service_deployments.last_mut().filter(|deployment| !deployment.status.is_final())
    }

    /// The deployment whose tasks the primary one replaces: it was completed, and its tasks still run.
    pub(super) fn source(&self) -> Option<String> {
        let mut others = self.deployments.iter().skip(1);
        let is_completed = |it: &&Deployment| self.revision(&it.revision).is_some_and(|it| it.completed);
        others.find(is_completed).map(|deployment| deployment.id.clone())
    }

    /// The last revision whose deployment was completed.
    pub(super) fn completed(&self) -> Option<&ServiceRevision> {
        let mut deployments = self.deployments.iter().filter_map(|it| self.revision(&it.revision));
        deployments.find(|revision| revision.completed)
    }

    /// Shows the target groups that the primary deployment uses as the service's, and the others as the alternate ones.
    pub(super) fn swap_target_groups(&mut self) {
        let primary = self.deployments.first().and_then(|primary| self.revision(&primary.revision));
        let Some(balanced) = primary.map(|primary| primary.load_balancers.clone()) else { return };
        for item in self.members.items_mut("loadBalancers") {
            balanced.iter().for_each(|balanced| balanced.swap(item));
        }
    }

    /// The revision to which a failed deployment goes back: the last that was completed.
    pub(super) fn rollback_target(&self) -> Option<String> {
        let failing = self.deployments.first().map(|deployment| deployment.revision.as_str());
        self.revisions
            .iter()
            .rev()
            .find(|revision| revision.completed && Some(revision.id.as_str()) != failing)
            .map(|revision| revision.id.clone())
    }

    pub(super) fn is_daemon(&self) -> bool {
        self.scheduling == Scheduling::Daemon
    }

    /// Sets the count of the tasks that it wants.
    pub(super) fn scale(&mut self, desired: u32) {
        if self.desired != desired {
            self.desired = desired;
            self.pace.announced = false;
            self.pace.settled_since = None;
        }
    }

    /// Freezes what the service is now into a revision and makes its deployment the primary one.
    pub(super) fn deploy(
        &mut self,
        ids: &mut Ids,
        at: Moment,
        definition: &TaskDefinition,
        load_balancers: Vec<Balanced>,
    ) {
        if let Some(superseded) = self.ongoing() {
            superseded.set(
                Status::Stopped,
                Some("The service deployment was stopped because a newer one was created.".to_owned()),
                at,
            );
        }
        // A deployment that never had a task leaves nothing to replace.
        let kept = self.desired;
        if let Some(primary) = self.deployments.first_mut() {
            primary.kept = kept;
            primary.updated = at;
        }
        let images = definition
            .spec
            .container_definitions
            .iter()
            .map(|container| {
                (container.name.clone(), PinnedImage { image: container.image.clone(), digest: None })
            })
            .collect();
        let sources = self.deployments.iter().map(|deployment| deployment.revision.clone()).collect();
        let revision = ids.from_alphabet(b"123456789", 19);
        self.revisions.push(ServiceRevision {
            id: revision.clone(),
            definition: definition.arn.clone(),
            launch: self.launch.clone(),
            network: self.network.clone(),
            load_balancers,
            created: at,
            images,
            completed: false,
        });
        let deployment = format!("ecs-svc/{}", ids.from_alphabet(b"123456789", 19));
        self.service_deployments.push(ServiceDeployment {
            id: ids.from_alphabet(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", 21),
            deployment: deployment.clone(),
            target: revision.clone(),
            sources,
            status: Status::Pending,
            reason: None,
            created: at,
            started: None,
            finished: None,
            stopped: None,
            updated: at,
            monitor: if self.configuration.breaker.enable { Monitor::Monitoring } else { Monitor::Disabled },
            failures: 0,
            rollback: None,
            alarms: match self.configuration.alarms() {
                Some(_) => Monitor::Monitoring,
                None => Monitor::Disabled,
            },
            configuration: self.configuration.clone(),
            course: None,
            triggered_alarms: Vec::new(),
        });
        self.deployments.insert(0, Deployment::new(deployment, revision, at));
        self.pace = Pace { pass: self.pace.pass, ..Pace::default() };
    }

    pub(super) fn json<'a>(
        &self,
        arns: &Arns,
        with_tags: bool,
        tasks: impl Iterator<Item = &'a Task> + Clone,
    ) -> Value {
        let deployments: Vec<Value> = self
            .deployments
            .iter()
            .enumerate()
            .map(|(index, deployment)| deployment.json(self, index == 0, tasks.clone()))
            .collect();
        // A pending deployment is not current: right after a change the answer still names the one before it.
        let current =
            self.service_deployments.iter().rev().find(|deployment| deployment.status != Status::Pending);
        let revisions: Vec<Value> = self
            .deployments
            .iter()
            .enumerate()
            .map(|(index, deployment)| {
                let mine =
                    tasks.clone().filter(|task| task.revision.as_deref() == Some(&deployment.revision));
                json!({
                    "arn": arns.service_revision(&self.cluster, &self.name, &deployment.revision),
                    "requestedTaskCount": if index == 0 { self.desired } else { deployment.kept },
                    "runningTaskCount": mine.clone().filter(|task| task.is_running()).count(),
                    "pendingTaskCount": mine.filter(|task| task.is_pending()).count(),
                })
            })
            .collect();
        let mut service = pruned(json!({
            "serviceArn": arns.service(&self.cluster, &self.name),
            "serviceName": self.name,
            "clusterArn": arns.cluster(&self.cluster),
            "loadBalancers": [],
            "serviceRegistries": [],
            "status": self.status,
            "desiredCount": self.desired,
            "runningCount": tasks.clone().filter(|task| task.is_running()).count(),
            "pendingCount": tasks.clone().filter(|task| task.is_pending()).count(),
            "launchType": self.launch.launch_type,
            "capacityProviderStrategy": self.launch.strategy_json(),
            "platformVersion": self.launch.requested_version(),
            "platformFamily": self.launch.platform_family,
            "taskDefinition": self.definition,
            "deploymentConfiguration": self.configuration.json(),
            "deployments": deployments,
            "events": self.events.json(),
            "createdAt": time(self.created),
            "currentServiceDeployment": current
                .map(|deployment| arns.service_deployment(&self.cluster, &self.name, &deployment.id)),
            "currentServiceRevisions": revisions,
            "placementConstraints": [],
            "placementStrategy": [],
            "networkConfiguration": self.network.as_ref().map(AwsVpc::json),
            "healthCheckGracePeriodSeconds": 0,
            "schedulingStrategy": self.scheduling,
            "deploymentController": { "type": "ECS" },
            "tags": if with_tags { self.tags.json() } else { Value::Null },
            // Network interfaces are managed with the service-linked role.
            "roleArn": self.network.as_ref().map(|_| arns.service_linked_role()),
            "createdBy": self.created_by,
            "enableECSManagedTags": self.managed_tags,
            "propagateTags": self.propagate_tags,
            "enableExecuteCommand": self.execute_command,
            "availabilityZoneRebalancing": self.scheduling.default_rebalancing(),
        }));
        self.members.show(&mut service);
        service
    }

    /// Returns true if its primary deployment still has to succeed.
    pub(super) fn is_rolling_out(&self) -> bool {
        self.deployments.first().is_some_and(|primary| primary.rollout == Rollout::InProgress)
    }
}
