//! Options of a service beside the definition of its tasks: tags, the execution of commands, and the scheduling strategy.

use serde::{Deserialize, Serialize};

use super::super::wire::invalid;
use crate::{ApiError, Call};

/// Whose tags new tasks get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::ecs) enum PropagateTags {
    TaskDefinition,
    Service,
    #[default]
    None,
}

impl PropagateTags {
    /// Parses a request's `propagateTags`, if it has one.
    pub(in crate::ecs) fn given(name: Option<&str>) -> Result<Option<Self>, ApiError> {
        name.map(|name| match name {
            "TASK_DEFINITION" => Ok(Self::TaskDefinition),
            "SERVICE" => Ok(Self::Service),
            "NONE" => Ok(Self::None),
            unknown => Err(invalid(format!("Invalid propagateTags: {unknown}"))),
        })
        .transpose()
    }
}

/// The scheduling strategy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(in crate::ecs) enum Scheduling {
    /// As many tasks as are desired.
    #[default]
    Replica,
    /// One task on each container instance.
    Daemon,
}

impl Scheduling {
    pub(in crate::ecs) fn given(name: Option<&str>) -> Result<Self, ApiError> {
        match name {
            None | Some("REPLICA") => Ok(Self::Replica),
            Some("DAEMON") => Ok(Self::Daemon),
            Some(unknown) => Err(invalid(format!("Invalid schedulingStrategy: {unknown}"))),
        }
    }

    /// Availability Zone rebalancing, if CreateService says nothing about it (API reference).
    pub(in crate::ecs) fn default_rebalancing(self) -> &'static str {
        match self {
            Self::Replica => "ENABLED",
            Self::Daemon => "DISABLED",
        }
    }

    /// Refuses the members of a request that daemons do not have.
    pub(in crate::ecs) fn check(self, call: &Call) -> Result<(), ApiError> {
        if self == Self::Replica {
            return Ok(());
        }
        if call.number("desiredCount").is_some() {
            return Err(invalid(
                "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again",
            ));
        }
        if !call.list("placementStrategy").is_empty() {
            return Err(invalid(
                "The daemon scheduling strategy does not support placement strategies. Remove the placement strategy and try again",
            ));
        }
        if !call.list("volumeConfigurations").is_empty() {
            return Err(invalid("The daemon scheduling strategy does not support volume configurations."));
        }
        Ok(())
    }
}

/// Refuses to execute commands in tasks without a task role: the agent that does it has its permissions from there.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html>
pub(in crate::ecs) fn may_execute(
    enable: bool,
    task_role: Option<&str>,
    refusal: &str,
) -> Result<(), ApiError> {
    if enable && task_role.is_none() {
        return Err(invalid(format!(
            "{refusal} Specify a valid task role in your task definition and try again."
        )));
    }
    Ok(())
}
