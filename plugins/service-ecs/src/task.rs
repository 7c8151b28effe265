//! Tasks, as they are told of.

use aws_sdk_ecs::types::{Container, Task, TaskStopCode};
use longshore_model::TaskStatus;

use crate::{task_definition::revision_of, time::rfc3339};

/// The last part of a task's ARN.
pub(crate) fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// As much of a task's id as people compare.
pub(crate) fn short_id(arn: &str) -> String {
    let id = id_of(arn);
    match id.char_indices().nth(8) {
        Some((end, _)) => format!("{}…", &id[..end]),
        None => id.to_owned(),
    }
}

/// Returns the reason for a task's stop: ECS's reason, and the containers' additions to it.
pub(crate) fn stopped_reason(task: &Task) -> Option<String> {
    let reason = task.stopped_reason().map(str::trim).filter(|reason| !reason.is_empty());
    let mut parts: Vec<_> = reason.map(str::to_owned).into_iter().collect();
    for container in task.containers() {
        if let Some(said) = of_container(container, reason.unwrap_or_default()) {
            parts.push(format!("{}: {said}", container.name().unwrap_or("a container")));
        }
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Returns a container's reason for its end, unless the task says so already.
fn of_container(container: &Container, task: &str) -> Option<String> {
    let reason = container.reason().filter(|reason| !reason.is_empty() && !task.contains(*reason));
    let code = container.exit_code.filter(|code| *code != 0).map(|code| format!("exit code {code}"));
    match (reason, code) {
        (None, None) => None,
        (Some(reason), None) => Some(reason.to_owned()),
        (None, Some(code)) => Some(code),
        (Some(reason), Some(code)) => Some(format!("{reason} ({code})")),
    }
}

/// Returns true if the task stopped because something is wrong with it, and not because it was replaced, scaled away, or ended by
/// hand. Tasks that are about to stop do not count yet: their containers have not told all.
pub(crate) fn has_failed(task: &Task) -> bool {
    if !matches!(task.last_status(), Some("STOPPED" | "DEPROVISIONING")) {
        return false;
    }
    let reason = task.stopped_reason().unwrap_or_default();
    match &task.stop_code {
        Some(TaskStopCode::ServiceSchedulerInitiated) => reason.to_lowercase().contains("health check"),
        Some(TaskStopCode::TaskFailedToStart | TaskStopCode::EssentialContainerExited) => true,
        Some(_) => false,
        None => !reason.is_empty() && !reason.starts_with("Scaling activity"),
    }
}

/// Returns true if the task ran, and a container ended by itself.
pub(crate) fn has_exited(task: &Task) -> bool {
    task.stop_code == Some(TaskStopCode::EssentialContainerExited)
}

/// The task as a status shows it.
pub(crate) fn status(task: &Task) -> TaskStatus {
    TaskStatus {
        id: id_of(task.task_arn().unwrap_or_default()).to_owned(),
        state: task.last_status().unwrap_or("UNKNOWN").to_owned(),
        task_definition: revision_of(task.task_definition_arn().unwrap_or_default()).to_owned(),
        images: task.containers().iter().filter_map(image).collect(),
        started_at: task.started_at.as_ref().and_then(rfc3339),
        stopped_reason: stopped_reason(task),
    }
}

/// The image of a container, with the digest that was pulled.
fn image(container: &Container) -> Option<String> {
    let image = container.image()?;
    match container.image_digest() {
        Some(digest) if !image.contains('@') => Some(format!("{image}@{digest}")),
        _ => Some(image.to_owned()),
    }
}
