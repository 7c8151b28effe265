//! A service's status.

use std::sync::Arc;

use aws_sdk_ecs::types::{DesiredStatus, Service as EcsService, Task};
use longshore_aws::{Aws, Freshness, GroupTarget, Owner, Ownership, TargetGroup};
use longshore_model::{
    Name, Service, ServiceEvent, ServiceStatus, TargetGroupStatus, TargetStatus, TaskStatus,
};
use longshore_plugin::{Context, Result};

use crate::{
    reads::{Reads, count, primary},
    service, tags, task,
    task_definition::revision_of,
    time::rfc3339,
};

/// The number of stopped tasks, and of events, that are shown.
const LAST: usize = 5;

/// Reads how the service is doing.
pub(crate) async fn read(
    aws: &Aws,
    context: &Context,
    name: &Name,
    declared: &Service,
) -> Result<ServiceStatus> {
    let reads = Reads { aws, cluster: &declared.cluster, service: &declared.name };
    // Tasks are asked for at once, not only where the service is there: so those of all services are read together.
    let of_service = |desired| aws.reads().service_tasks(&declared.cluster, &declared.name, desired);
    let (observed, running, stopped) = tokio::try_join!(
        reads.service(Freshness::Now),
        of_service(DesiredStatus::Running),
        of_service(DesiredStatus::Stopped),
    )?;
    // A deleted service is still shown for a while; with its cluster gone, it would not be.
    let observed = observed.filter(|observed| observed.status() != Some("INACTIVE"));
    let Some(observed) = observed else { return Ok(absent(name, declared)) };
    let owner = Ownership::of(context).owner(tags::pairs(observed.tags()));
    if let Some(why) = owner.not_ours().filter(|_| owner != Owner::Nobody) {
        let resource = service::resource(&declared.cluster, &declared.name);
        context.warn(format!("the {resource} {why} and is not shown"));
        return Ok(absent(name, declared));
    }
    Ok(ServiceStatus {
        state: observed.status.clone(),
        desired: count(observed.desired_count),
        running: count(observed.running_count),
        pending: count(observed.pending_count),
        task_definition: observed.task_definition().map(|arn| revision_of(arn).to_owned()),
        rollout: rollout(&observed),
        target_groups: target_groups(aws, context, &observed).await,
        tasks: shown(running, stopped),
        events: events(&observed),
        ..absent(name, declared)
    })
}

fn absent(name: &Name, declared: &Service) -> ServiceStatus {
    ServiceStatus {
        service: name.to_string(),
        name: declared.name.clone(),
        cluster: declared.cluster.clone(),
        state: None,
        desired: 0,
        running: 0,
        pending: 0,
        task_definition: None,
        rollout: None,
        target_groups: Vec::new(),
        tasks: Vec::new(),
        events: Vec::new(),
    }
}

/// The target groups of the service. A caller who may not read them is told so, and sees the rest.
async fn target_groups(aws: &Aws, context: &Context, service: &EcsService) -> Vec<TargetGroupStatus> {
    let arns = service.load_balancers().iter().filter_map(|balancer| balancer.target_group_arn());
    let mut groups = Vec::new();
    for arn in arns {
        match aws.reads().target_group(arn).await {
            Ok(Some(group)) => groups.push(target_group(&group)),
            Ok(None) => context.warn(format!("the target group {arn} of the service does not exist")),
            Err(failure) => context.warn(format!("the targets of the service are not shown: {failure}")),
        }
    }
    groups
}

fn target_group(group: &TargetGroup) -> TargetGroupStatus {
    let target = |target: &GroupTarget| TargetStatus {
        id: target.id.clone(),
        state: target.state.clone(),
        reason: target.reason.clone(),
    };
    TargetGroupStatus {
        name: group.name.clone(),
        addresses: group.addresses.clone(),
        targets: group.targets.iter().map(target).collect(),
    }
}

/// The tasks that run or are to run, and the last ones that stopped, newest first.
fn shown(mut running: Vec<Arc<Task>>, mut stopped: Vec<Arc<Task>>) -> Vec<TaskStatus> {
    running.sort_by(|a, b| (a.created_at, &a.task_arn).cmp(&(b.created_at, &b.task_arn)));
    // Tasks that are about to stop have no time of their end yet, and come first.
    stopped.sort_by_key(|task| {
        (task.stopped_at.is_some(), task.stopped_at.map(std::cmp::Reverse), task.task_arn.clone())
    });
    running.iter().chain(stopped.iter().take(LAST)).map(|task| task::status(task)).collect()
}

fn rollout(service: &EcsService) -> Option<String> {
    let primary = primary(service)?;
    let state = primary.rollout_state.as_ref()?.as_str();
    Some(match primary.rollout_state_reason() {
        Some(reason) if !reason.is_empty() => format!("{state}: {reason}"),
        _ => state.to_owned(),
    })
}

fn events(service: &EcsService) -> Vec<ServiceEvent> {
    let events = service.events().iter().take(LAST);
    events
        .filter_map(|event| {
            let at = event.created_at().and_then(rfc3339)?;
            Some(ServiceEvent { at, message: event.message()?.to_owned() })
        })
        .collect()
}
