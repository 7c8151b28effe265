//! Hints for refusals that only registrations of task definitions have.

use longshore_aws::Aws;
use longshore_model::{Failure, Name};
use serde_json::Value;

use crate::role;

/// Returns true if ECS refuses a role. It does not say which.
fn is_of_role(failed: &Failure) -> bool {
    failed.message.to_lowercase().contains("role is not valid")
}

/// Returns true if a refusal passes by itself: IAM has not yet told ECS of a new role, or another revision of the family is being
/// registered at this moment.
pub(crate) fn is_passing(failed: &Failure) -> bool {
    is_of_role(failed) || failed.message.to_lowercase().contains("too many concurrent attempts")
}

fn task_role(definition: &Value) -> Option<&str> {
    definition.get("taskRoleArn")?.as_str()
}

/// Says what to do about a refusal of `definition`.
pub(crate) fn explained(failed: Failure, service: &Name, definition: &Value) -> Failure {
    if failed.message.contains("iam:PassRole") {
        failed.help("allow `iam:PassRole` on the service's roles to the caller, for ecs-tasks.amazonaws.com")
    } else if !is_of_role(&failed) {
        failed
    } else if let Some(task_role) = task_role(definition) {
        failed.help(format!(
            "both roles have to exist in this account and to trust ecs-tasks.amazonaws.com: the execution role, and \
             {task_role}, which is `services.{service}.task-role`"
        ))
    } else {
        failed.help("the execution role has to exist in this account and to trust ecs-tasks.amazonaws.com")
    }
}

/// Returns the same refusal with a hint, if the task role does not exist. No step creates it, so that waiting does not
/// help.
pub(crate) async fn of_missing_task_role(
    aws: &Aws,
    failed: &Failure,
    service: &Name,
    definition: &Value,
) -> Option<Failure> {
    let arn = task_role(definition).filter(|_| is_of_role(failed))?;
    role::is_missing(aws, arn).await.then(|| {
        failed.clone().help(format!(
            "`services.{service}.task-role` is {arn}, and this account has no such role: create it, or name another one"
        ))
    })
}
