//! Checks if the roles that a task definition names exist.

use longshore_aws::{Aws, code};

/// The name in a role's ARN; a task definition may also have the name alone.
pub(crate) fn name_of(role: &str) -> &str {
    role.rsplit('/').next().unwrap_or(role)
}

/// Returns true if IAM says that a role is not there, or is another one of this name. Returns false if the caller lacks
/// the permission to ask.
pub(crate) async fn is_missing(aws: &Aws, role: &str) -> bool {
    let Ok(client) = aws.iam().await else { return false };
    let name = name_of(role);
    match client.get_role().role_name(name).send().await {
        Ok(answer) => answer.role().is_none_or(|found| found.arn() != role && name != role),
        Err(error) => code(&error) == Some("NoSuchEntity"),
    }
}
