//! Scheduled actions.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    input::{Filter, Resource, limit_exceeded, page, validation},
    schedule::Schedule,
    state::{Action, Capacity},
    targets::capacity,
};
use crate::{ApiError, Call, Moment, World, ecs, partition};

/// The most scheduled actions of a target (user guide, "Quotas for Application Auto Scaling").
const MOST: usize = 200;

/// A scheduled action that is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Due {
    region: String,
    resource: String,
    action: String,
}

fn moment(call: &Call, member: &str) -> Option<Moment> {
    let seconds = call.input.get(member)?.as_f64()?;
    Some(Moment((seconds.max(0.0) * 1000.0) as u64))
}

/// Creates or changes a scheduled action. A change that names no start and no end removes them.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>
pub(super) fn put(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let resource = Resource::of(call)?;
    let name = call.text("ScheduledActionName").unwrap_or_default();
    if name.contains([':', '/', '|']) || name.contains(char::is_control) || name.trim() != name {
        return Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'scheduledActionName' failed to satisfy constraint: Member \
             must satisfy regular expression pattern: (?!((^[ ]+.*)|(.*([\\u0000-\\u001f]|[\\u007f-\\u009f]|[:/|])+.*)|(.*[ ]+$))).+"
        )));
    }
    let account = world.account.clone();
    let target = world.autoscaling.target(&call.region, resource.id);
    let target = target.ok_or_else(|| resource.not_registered())?;
    let before = target.actions.get(name);
    let zone = call.text("Timezone").or_else(|| before?.schedule.zone());
    let schedule = call.text("Schedule").or_else(|| Some(before?.schedule.text()));
    let schedule = schedule.ok_or_else(|| validation("Schedule must be specified for a new action"))?;
    let schedule = Schedule::parse(schedule, zone).map_err(validation)?;
    let given = call.input.get("ScalableTargetAction");
    let (min, max) = match (given, before) {
        (Some(given), _) => (capacity(given, "MinCapacity")?, capacity(given, "MaxCapacity")?),
        (None, Some(before)) => (before.min, before.max),
        (None, None) => (None, None),
    };
    if min.is_none() && max.is_none() {
        return Err(validation("ScalableTargetAction must have MinCapacity, MaxCapacity or both"));
    }
    if let (Some(min), Some(max)) = (min, max) {
        Capacity::checked(min, max)?;
    }
    let (start, end) = (moment(call, "StartTime"), moment(call, "EndTime"));
    if start.zip(end).is_some_and(|(start, end)| start >= end) {
        return Err(validation("The end time must be after the start time"));
    }
    if before.is_none() && target.actions.len() >= MOST {
        return Err(limit_exceeded("The maximum number of scheduled actions has been reached"));
    }
    let (arn, created) = match before {
        Some(before) => (before.arn.clone(), before.created),
        None => {
            let (id, resource) = (world.ids.uuid(), resource.id);
            let path = format!("scheduledAction:{id}:resource/ecs/{resource}:scheduledActionName/{name}");
            (partition::arn("autoscaling", &call.region, &account, path), call.now)
        }
    };
    let mut action = Action { arn, schedule, start, end, min, max, created, next: None };
    action.next = action.after(call.now);
    if let Some(next) = action.next {
        let (region, resource) = (call.region.clone(), resource.id.to_owned());
        world.agenda.at(next, crate::Due::AutoScaling(Due { region, resource, action: name.to_owned() }));
    }
    target.actions.insert(name.to_owned(), action);
    Ok(json!({}))
}

impl Action {
    /// When it runs next.
    fn after(&self, now: Moment) -> Option<Moment> {
        let from = self.start.map_or(now, |start| now.max(Moment(start.0.saturating_sub(1))));
        let base = self.start.unwrap_or(self.created);
        self.schedule.next(from, base).filter(|next| self.end.is_none_or(|end| *next <= end))
    }
}

/// Runs a scheduled action: the target's bounds change, and its service comes into them.
pub(crate) fn run(world: &mut World, at: Moment, due: Due) {
    let Some(target) = world.autoscaling.target(&due.region, &due.resource) else { return };
    let Some(action) = target.actions.get_mut(&due.action) else { return };
    // It was put anew, or is another one of the same name.
    if action.next != Some(at) {
        return;
    }
    let (min, max) = (action.min, action.max);
    action.next = action.after(at);
    let next = action.next;
    let wanted =
        Capacity::checked(min.unwrap_or(target.capacity.min), max.unwrap_or(target.capacity.max)).ok();
    if let Some(wanted) = wanted.filter(|_| !target.suspended.scheduled_scaling_suspended) {
        target.capacity = wanted;
        if let ["service", cluster, service] = due.resource.split('/').collect::<Vec<_>>().as_slice() {
            ecs::scale(world, at, (&due.region, cluster, service), wanted.min..=wanted.max);
        }
    }
    if let Some(next) = next {
        world.agenda.at(next, crate::Due::AutoScaling(due));
    }
}

pub(super) fn describe(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let filter = Filter::of(call, "ScheduledActionNames")?;
    let mut found = Vec::new();
    for (resource, target) in world.autoscaling.region(&call.region).iter() {
        for (name, action) in target.actions.iter().filter(|(name, _)| filter.has(resource, name)) {
            let mut json = Resource::json(resource);
            json["ScheduledActionName"] = json!(name);
            json["ScheduledActionARN"] = json!(action.arn);
            json["Schedule"] = json!(action.schedule.text());
            json["CreationTime"] = json!(action.created.epoch_seconds());
            let capacity = [("MinCapacity", action.min), ("MaxCapacity", action.max)];
            let capacity =
                capacity.into_iter().filter_map(|(name, count)| Some((name.to_owned(), count?.into())));
            json["ScalableTargetAction"] = Value::Object(capacity.collect());
            if let Some(zone) = action.schedule.zone() {
                json["Timezone"] = json!(zone);
            }
            for (member, moment) in [("StartTime", action.start), ("EndTime", action.end)] {
                if let Some(moment) = moment {
                    json[member] = json!(moment.epoch_seconds());
                }
            }
            found.push(json);
        }
    }
    page(call, "ScheduledActions", found, 50)
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let resource = Resource::of(call)?;
    let name = call.text("ScheduledActionName").unwrap_or_default();
    let target = world.autoscaling.target(&call.region, resource.id);
    let removed = target.and_then(|target| target.actions.remove(name));
    removed.ok_or_else(|| resource.no("scheduled action", Some(("scheduled action name", name))))?;
    Ok(json!({}))
}
