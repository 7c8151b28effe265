//! Parameter Store's errors.

use crate::ApiError;

/// A parameter that is not there. AWS gives no message.
pub(super) fn not_found() -> ApiError {
    ApiError::new("ParameterNotFound", "")
}

/// A version that is not there.
pub(super) fn no_version(name: &str, version: &str) -> ApiError {
    ApiError::new(
        "ParameterVersionNotFound",
        format!(
            "Systems Manager could not find version {version} of {name}. Verify the version and try again."
        ),
    )
}

/// Input that breaks a rule.
pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}
