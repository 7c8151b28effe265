//! What tasks get beside their definition: tags, and whether commands can be executed in them.

use serde::{Deserialize, Serialize};

use super::super::wire::invalid;
use crate::ApiError;

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
    /// What a request says of it, if anything.
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
