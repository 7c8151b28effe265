//! On what tasks run: a launch type, or a capacity provider strategy.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{
    cluster::{Capacity, checked_providers},
    task_definition::TaskSpec,
    wire::{invalid, unsupported},
};
use crate::ApiError;

/// The Linux platform version that `LATEST` stands for.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-linux-fargate.html>
const LATEST: &str = "1.4.0";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ecs) struct Launch {
    /// `FARGATE` or `EC2`; nothing where there is a capacity provider strategy.
    pub(in crate::ecs) launch_type: Option<String>,
    strategy: Vec<StrategyItem>,
    /// As it was asked for, or `LATEST`; Fargate only.
    version: Option<String>,
    pub(in crate::ecs) platform_family: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::ecs) struct StrategyItem {
    capacity_provider: String,
    #[serde(default)]
    weight: u32,
    #[serde(default)]
    base: u32,
}

impl Launch {
    /// Checks how a service or task is to be launched in a cluster with this capacity.
    pub(in crate::ecs) fn checked(
        capacity: &Capacity,
        spec: &TaskSpec,
        launch_type: Option<String>,
        strategy: Option<Vec<StrategyItem>>,
        version: Option<String>,
    ) -> Result<Self, ApiError> {
        let given = strategy.unwrap_or_default();
        if launch_type.is_some() && !given.is_empty() {
            return Err(invalid(
                "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
            ));
        }
        let strategy = if launch_type.is_none() && given.is_empty() {
            serde_json::from_value(capacity.default_strategy.clone()).unwrap_or_default()
        } else {
            given
        };
        let providers: Vec<String> = strategy.iter().map(|item| item.capacity_provider.clone()).collect();
        checked_providers(&providers)?;
        if providers.iter().any(|provider| !capacity.providers.contains(provider)) {
            return Err(invalid(
                "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.",
            ));
        }
        let launch_type = match launch_type {
            None if strategy.is_empty() => Some("EC2".to_owned()),
            Some(kind) if matches!(kind.as_str(), "EC2" | "FARGATE") => Some(kind),
            Some(kind) if matches!(kind.as_str(), "EXTERNAL" | "MANAGED_INSTANCES") => {
                return Err(unsupported(format!(
                    "the simulated cloud does not simulate the launch type {kind}"
                )));
            }
            Some(unknown) => return Err(invalid(format!("Invalid launchType: {unknown}"))),
            None => None,
        };
        let fargate = launch_type.as_deref() != Some("EC2");
        if fargate && !spec.requires_fargate() {
            return Err(incompatible());
        }
        if let Some(version) = &version {
            if !fargate {
                return Err(invalid("The platform version must be null when specifying an EC2 launch type."));
            }
            if !matches!(version.as_str(), "LATEST" | "1.4.0" | "1.3.0") {
                return Err(ApiError::new(
                    "PlatformUnknownException",
                    "The platform version does not exist.",
                ));
            }
        }
        let version = fargate.then(|| version.unwrap_or_else(|| "LATEST".to_owned()));
        Ok(Self { launch_type, strategy, version, platform_family: fargate.then(|| family(spec)) })
    }

    /// The launch type and the strategy with which this would be asked for again.
    pub(super) fn request(self) -> (Option<String>, Option<Vec<StrategyItem>>) {
        let strategy = (!self.strategy.is_empty()).then_some(self.strategy);
        (self.launch_type, strategy)
    }

    /// The same for another task definition.
    pub(super) fn compatible_with(&self, spec: &TaskSpec) -> Result<Self, ApiError> {
        if self.is_fargate() && !spec.requires_fargate() {
            return Err(incompatible());
        }
        let platform_family = self.is_fargate().then(|| family(spec));
        Ok(Self { platform_family, ..self.clone() })
    }

    pub(in crate::ecs) fn is_fargate(&self) -> bool {
        self.launch_type.as_deref() != Some("EC2")
    }

    /// As a service shows it: what was asked for.
    pub(in crate::ecs) fn requested_version(&self) -> Option<&str> {
        self.is_fargate().then(|| self.version.as_deref().unwrap_or("LATEST"))
    }

    /// As deployments and tasks show it: what it came to.
    pub(in crate::ecs) fn platform_version(&self) -> Option<&str> {
        self.is_fargate()
            .then(|| self.version.as_deref().filter(|version| *version != "LATEST").unwrap_or(LATEST))
    }

    /// Returns the launch type that a task shows: `FARGATE` under Fargate's capacity providers, too.
    pub(in crate::ecs) fn task_launch_type(&self) -> &str {
        if self.is_fargate() { "FARGATE" } else { "EC2" }
    }

    /// The capacity provider of a task: the one with the most weight.
    pub(in crate::ecs) fn provider(&self) -> Option<&str> {
        self.strategy.iter().max_by_key(|item| item.weight).map(|item| item.capacity_provider.as_str())
    }

    pub(in crate::ecs) fn strategy_json(&self) -> Option<Value> {
        (!self.strategy.is_empty()).then(|| json!(self.strategy))
    }
}

fn family(spec: &TaskSpec) -> String {
    if spec.platform().0 == "windows" { "Windows" } else { "Linux" }.to_owned()
}

fn incompatible() -> ApiError {
    invalid("Task definition does not support launch_type FARGATE.")
}
