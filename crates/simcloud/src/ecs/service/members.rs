//! Members of a service that are kept and shown as they were given.

use longshore_aws_shapes::Model;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Members that the operations themselves read.
const READ: [&str; 19] = [
    "capacityProviderStrategy",
    "clientToken",
    "cluster",
    "deploymentConfiguration",
    "deploymentController",
    "desiredCount",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "forceNewDeployment",
    "launchType",
    "networkConfiguration",
    "platformVersion",
    "propagateTags",
    "role",
    "schedulingStrategy",
    "service",
    "serviceName",
    "tags",
    "taskDefinition",
];

/// Members that `DescribeServices` shows with a deployment (API reference, Deployment).
const OF_DEPLOYMENTS: [&str; 3] =
    ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];

/// Members by name, as they were given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::ecs) struct Members(Map<String, Value>);

impl Members {
    /// Takes over those of a request. Returns true if one has changed that begins a new deployment.
    pub(super) fn take(&mut self, input: &Value) -> bool {
        let update = Model::ecs().input("UpdateService");
        let mut deploys = false;
        for (name, value) in input.as_object().into_iter().flatten() {
            if READ.contains(&name.as_str()) || value.is_null() {
                continue;
            }
            let before = self.0.insert(name.clone(), value.clone());
            let member = update.and_then(|update| update.member(name));
            deploys |= before.as_ref() != Some(value) && member.is_some_and(|member| member.deploys);
        }
        deploys
    }

    /// The items of the list `name`.
    pub(in crate::ecs) fn items(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The same, to be changed.
    pub(super) fn items_mut(&mut self, name: &str) -> &mut [Value] {
        self.0.get_mut(name).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
    }

    /// The seconds for which the health of a load balancer's targets does not count.
    pub(in crate::ecs) fn grace_period(&self) -> u64 {
        self.0.get("healthCheckGracePeriodSeconds").and_then(Value::as_u64).unwrap_or_default()
    }

    /// Adds them to the description of a service. Parts of a member that the service shows by itself stay.
    pub(super) fn show(&self, service: &mut Value) {
        for (name, value) in &self.0 {
            let place = if OF_DEPLOYMENTS.contains(&name.as_str()) {
                service.pointer_mut("/deployments/0")
            } else {
                Some(&mut *service)
            };
            let Some(place) = place.and_then(Value::as_object_mut) else { continue };
            match (place.get_mut(name), value) {
                (Some(Value::Object(shown)), Value::Object(given)) => complete(shown, given),
                _ => {
                    place.insert(name.clone(), value.clone());
                }
            }
        }
    }
}

fn complete(shown: &mut Map<String, Value>, given: &Map<String, Value>) {
    for (name, value) in given {
        match (shown.get_mut(name), value) {
            (Some(Value::Object(shown)), Value::Object(given)) => complete(shown, given),
            (Some(_), _) => {}
            (None, _) => {
                shown.insert(name.clone(), value.clone());
            }
        }
    }
}
