//! Following a deployment to its end.
//!
//! The truth about a deployment is its service deployment: after a rollback by the circuit breaker the service is as
//! steady as after a success. If an endpoint does not know service deployments, the service's own deployments are
//! followed instead.

mod course;
mod failed_tasks;
mod judge;
mod report;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_ecs::types::{DeploymentRolloutState, DesiredStatus, Service, ServiceDeploymentStatus};
use longshore_aws::{
    Freshness,
    wait::{before, unanswered},
};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Result};
use tokio::time::{Instant, sleep_until};

pub(crate) use self::report::runs_again;
use self::{
    course::Course,
    failed_tasks::FailedTasks,
    judge::{Track, Verdict, View},
    report::{Report, is_complaint},
};
use crate::{
    explain::{Facts, explain},
    reads::{Reads, count, primary},
    task::{has_exited, short_id},
    task_definition::revision_of,
};

/// The pauses between two looks grow from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// ECS's reads lag behind its writes, by seconds at most. After this time without a new service deployment, the endpoint
/// is taken not to have them.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(30);

/// After this time stopped tasks are listed even if nothing says that there are any.
const LISTED_AFTER: Duration = Duration::from_secs(30);

/// The minimum timeout of the return to an earlier revision: a timeout that was too short may have failed the rollout.
pub(crate) const WAY_BACK: Duration = Duration::from_secs(15 * 60);

/// The deployment to follow.
#[derive(Clone, Debug)]
pub(crate) enum Expect {
    /// A deployment that was just begun: its service deployment is not among these.
    New(BTreeSet<String>),
    /// The rollback of this service deployment, which was stopped.
    Rollback(String),
    /// Whatever is going on.
    Current,
}

/// The parameters of following a deployment.
pub(crate) struct Follow<'a> {
    /// The run.
    pub(crate) context: &'a Context,
    /// The reads of the service.
    pub(crate) reads: Reads<'a>,
    /// The desired number of tasks, or `None` if it is unknown. ECS's reads lag behind a change of it.
    pub(crate) desired_count: Option<u32>,
    /// For how long.
    pub(crate) timeout: Duration,
    /// True if ECS itself gives up a deployment whose tasks keep failing.
    pub(crate) circuit_breaker: bool,
    /// True if the service goes back to an earlier revision after a failed rollout.
    pub(crate) has_way_back: bool,
    /// The facts that explanations may mention.
    pub(crate) facts: &'a Facts,
}

/// A deployment that was not followed to a success.
#[derive(Clone, Debug)]
pub(crate) struct Unsuccessful {
    pub(crate) failure: Failure,
    /// The state in which the deployment leaves the service.
    pub(crate) end: End,
}

/// The state of a service after an unsuccessful deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The rollout has failed, and the service still heads for its revision.
    Failed,
    /// The rollout has failed, and ECS has gone back to the last revision that worked.
    RolledBack,
    /// The rollout may still succeed, or the service is no longer this run's to change: the run was interrupted, AWS did
    /// not answer, ECS is still rolling back, or another deployment has taken its place.
    Open,
}

impl From<Failure> for Unsuccessful {
    fn from(failure: Failure) -> Self {
        Self { failure, end: End::Open }
    }
}

impl From<Unsuccessful> for Failure {
    fn from(unsuccessful: Unsuccessful) -> Self {
        unsuccessful.failure
    }
}

/// The observations so far.
struct Seen {
    began: Instant,
    expect: Expect,
    /// True if there was a look before.
    has_looked: bool,
    /// True if the endpoint knows service deployments.
    knows_deployments: bool,
    service: Option<Service>,
    /// The id of the deployment that is followed: the primary one of the first look.
    deployment: Option<String>,
    track: Track,
    /// True once ECS has begun the rollback that is followed.
    has_begun_rollback: bool,
    failed: FailedTasks,
    events: BTreeSet<String>,
    /// The signs of stopped tasks, as of the last listing.
    signs: Signs,
    listed: Instant,
    /// The last progress message.
    told: String,
    /// The last read that failed, if it was the last one.
    trouble: Option<Failure>,
}

/// The fields of a service that change when a task stops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Signs {
    last_event: Option<String>,
    failed_tasks: i32,
    running: i32,
}

impl Signs {
    fn of(service: &Service) -> Self {
        let event = service.events().first().and_then(|event| event.id());
        Self {
            last_event: event.map(str::to_owned),
            failed_tasks: service.deployments().iter().map(|deployment| deployment.failed_tasks).sum(),
            running: service.running_count,
        }
    }
}

impl Follow<'_> {
    /// Follows the deployment that `service` shows as its primary one, until it has ended.
    ///
    /// # Errors
    /// When it fails, when it does not end in time, or when the run is interrupted.
    pub(crate) async fn to_the_end(
        &self,
        service: Service,
        expect: Expect,
    ) -> std::result::Result<(), Unsuccessful> {
        let mut seen = Seen::new(service, expect);
        let mut pause = FIRST_PAUSE;
        loop {
            let end = seen.began + self.timeout;
            match before(end, self.look(&mut seen)).await {
                Some(Ok(())) => seen.trouble = None,
                Some(Err(failure)) if is_passing(&failure) => seen.trouble = Some(failure),
                Some(Err(failure)) => return Err(failure.into()),
                None => seen.trouble = Some(unanswered()),
            }
            let verdict = seen.verdict(self.desired_count);
            match verdict {
                Verdict::Done if seen.trouble.is_none() => return Ok(self.succeeded(&seen).await?),
                Verdict::Failed { state, reason } => {
                    // The tasks that stopped last tell most. A read that fails takes nothing away.
                    let _ = self.stopped_tasks(&mut seen).await;
                    let failure = self.report(&seen).failed(&state, reason.as_deref());
                    return Err(Unsuccessful { failure, end: seen.end_of(&state) });
                }
                Verdict::Paused(pause) if seen.trouble.is_none() => {
                    return Err(self.report(&seen).paused(&pause).into());
                }
                Verdict::Done | Verdict::Paused(_) | Verdict::Wait => {}
            }
            if let Some(failure) = self.hopeless(&seen) {
                return Err(Unsuccessful { failure, end: seen.end() });
            }
            // A deployment that ECS rolls back cannot succeed. The tasks of the previous revision get time to run.
            let is_given_up = seen.is_rolling_back() && !seen.expects_rollback();
            let timeout = if is_given_up { self.timeout + WAY_BACK } else { self.timeout };
            if seen.began.elapsed() >= timeout {
                return Err(self.timed_out(&seen).await);
            }
            let end = seen.began + timeout;
            self.pause(&seen, self.reads.aws.reads().next_look(pause).min(end)).await?;
            pause = (pause + FIRST_PAUSE).min(LONGEST_PAUSE);
        }
    }

    async fn timed_out(&self, seen: &Seen) -> Unsuccessful {
        // The running tasks tell a slow start from no start.
        let tasks = before(Instant::now(), self.reads.task_arns(DesiredStatus::Running)).await;
        let has_tasks = matches!(tasks, Some(Ok(arns)) if !arns.is_empty());
        let report = self.report(seen);
        let is_open = seen.trouble.is_some() || seen.is_rolling_back() || report.nothing_happens(has_tasks);
        let end = if is_open { End::Open } else { seen.end() };
        Unsuccessful { failure: report.timed_out(self.timeout, has_tasks), end }
    }

    async fn pause(&self, seen: &Seen, until: Instant) -> Result<()> {
        tokio::select! {
            biased;
            () = self.context.interrupt.cancelled() => Err(self.report(seen).interrupted()),
            () = sleep_until(until) => Ok(()),
        }
    }

    /// Reads everything anew.
    async fn look(&self, seen: &mut Seen) -> Result<()> {
        seen.service = self.reads.service(Freshness::Watched).await?;
        self.track(seen).await?;
        if seen.expects_rollback() && seen.is_replaced() {
            // The deployment of the earlier revision has become the primary one.
            seen.deployment = seen.service.as_ref().and_then(primary).and_then(|it| it.id.clone());
            seen.has_begun_rollback = true;
        }
        // Before, the tasks that stop are those of the deployment that was stopped.
        if seen.may_have_stopped_tasks() && (!seen.expects_rollback() || seen.has_begun_rollback) {
            self.stopped_tasks(seen).await?;
        }
        self.tell(seen);
        seen.has_looked = true;
        Ok(())
    }

    /// Finds the service deployment to follow, or looks at the one that was found.
    async fn track(&self, seen: &mut Seen) -> Result<()> {
        if let Track::ServiceDeployment { arn, course } = &mut seen.track {
            if let Some(now) = self.reads.service_deployment(arn, Freshness::Watched).await? {
                **course = Course::of(&now);
            }
            let (arn, status) = (arn.clone(), course.status.clone());
            if !seen.is_of_another_run(&arn, &status) {
                return Ok(());
            }
            seen.track = Track::Awaited;
        }
        if !seen.knows_deployments {
            return Ok(());
        }
        let current = seen.service.as_ref().and_then(Service::current_service_deployment);
        if let Some(current) = current.map(str::to_owned) {
            return self.track_current(seen, current).await;
        }
        let Some(briefs) = self.reads.service_deployments().await? else {
            seen.knows_deployments = false;
            seen.track = Track::Service;
            return Ok(());
        };
        let mut briefs = briefs.iter();
        let found = match &seen.expect {
            // Once another deployment has taken its place, the newest one is not the one that was begun here.
            Expect::New(_) if seen.is_replaced() => None,
            // The newest one, if it is not the one that was the newest before.
            Expect::New(before) => {
                let is_new = |arn: &str| !before.contains(arn);
                briefs.next().filter(|brief| brief.service_deployment_arn().is_some_and(is_new))
            }
            Expect::Rollback(_) | Expect::Current => {
                briefs.find(|brief| brief.status.as_ref().is_some_and(is_going_on))
            }
        };
        if let Some(brief) = found {
            let arn = brief.service_deployment_arn().unwrap_or_default().to_owned();
            let status = brief.status.as_ref().map_or("PENDING", |status| status.as_str());
            let course = Box::new(Course::new(status, brief.status_reason.clone()));
            seen.track = Track::ServiceDeployment { arn, course };
        } else if !seen.may_be_old() {
            seen.track = Track::Service;
        }
        Ok(())
    }

    /// Finds out whether the service deployment that ECS names as the current one is the one to follow.
    async fn track_current(&self, seen: &mut Seen, arn: String) -> Result<()> {
        let may_be_it = match &seen.expect {
            // Once another deployment has taken its place, the current one is not the one that was begun here.
            Expect::New(before) => !before.contains(&arn) && !seen.is_replaced(),
            Expect::Rollback(_) | Expect::Current => true,
        };
        let found = match may_be_it {
            true => self.reads.service_deployment(&arn, Freshness::Watched).await?,
            false => None,
        };
        match found.map(|found| Course::of(&found)) {
            Some(course) if seen.is_of_another_run(&arn, &course.status) => {}
            Some(course) if seen.is_new() || is_going_on(&course.status.as_str().into()) => {
                seen.track = Track::ServiceDeployment { arn, course: Box::new(course) };
            }
            _ if !seen.may_be_old() => seen.track = Track::Service,
            _ => {}
        }
        Ok(())
    }

    /// Looks at tasks that have stopped and were not looked at yet.
    async fn stopped_tasks(&self, seen: &mut Seen) -> Result<()> {
        seen.listed = Instant::now();
        let mut arns = self.reads.task_arns(DesiredStatus::Stopped).await?;
        arns.retain(|arn| !seen.failed.knows(arn));
        let is_first = !seen.has_looked && !seen.is_new();
        for task in self.reads.tasks(&arns, Freshness::Watched).await? {
            // Tasks that stopped before say nothing of the present, unless their deployment still goes on. Even then a
            // task that could start may go on running by now.
            let is_old = is_first && (has_exited(&task) || !seen.is_in_progress());
            if let Some(told) = seen.failed.note(&task, seen.deployment.as_deref(), !is_old) {
                self.context.progress(told);
            }
        }
        Ok(())
    }

    /// Tells how far it is, when that has changed, and what ECS itself complains about.
    fn tell(&self, seen: &mut Seen) {
        let Some(service) = &seen.service else { return };
        for event in service.events().iter().rev() {
            let Some((id, message)) = event.id().zip(event.message()) else { continue };
            if seen.events.insert(id.to_owned()) && is_complaint(message) && seen.has_looked {
                self.context.progress(message);
            }
        }
        let progress = self.report(seen).progress();
        if progress != seen.told {
            self.context.progress(&progress);
            seen.told = progress;
        }
    }

    /// Ends with the tasks that run.
    async fn succeeded(&self, seen: &Seen) -> Result<()> {
        let mut ids: Vec<_> = match self.reads.task_arns(DesiredStatus::Running).await {
            Ok(arns) => arns.iter().map(|arn| short_id(arn)).collect(),
            Err(_) => return Ok(()),
        };
        ids.sort();
        let revision = seen.service.as_ref().and_then(primary).and_then(|primary| primary.task_definition());
        if !ids.is_empty() {
            let revision = revision_of(revision.unwrap_or_default());
            self.context.progress(format!(
                "{}: {} ({revision})",
                self.report(seen).progress(),
                ids.join(", ")
            ));
        }
        Ok(())
    }

    /// Returns the failure of a deployment that ECS never ends by itself. Without the circuit breaker that is every
    /// deployment. With it, that is one whose tasks start, run, and end again: the breaker counts tasks that did not
    /// reach RUNNING. Once enough of them have failed for a reason that no retry removes, or ended in the same way,
    /// there is nothing to wait for.
    fn hopeless(&self, seen: &Seen) -> Option<Failure> {
        if seen.is_rolling_back() && !seen.expects_rollback() {
            return None;
        }
        // The breaker watches deployments, not their rollbacks and not the scaling of what was deployed before.
        let is_watched = seen.is_new() || seen.is_in_progress() && !seen.expects_rollback();
        let breaks = self.circuit_breaker && is_watched;
        let desired = seen.service.as_ref().map_or(0, |service| count(service.desired_count)) as usize;
        let enough = (2 * desired).max(3);
        let groups = seen.failed.groups();
        let group = groups.iter().find(|group| {
            let is_permanent = || explain(&group.reason, self.facts).is_some_and(|known| known.permanent);
            group.fresh >= enough && (group.exited || !breaks && is_permanent())
        })?;
        Some(self.report(seen).hopeless(group, breaks))
    }

    fn report<'a>(&'a self, seen: &'a Seen) -> Report<'a> {
        let has_way_back = self.has_way_back;
        Report {
            name: self.reads.service,
            cluster: self.reads.cluster,
            facts: self.facts,
            has_way_back,
            seen,
        }
    }
}

impl Seen {
    fn new(service: Service, expect: Expect) -> Self {
        let deployment = primary(&service).and_then(|primary| primary.id()).map(str::to_owned);
        let track = match &expect {
            Expect::New(_) => Track::Awaited,
            Expect::Rollback(arn) => Track::ServiceDeployment {
                arn: arn.clone(),
                course: Box::new(Course::new(ServiceDeploymentStatus::RollbackRequested.as_str(), None)),
            },
            Expect::Current => Track::Service,
        };
        Self {
            began: Instant::now(),
            expect,
            has_looked: false,
            knows_deployments: true,
            service: Some(service),
            deployment,
            track,
            has_begun_rollback: false,
            failed: FailedTasks::default(),
            events: BTreeSet::new(),
            signs: Signs::default(),
            listed: Instant::now(),
            told: String::new(),
            trouble: None,
        }
    }

    fn is_new(&self) -> bool {
        matches!(self.expect, Expect::New(_))
    }

    fn expects_rollback(&self) -> bool {
        matches!(self.expect, Expect::Rollback(_))
    }

    /// Returns true if there may be tasks that have stopped since they were last listed. Tasks are listed service by service, so
    /// that this costs more than everything else; the service itself says when something has happened.
    fn may_have_stopped_tasks(&mut self) -> bool {
        let signs = self.service.as_ref().map(Signs::of).unwrap_or_default();
        let has_changed = signs != self.signs;
        self.signs = signs;
        !self.has_looked || has_changed || self.listed.elapsed() >= LISTED_AFTER
    }

    /// Returns true if what was read may be older than what was changed just before.
    fn may_be_old(&self) -> bool {
        self.began.elapsed() < CATCHES_UP_WITHIN
    }

    fn verdict(&self, desired: Option<u32>) -> Verdict {
        let view = View {
            service: self.service.as_ref(),
            deployment: self.deployment.as_deref(),
            track: &self.track,
            is_new: self.is_new(),
            expects_rollback: self.expects_rollback(),
            desired,
            may_be_old: self.may_be_old(),
        };
        view.verdict()
    }

    /// Returns true if the service shows another primary deployment than the one that is followed. (It may be an older one:
    /// ECS's reads lag behind its writes.)
    fn is_replaced(&self) -> bool {
        let now = self.service.as_ref().and_then(primary).and_then(|primary| primary.id());
        self.deployment.as_deref().zip(now).is_some_and(|(ours, now)| ours != now)
    }

    /// Returns the state of the service after a failed rollout.
    fn end(&self) -> End {
        if self.is_replaced() { End::Open } else { End::Failed }
    }

    /// The same of a deployment that has ended in this state.
    fn end_of(&self, state: &str) -> End {
        match state {
            "ROLLBACK_SUCCESSFUL" => End::RolledBack,
            "ROLLBACK_FAILED" => End::Failed,
            "DRAINING" | "INACTIVE" | "MISSING" | "REPLACED" => End::Open,
            _ => self.end(),
        }
    }

    /// Returns true if a service deployment is not the one that was begun here, but one that another run began just before: it was
    /// stopped for a newer one, and the service still heads for the deployment that was begun here. ECS names the newer one
    /// a moment later.
    fn is_of_another_run(&self, arn: &str, status: &str) -> bool {
        let current = self.service.as_ref().and_then(Service::current_service_deployment);
        let is_outdated = current.is_some_and(|current| current != arn) || self.may_be_old();
        status == "STOPPED" && self.is_new() && !self.is_replaced() && is_outdated
    }

    /// Returns true if ECS has given the deployment up, and is on its way back.
    fn is_rolling_back(&self) -> bool {
        matches!(&self.track, Track::ServiceDeployment { course, .. } if course.is_rolling_back())
    }

    /// Returns true if ECS is still carrying out the deployment.
    fn is_in_progress(&self) -> bool {
        let primary = self.service.as_ref().and_then(primary);
        primary.is_some_and(|primary| primary.rollout_state == Some(DeploymentRolloutState::InProgress))
    }
}

fn is_going_on(status: &ServiceDeploymentStatus) -> bool {
    matches!(
        status,
        ServiceDeploymentStatus::Pending
            | ServiceDeploymentStatus::InProgress
            | ServiceDeploymentStatus::StopRequested
            | ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress
    )
}

/// Returns true if a failed read may succeed a moment later: a deployment goes on whether it is seen or not.
fn is_passing(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Throttled | FailureKind::Unavailable)
}
