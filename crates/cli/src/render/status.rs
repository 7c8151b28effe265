//! The status of services.

use longshore_model::{ServiceStatus, TargetGroupStatus, TaskStatus};

use super::{Style, time, words};

/// The number of a service's events that are shown.
const EVENTS: usize = 5;

/// Each service with its tasks and last events.
pub(super) fn services(services: &[ServiceStatus], style: Style) -> String {
    if services.is_empty() {
        return "The configuration declares no services.\n".to_owned();
    }
    let blocks: Vec<_> = services.iter().map(|service| one(service, style)).collect();
    blocks.join("\n")
}

fn one(service: &ServiceStatus, style: Style) -> String {
    let mut text = tasks(service, style);
    if !service.events.is_empty() {
        text.push_str("  last events:\n");
        for event in service.events.iter().take(EVENTS) {
            let message = event.message.replace('\n', "\n      ");
            text.push_str(&format!("    {}  {message}\n", style.dim(&time::moment(&event.at))));
        }
    }
    text
}

/// A service and its tasks.
pub(super) fn tasks(service: &ServiceStatus, style: Style) -> String {
    let name = style.bold(&service.service);
    let Some(state) = &service.state else {
        return format!("{name}: not there\n");
    };
    let mut text = format!("{name}: {}", running(service, style));
    if state != "ACTIVE" {
        text.push_str(&format!(", {state}"));
    }
    text.push('\n');
    if let Some(task_definition) = &service.task_definition {
        text.push_str(&format!("  {task_definition} in the cluster {}", service.cluster));
        if service.name != service.service {
            text.push_str(&format!(" as {}", service.name));
        }
        if let Some(rollout) = &service.rollout {
            text.push_str(&format!(", {rollout}"));
        }
        text.push('\n');
    }
    for group in &service.target_groups {
        text.push_str(&target_group(group, style));
    }
    for task in &service.tasks {
        text.push_str(&self::task(task, style));
    }
    text
}

fn running(service: &ServiceStatus, style: Style) -> String {
    let ServiceStatus { desired, running, pending, .. } = service;
    let text = format!("{running} of {} running", words::count(*desired as usize, "task"));
    let text = if running == desired { style.green(&text) } else { style.yellow(&text) };
    if *pending > 0 { format!("{text}, {pending} pending") } else { text }
}

fn target_group(group: &TargetGroupStatus, style: Style) -> String {
    let is_healthy = |state: &str| state == "healthy";
    let healthy = group.targets.iter().filter(|target| is_healthy(&target.state)).count();
    let count = format!("{healthy} of {} healthy", words::count(group.targets.len(), "target"));
    let is_well = healthy == group.targets.len();
    let count = if is_well { style.green(&count) } else { style.yellow(&count) };
    let address = |address: &String| format!("  {}\n", style.bold(address));
    let mut text: String = group.addresses.iter().map(address).collect();
    text.push_str(&format!("  target group {}: {count}\n", group.name));
    for target in group.targets.iter().filter(|target| !is_healthy(&target.state)) {
        let reason = target.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        text.push_str(&format!("    {} is {}{reason}\n", target.id, target.state));
    }
    text
}

fn task(task: &TaskStatus, style: Style) -> String {
    let state = match task.state.as_str() {
        "RUNNING" => style.green(&task.state),
        "STOPPED" => style.red(&task.state),
        _ => style.yellow(&task.state),
    };
    let mut text = format!("  task {}  {state}", task.id);
    if let Some(started) = &task.started_at {
        text.push_str(&format!("  since {}", time::moment(started)));
    }
    text.push('\n');
    for image in &task.images {
        text.push_str(&format!("    {}\n", style.dim(image)));
    }
    if let Some(reason) = &task.stopped_reason {
        text.push_str(&format!("    {}\n", reason.trim_end().replace('\n', "\n    ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use longshore_model::{ServiceEvent, TargetStatus};

    use super::*;

    #[test]
    fn shows_services_that_run_that_fail_and_that_are_not_there() {
        let task = |id: &str, state: &str| TaskStatus {
            id: id.into(),
            state: state.into(),
            task_definition: "shop-api:3".into(),
            images: vec!["ghcr.io/acme/api:1@sha256:0a1b".into()],
            started_at: (state == "RUNNING").then(|| "2026-11-23T06:27:01.5Z".into()),
            stopped_reason: (state == "STOPPED").then(|| "CannotPullContainerError: denied\nand more".into()),
        };
        let target = |id: &str, reason: Option<&str>| TargetStatus {
            id: id.into(),
            state: if reason.is_none() { "healthy" } else { "unhealthy" }.into(),
            reason: reason.map(Into::into),
        };
        let api = ServiceStatus {
            service: "api".into(),
            name: "shop-api".into(),
            cluster: "shop".into(),
            state: Some("ACTIVE".into()),
            desired: 2,
            running: 1,
            pending: 1,
            task_definition: Some("shop-api:3".into()),
            rollout: Some("IN_PROGRESS".into()),
            target_groups: vec![TargetGroupStatus {
                name: "shop-api".into(),
                addresses: vec!["https://api.acme.example/".into()],
                targets: vec![target("10.0.0.1:8080", None), target("10.0.0.2:8080", Some("Target.Timeout"))],
            }],
            tasks: vec![task("4f21", "RUNNING"), task("9c3e", "STOPPED")],
            events: vec![ServiceEvent {
                at: "2026-11-23T06:27:03Z".into(),
                message: "(service api) has started".into(),
            }],
        };
        let web = ServiceStatus {
            service: "web".into(),
            name: "web".into(),
            state: None,
            desired: 0,
            running: 0,
            pending: 0,
            task_definition: None,
            rollout: None,
            target_groups: vec![],
            tasks: vec![],
            events: vec![],
            ..api.clone()
        };
        insta::assert_snapshot!(services(&[api, web], Style::default()));
        insta::assert_snapshot!(services(&[], Style::default()));
    }
}
