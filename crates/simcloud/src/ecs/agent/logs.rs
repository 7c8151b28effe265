//! The log streams of a task's containers: the `awslogs` driver.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html>

use super::{
    super::{TaskKey, task::LogStream, task_definition::TaskSpec},
    Role,
    refusal::{Refusal, sdk},
};
use crate::{ApiError, Moment, World, iam::Context, partition, policy::Who};

/// Creates the stream `PREFIX/CONTAINER/TASK` of every container that logs to CloudWatch.
pub(super) fn open(
    world: &mut World,
    now: Moment,
    key: &TaskKey,
    role: Option<&Role>,
    spec: &TaskSpec,
) -> Result<(), Refusal> {
    for (index, container) in spec.container_definitions.iter().enumerate() {
        let Some(options) = container.awslogs() else { continue };
        let option = |name: &str| options.get(name).cloned().unwrap_or_default();
        let (group, region) = (option("awslogs-group"), option("awslogs-region"));
        let stream = format!("{}/{}/{}", option("awslogs-stream-prefix"), container.name, key.task);
        let Some(role) = role else { return Err(Refusal::logger("no execution role")) };
        if option("awslogs-create-group") == "true" {
            let action = "create log group has been retried 1 times: failed to create Cloudwatch log group";
            may(world, now, role, "logs:CreateLogGroup", &region, &format!("{group}:log-stream:"))
                .map_err(|error| Refusal::logger(&format!("{action}: {}", sdk(world, &error))))?;
            let account = world.account.clone();
            // A group that is there already is as good as one that was created.
            let _ = world.logs.create_group(&region, &account, &group, now);
        }
        let refuse = |error: &ApiError| {
            Refusal::logger(&format!(
                "create stream has been retried 1 times: failed to create Cloudwatch log stream: {}: {}",
                error.code, error.message
            ))
        };
        let resource = format!("{group}:log-stream:{stream}");
        may(world, now, role, "logs:CreateLogStream", &region, &resource).map_err(|error| refuse(&error))?;
        world.logs.create_stream(&region, &group, &stream, now).map_err(|error| refuse(&error))?;
        may(world, now, role, "logs:PutLogEvents", &region, &resource).map_err(|error| refuse(&error))?;
        if let Some(container) = world.ecs.task_mut(key).and_then(|task| task.containers.get_mut(index)) {
            container.log = Some(LogStream { region, group, stream });
        }
    }
    Ok(())
}

fn may(
    world: &World,
    now: Moment,
    role: &Role,
    action: &str,
    region: &str,
    resource: &str,
) -> Result<(), ApiError> {
    let resource = partition::arn("logs", region, &world.account, format_args!("log-group:{resource}"));
    let who = Who::Session { role: &role.arn, session: &role.session };
    let context = Context::new().with("aws:RequestedRegion", region);
    world
        .iam
        .authorize(now, who, action, &resource, &context, None)
        .map_err(|denial| ApiError::new("AccessDeniedException", denial.to_string()))
}
