//! Secrets Manager's errors.

use crate::ApiError;

/// A secret that is not there.
pub(super) fn not_found() -> ApiError {
    ApiError::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

/// A secret that is scheduled for deletion.
pub(super) fn marked_for_deletion() -> ApiError {
    request("You can't perform this operation on the secret because it was marked for deletion.")
}

/// A staging label that no version carries.
pub(super) fn no_stage(stage: &str) -> ApiError {
    ApiError::new(
        "ResourceNotFoundException",
        format!("Secrets Manager can't find the specified secret value for staging label: {stage}"),
    )
}

/// A version that is not there.
pub(super) fn no_version(id: &str) -> ApiError {
    ApiError::new(
        "ResourceNotFoundException",
        format!("Secrets Manager can't find the specified secret value for VersionId: {id}"),
    )
}

/// A parameter that is wrong by itself.
pub(super) fn parameter(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

/// A request that does not fit the state.
pub(super) fn request(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidRequestException", message)
}

/// Something of that name or id that is there already.
pub(super) fn exists(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceExistsException", message)
}
