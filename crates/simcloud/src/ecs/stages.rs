//! The lifecycle stages of deployments that run a second set of tasks and shift the traffic to it, and the hooks of all.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>
//!
//! The tasks of the new revision are green, those of the revision that it replaces are blue. A rollback takes the same
//! course in the other direction, without hooks and bake times: the last completed revision scales up where tasks of it
//! are gone, gets the traffic back, and the rest is cleaned up.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    ServiceKey,
    alarms::{self, Alarms},
    deployment::Rollout,
    hooks::ActiveHook,
    load_balancing::{self, Traffic},
    rollback::{self, Cause},
    scheduler::{self, Live},
    service::ALL,
    service_deployment::Status,
};
use crate::{Moment, World};

/// The time that a stage takes which waits for nothing.
const DWELL: Duration = Duration::from_secs(5);

/// A lifecycle stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Stage {
    ReconcileService,
    PreScaleUp,
    ScaleUp,
    PostScaleUp,
    TestTrafficShift,
    PostTestTrafficShift,
    PreProductionTrafficShift,
    ProductionTrafficShift,
    PostProductionTrafficShift,
    BakeTime,
    CleanUp,
}

impl Stage {
    pub(super) fn name(self) -> String {
        json!(self).as_str().unwrap_or_default().to_owned()
    }
}

/// The course of a deployment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Course {
    pub(super) stage: Stage,
    /// Since when it is in the stage.
    since: Moment,
    /// The hooks of the stage.
    pub(super) hooks: Vec<ActiveHook>,
    /// The number of times that production traffic was shifted.
    shifts: usize,
    /// The thousandths of the production traffic that the target revision gets.
    pub(super) production: u32,
    /// The same of the test traffic.
    pub(super) test: u32,
    /// Since when the target revision gets production traffic.
    pub(super) traffic_since: Option<Moment>,
}

impl Course {
    fn new(stage: Stage, now: Moment) -> Self {
        Self { stage, since: now, hooks: Vec::new(), shifts: 0, production: 0, test: 0, traffic_since: None }
    }

    /// The course back.
    pub(super) fn back(course: &Self, now: Moment) -> Self {
        let Self { production, test, .. } = *course;
        Self { production, test, ..Self::new(Stage::ScaleUp, now) }
    }
}

/// Returns true if the deployment of a service goes through the stages of a traffic shift.
pub(super) fn are_due(world: &mut World, key: &ServiceKey) -> bool {
    let ongoing = world.ecs.service_mut(key).and_then(|service| service.ongoing());
    ongoing.is_some_and(|ongoing| ongoing.configuration.strategy.shifts_traffic())
}

/// One look at a service whose deployment goes through the stages.
pub(super) fn pass(world: &mut World, now: Moment, key: &ServiceKey) {
    begin(world, now, key);
    watch_alarms(world, now, key);
    drive(world, now, key);
    // The alarms of traffic that was shifted just now.
    watch_alarms(world, now, key);
}

fn watch_alarms(world: &mut World, now: Moment, key: &ServiceKey) {
    if let Alarms::Due(moment) = alarms::look(world, now, key) {
        scheduler::plan(world, key, moment);
    }
}

/// Takes the deployment as far as it gets now.
fn drive(world: &mut World, now: Moment, key: &ServiceKey) {
    loop {
        let live = scheduler::live(world, key);
        let is_scaled = scale(world, now, key, &live);
        let Some((stage, ready)) = ready(world, now, key, is_scaled) else { return };
        match ready {
            Ready::Now => {}
            Ready::At(moment) => return scheduler::plan(world, key, moment),
            Ready::Later => return,
        }
        if !enter_next(world, now, key, stage) {
            return;
        }
    }
}

/// Begins the course of a pending deployment.
fn begin(world: &mut World, now: Moment, key: &ServiceKey) {
    let World { ecs, ids, .. } = world;
    let Some(service) = ecs.service_mut(key) else { return };
    let is_taking_over = service.deployments.len() > 2
        || service.deployments.get(1).is_some_and(|deployment| deployment.rollout != Rollout::Completed);
    let stage = if is_taking_over { Stage::ReconcileService } else { Stage::PreScaleUp };
    let Some(ongoing) = service.ongoing().filter(|ongoing| ongoing.status == Status::Pending) else { return };
    ongoing.set(Status::InProgress, None, now);
    let mut course = Course::new(stage, now);
    course.hooks = ActiveHook::begun(&ongoing.configuration.hooks, stage, ids, now);
    ongoing.course = Some(course);
    if is_taking_over {
        // A deployment that was superseded may have shifted traffic.
        load_balancing::shift(world, key, Traffic::Production, 0);
        load_balancing::shift(world, key, Traffic::Test, 0);
    }
}

/// Starts and stops tasks as the stage wants it. Returns true if there are as many as it wants, and all are healthy.
fn scale(world: &mut World, now: Moment, key: &ServiceKey, live: &[Live]) -> bool {
    let Some(service) = world.ecs.service_mut(key) else { return false };
    let desired = service.desired as usize;
    let failed_starts = service.pace.not_before.filter(|moment| *moment > now);
    let source = service.source();
    let Some(ongoing) = service.ongoing() else { return false };
    let is_back = ongoing.status == Status::RollbackInProgress;
    let Some(stage) = ongoing.course.as_ref().map(|course| course.stage) else { return false };
    let Some(target) = service.deployments.first().map(|deployment| deployment.id.clone()) else {
        return false;
    };
    // A rollback keeps what has the traffic until the traffic is back.
    let keeps_others = is_back && matches!(stage, Stage::ScaleUp | Stage::ProductionTrafficShift);
    let mut wanted = BTreeMap::new();
    let starts = is_back || !matches!(stage, Stage::ReconcileService | Stage::PreScaleUp);
    wanted.insert(target.clone(), if starts { desired } else { 0 });
    if let Some(source) = source.filter(|_| !is_back && stage != Stage::CleanUp) {
        wanted.insert(source, desired);
    }
    let mut stops: Vec<(String, bool)> = Vec::new();
    let mut is_scaled = true;
    for task in live {
        if !wanted.contains_key(&task.deployment) && !keeps_others {
            stops.push((task.id.clone(), task.running));
        }
    }
    is_scaled &= stops.is_empty();
    let mut starts = Vec::new();
    for (deployment, count) in wanted {
        let own: Vec<&Live> = live.iter().filter(|task| task.deployment == deployment).collect();
        let failing = scheduler::failing(world, key, &deployment);
        is_scaled &= own.len() == count && own.iter().all(|task| task.healthy);
        let surplus = own.len().saturating_sub(count);
        stops.extend(own.iter().rev().take(surplus).map(|task| (task.id.clone(), task.running)));
        starts.push((deployment, count.saturating_sub(own.len() + failing)));
    }
    scheduler::stop_tasks(world, now, key, &target, &stops);
    for (deployment, count) in starts.into_iter().filter(|(_, count)| *count > 0) {
        match failed_starts {
            Some(moment) => scheduler::plan(world, key, moment),
            None => scheduler::start_tasks(world, now, key, &deployment, count),
        }
    }
    is_scaled
}

/// The end of a stage.
enum Ready {
    Now,
    At(Moment),
    /// After tasks have started or stopped.
    Later,
}

/// Returns the stage of the deployment, and when it is over.
fn ready(world: &mut World, now: Moment, key: &ServiceKey, is_scaled: bool) -> Option<(Stage, Ready)> {
    let service = world.ecs.service_mut(key)?;
    let has_source = service.source().is_some();
    let ongoing = service.ongoing()?;
    let is_back = ongoing.status == Status::RollbackInProgress;
    if !is_back && ongoing.status != Status::InProgress {
        return None;
    }
    let configuration = ongoing.configuration.clone();
    let course = ongoing.course.as_ref()?;
    let stage = course.stage;
    let lasts = match stage {
        _ if is_back => Duration::ZERO,
        Stage::ProductionTrafficShift if has_source => {
            let shift = configuration.shifts().get(course.shifts.saturating_sub(1)).copied();
            shift.map_or(DWELL, |(_, bake)| bake.max(DWELL))
        }
        Stage::BakeTime if has_source => configuration.bake_time().max(DWELL),
        _ => DWELL,
    };
    let over = course.since + lasts;
    match hold(world, now, key) {
        Hold::Free => {}
        Hold::Until(moment) => return Some((stage, Ready::At(moment))),
        Hold::Failed => return None,
    }
    let waits_for_tasks = matches!(stage, Stage::ReconcileService | Stage::ScaleUp | Stage::CleanUp);
    let ready = match () {
        () if waits_for_tasks && !is_scaled => Ready::Later,
        () if now < over => Ready::At(over),
        () => Ready::Now,
    };
    Some((stage, ready))
}

/// The hold that hooks have on a deployment.
pub(super) enum Hold {
    Free,
    Until(Moment),
    /// A hook has failed, and the deployment with it.
    Failed,
}

/// Looks at the hooks of the stage that a deployment is in.
pub(super) fn hold(world: &mut World, now: Moment, key: &ServiceKey) -> Hold {
    let ongoing = world.ecs.service_mut(key).and_then(|service| service.ongoing());
    let Some(ongoing) = ongoing.filter(|ongoing| ongoing.status == Status::InProgress) else {
        return Hold::Free;
    };
    let Some(course) = &mut ongoing.course else { return Hold::Free };
    let has_failed = course.hooks.iter_mut().fold(false, |failed, hook| hook.expire(now) | failed);
    if has_failed {
        rollback::fail(world, now, key, &Cause::HookTimeout, true);
        scheduler::wake(world, now, key);
        return Hold::Failed;
    }
    match course.hooks.iter().filter_map(ActiveHook::waits_until).min() {
        Some(moment) => Hold::Until(moment),
        None => Hold::Free,
    }
}

/// Enters the stage after `stage`. Returns false if the deployment has ended.
fn enter_next(world: &mut World, now: Moment, key: &ServiceKey, stage: Stage) -> bool {
    let Some(service) = world.ecs.service_mut(key) else { return false };
    let has_source = service.source().is_some();
    let Some(ongoing) = service.ongoing() else { return false };
    let is_back = ongoing.status == Status::RollbackInProgress;
    let all = vec![(ALL, Duration::ZERO)];
    // Without tasks of another revision, nothing else can take a part of the traffic.
    let shifts = if is_back || !has_source { all } else { ongoing.configuration.shifts() };
    let shifted = ongoing.course.as_ref().map_or(0, |course| course.shifts);
    let next = match stage {
        Stage::ReconcileService => Stage::PreScaleUp,
        Stage::PreScaleUp => Stage::ScaleUp,
        Stage::ScaleUp if is_back => Stage::ProductionTrafficShift,
        Stage::ScaleUp => Stage::PostScaleUp,
        Stage::PostScaleUp => Stage::TestTrafficShift,
        Stage::TestTrafficShift => Stage::PostTestTrafficShift,
        Stage::PostTestTrafficShift => Stage::PreProductionTrafficShift,
        Stage::PreProductionTrafficShift => Stage::ProductionTrafficShift,
        Stage::ProductionTrafficShift if is_back => Stage::CleanUp,
        Stage::ProductionTrafficShift if shifted < shifts.len() => Stage::PreProductionTrafficShift,
        Stage::ProductionTrafficShift => Stage::PostProductionTrafficShift,
        Stage::PostProductionTrafficShift => Stage::BakeTime,
        Stage::BakeTime => Stage::CleanUp,
        Stage::CleanUp => {
            complete(world, now, key);
            return false;
        }
    };
    enter(world, now, key, next);
    match next {
        Stage::TestTrafficShift => shift(world, now, key, Traffic::Test, ALL),
        Stage::ProductionTrafficShift if is_back => {
            shift(world, now, key, Traffic::Test, ALL) && shift(world, now, key, Traffic::Production, ALL)
        }
        Stage::ProductionTrafficShift => {
            let share = shifts.get(shifted).map_or(ALL, |(share, _)| *share);
            shift(world, now, key, Traffic::Production, share)
        }
        _ => true,
    }
}

/// Enters a stage, and begins its hooks.
fn enter(world: &mut World, now: Moment, key: &ServiceKey, stage: Stage) {
    let World { ecs, ids, .. } = world;
    let Some(ongoing) = ecs.service_mut(key).and_then(|service| service.ongoing()) else { return };
    ongoing.updated = now;
    let is_back = ongoing.status == Status::RollbackInProgress;
    let hooks = if is_back { &[][..] } else { &ongoing.configuration.hooks };
    let hooks = ActiveHook::begun(hooks, stage, ids, now);
    if let Some(course) = &mut ongoing.course {
        course.stage = stage;
        course.since = now;
        course.hooks = hooks;
    }
}

/// Shifts traffic to the primary deployment. Returns false if that has failed.
fn shift(world: &mut World, now: Moment, key: &ServiceKey, traffic: Traffic, share: u32) -> bool {
    let gone = load_balancing::shift(world, key, traffic, share);
    let Some(ongoing) = world.ecs.service_mut(key).and_then(|service| service.ongoing()) else {
        return false;
    };
    let is_back = ongoing.status == Status::RollbackInProgress;
    if let Some(course) = &mut ongoing.course {
        match traffic {
            Traffic::Test => course.test = if is_back { ALL - share } else { share },
            Traffic::Production => {
                course.production = if is_back { ALL - share } else { share };
                course.shifts += 1;
                course.traffic_since.get_or_insert(now);
            }
        }
    }
    match gone {
        // Of a rollback the tasks come first.
        Some(rule) if ongoing.status == Status::InProgress => {
            rollback::fail(world, now, key, &Cause::Rule(rule), true);
            scheduler::wake(world, now, key);
            false
        }
        _ => true,
    }
}

fn complete(world: &mut World, now: Moment, key: &ServiceKey) {
    let Some(service) = world.ecs.service_mut(key) else { return };
    let message = scheduler::complete(service, now);
    service.swap_target_groups();
    service.pace.announced = true;
    scheduler::say(world, now, key, message);
    let message = format!("(service {}) has reached a steady state.", key.service);
    scheduler::say(world, now, key, message);
}

/// Moves the course of a rolling deployment with hooks to `stage`, if it comes before. Returns true if the deployment may
/// go on.
pub(super) fn passes(world: &mut World, now: Moment, key: &ServiceKey, stage: Stage) -> bool {
    let Some(ongoing) = world.ecs.service_mut(key).and_then(|service| service.ongoing()) else { return true };
    if ongoing.status != Status::InProgress || ongoing.configuration.hooks.is_empty() {
        return true;
    }
    match ongoing.course.as_ref().map(|course| course.stage as u8) {
        Some(reached) if reached > stage as u8 => return true,
        Some(reached) if reached == stage as u8 => {}
        _ => {
            ongoing.course.get_or_insert_with(|| Course::new(stage, now));
            enter(world, now, key, stage);
        }
    }
    match hold(world, now, key) {
        Hold::Free => true,
        Hold::Until(moment) => {
            scheduler::plan(world, key, moment);
            false
        }
        Hold::Failed => false,
    }
}

/// Returns true if the bake time of a rolling deployment is over, or it has none.
pub(super) fn has_baked(world: &mut World, now: Moment, key: &ServiceKey) -> bool {
    let Some(ongoing) = world.ecs.service_mut(key).and_then(|service| service.ongoing()) else { return true };
    let bake = ongoing.configuration.bake_time();
    if ongoing.status != Status::InProgress || ongoing.sources.is_empty() || bake.is_zero() {
        return true;
    }
    let course = ongoing.course.get_or_insert_with(|| Course::new(Stage::BakeTime, now));
    if course.stage != Stage::BakeTime {
        *course = Course::new(Stage::BakeTime, now);
    }
    let over = course.since + bake;
    if now < over {
        scheduler::plan(world, key, over);
    }
    now >= over
}
