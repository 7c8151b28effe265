//! CloudWatch alarms that fail deployments. An image says which alarms go into the ALARM state while it is deployed.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html>

use std::{collections::BTreeSet, time::Duration};

use super::{
    ServiceKey,
    rollback::{self, Cause},
    service_deployment::{Monitor, Status},
};
use crate::{Moment, World};

/// The period of an alarm: so long must its metric be above the threshold.
const PERIOD: Duration = Duration::from_secs(60);

/// The state of the alarms of a deployment.
pub(super) enum Alarms {
    /// None is known to go into the ALARM state.
    Quiet,
    /// One goes into the ALARM state at a moment.
    Due(Moment),
    /// One did, and the deployment has failed.
    Triggered,
}

/// Looks at the alarms of the deployment in progress.
pub(super) fn look(world: &mut World, now: Moment, key: &ServiceKey) -> Alarms {
    let Some(service) = world.ecs.service(key) else { return Alarms::Quiet };
    let latest = service.service_deployments.last();
    let Some(ongoing) =
        latest.filter(|it| it.status == Status::InProgress && it.alarms == Monitor::Monitoring)
    else {
        return Alarms::Quiet;
    };
    let Some(configured) = ongoing.configuration.alarms().cloned() else { return Alarms::Quiet };
    // The metrics are those of the traffic, if traffic is shifted.
    let since = match &ongoing.course {
        Some(course) if ongoing.configuration.strategy.shifts_traffic() => match course.traffic_since {
            Some(since) => since,
            None => return Alarms::Quiet,
        },
        _ => ongoing.created,
    };
    let deployment = ongoing.deployment.clone();
    let mut due: Option<Moment> = None;
    let mut triggered = BTreeSet::new();
    let tasks = world.ecs.tasks_of(key).filter(|task| task.is_running());
    for task in tasks.filter(|task| task.deployment.as_deref() == Some(&deployment)) {
        let alarms = task.containers.iter().flat_map(|container| &container.behaviour.alarms);
        let at = task.started.map_or(since, |started| started.max(since)) + PERIOD;
        for name in alarms.filter(|name| configured.alarm_names.contains(name)) {
            due = Some(due.map_or(at, |due| due.min(at)));
            if at <= now {
                triggered.insert(name.clone());
            }
        }
    }
    if triggered.is_empty() {
        return due.map_or(Alarms::Quiet, Alarms::Due);
    }
    if let Some(ongoing) = world.ecs.service_mut(key).and_then(|service| service.ongoing()) {
        ongoing.alarms = Monitor::Triggered;
        ongoing.triggered_alarms = triggered.into_iter().collect();
    }
    rollback::fail(world, now, key, &Cause::Alarm, configured.rollback);
    Alarms::Triggered
}
