//! Taking on the execution role.

use super::{
    super::{TaskKey, arn::Arns, task_definition::TaskSpec},
    refusal::Refusal,
};
use crate::{Moment, World, iam::Context};

/// The execution role, assumed.
#[derive(Clone, Debug)]
pub(super) struct Role {
    pub(super) arn: String,
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`: who IAM's messages name.
    pub(super) session: String,
}

/// Assumes the task's execution role, if it has one. The condition keys are those that AWS documents against
/// the confused deputy: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html>.
pub(super) fn assume(
    world: &World,
    now: Moment,
    key: &TaskKey,
    spec: &TaskSpec,
) -> Result<Option<Role>, Refusal> {
    let overridden = world.ecs.task(key).and_then(|task| task.overrides.execution_role_arn.clone());
    let Some(arn) = overridden.or_else(|| spec.execution_role_arn.clone()) else { return Ok(None) };
    let context = Context::new()
        .with("aws:SourceAccount", world.account.as_str())
        .with("aws:SourceArn", Arns::of(world, &key.region).task(&key.cluster, &key.task));
    world.iam.assume(now, &arn, "ecs-tasks.amazonaws.com", &context).map_err(|_| {
        Refusal::new(format!(
            "ECS was unable to assume the role '{arn}' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role."
        ))
    })?;
    let name = arn.rsplit('/').next().unwrap_or_default();
    let session = world.global_arn("sts", format_args!("assumed-role/{name}/{}", key.task));
    Ok(Some(Role { arn, session }))
}
