//! Inputs held against AWS's model of its API.

use longshore_aws_shapes::{Kind, Model};
use serde_json::Value;

use super::wire::{invalid, pruned, unsupported};
use crate::ApiError;

/// Checks the input of `operation`: types, enumerations, bounds, required members.
///
/// # Errors
/// The first fault. A member that the model does not have is refused, which AWS does not do: ignored, it would seem to work.
pub(super) fn check(operation: &str, input: &Value) -> Result<(), ApiError> {
    let Some(shape) = Model::ecs().input(operation) else { return Ok(()) };
    let input = pruned(input.clone());
    let findings = shape.check(&input);
    let Some(finding) = findings.into_iter().next() else { return Ok(()) };
    Err(match &finding.kind {
        Kind::Unknown { .. } => unsupported(format!(
            "the simulated cloud does not know the member {} of {operation}",
            finding.path.join(".")
        )),
        Kind::Type { .. } => ApiError::new("SerializationException", finding.to_string()),
        Kind::Size { .. } | Kind::Enumeration { .. } | Kind::Missing => invalid(finding.to_string()),
    })
}
