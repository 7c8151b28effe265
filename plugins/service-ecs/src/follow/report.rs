//! Messages about a deployment, during the rollout and at its end.

use std::time::Duration;

use aws_sdk_ecs::types::{Service, ServiceEvent};
use longshore_model::{Failure, FailureKind};

use super::{
    Seen,
    course::{Course, Pause},
    failed_tasks::Group,
    judge::Track,
};
use crate::{
    explain::{Explanation, Facts, explain},
    reads::{count, primary},
    revision,
    task_definition::revision_of,
    time::spoken,
};

/// The numbers of events and of reasons that a failure repeats.
const EVENTS: usize = 3;
const REASONS: usize = 3;

/// Tells of what was seen.
pub(super) struct Report<'a> {
    pub(super) name: &'a str,
    pub(super) cluster: &'a str,
    pub(super) facts: &'a Facts,
    pub(super) has_way_back: bool,
    pub(super) seen: &'a Seen,
}

impl Report<'_> {
    fn at(&self, call: &str) -> String {
        format!("ecs:{call} {}/{}", self.cluster.rsplit('/').next().unwrap_or(self.cluster), self.name)
    }

    /// The call that tells how the deployment stands.
    fn source(&self) -> String {
        self.at(match &self.seen.track {
            Track::ServiceDeployment { .. } => "DescribeServiceDeployments",
            Track::Awaited | Track::Service => "DescribeServices",
        })
    }

    /// Returns the numbers of running, desired and pending tasks.
    fn counts(&self) -> (u32, u32, u32) {
        let Some(service) = &self.seen.service else { return (0, 0, 0) };
        let (running, pending) = match primary(service) {
            Some(primary) => (primary.running_count, primary.pending_count),
            None => (service.running_count, service.pending_count),
        };
        (count(running), count(service.desired_count), count(pending))
    }

    /// Returns the progress: `1 of 2 tasks running, 1 pending`.
    pub(super) fn progress(&self) -> String {
        let (running, desired, pending) = self.counts();
        let mut progress = tasks_running(running, desired);
        if pending > 0 {
            progress.push_str(&format!(", {pending} pending"));
        }
        match self.course() {
            Some(course) if course.is_rolling_back() => {
                progress.push_str(", ECS is going back to the last revision that worked");
            }
            Some(course) => {
                progress.extend(course.described().map(|described| format!(", {described}")));
            }
            None => {}
        }
        progress
    }

    /// The service deployment that is followed.
    fn course(&self) -> Option<&Course> {
        match &self.seen.track {
            Track::ServiceDeployment { course, .. } => Some(course),
            Track::Awaited | Track::Service => None,
        }
    }

    /// The deployment waits for an action.
    pub(super) fn paused(&self, pause: &Pause) -> Failure {
        let arn = match &self.seen.track {
            Track::ServiceDeployment { arn, .. } => arn.as_str(),
            Track::Awaited | Track::Service => "",
        };
        let stage = self.course().and_then(|course| course.stage.as_deref()).unwrap_or("of a hook");
        let mut message = format!("the deployment of {} is paused at the stage {stage}", self.name);
        if let Some(since) = &pause.since {
            message.push_str(&format!(" since {since}"));
        }
        let end = if pause.goes_on { "goes on" } else { "rolls it back" };
        match &pause.until {
            Some(until) => {
                message.push_str(&format!(", and ECS waits for an action until {until}; then it {end}"))
            }
            None => message.push_str(", and ECS waits for an action"),
        }
        message.push_str(&format!("\n{}", self.progress()));
        let command = "aws ecs continue-service-deployment";
        let hook = &pause.hook;
        Failure::new(FailureKind::AwaitingAction, message).at(self.source()).help(format!(
            "`{command} --service-deployment-arn {arn} --hook-id {hook} --action CONTINUE` lets it go on, and \
             `--action ROLLBACK` takes it back; then `longshore deploy` follows it further"
        ))
    }

    /// The deployment has failed.
    pub(super) fn failed(&self, state: &str, reason: Option<&str>) -> Failure {
        let what = match state {
            "ROLLBACK_SUCCESSFUL" => "failed, and ECS rolled it back",
            "ROLLBACK_FAILED" => "failed, and could not be rolled back",
            "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS" => "failed, and ECS is still rolling it back",
            "STOPPED" => "was stopped",
            "DRAINING" | "INACTIVE" | "MISSING" | "REPLACED" => "did not come to its end",
            _ => "failed",
        };
        let mut message = format!("the deployment of {} {what} ({state})", self.name);
        if let Some(reason) = reason {
            message.push_str(&format!(": {}", reason.trim_end_matches('.')));
        }
        let alarms = self.course().map(|course| course.alarms.as_slice()).unwrap_or_default();
        if !alarms.is_empty() {
            message.push_str(&format!("\nin the ALARM state: {}", alarms.join(", ")));
        }
        if let Some((failures, threshold)) = self.course().and_then(|course| course.failures) {
            message.push_str(&format!("\nfailed tasks: {failures}, with a threshold of {threshold}"));
        }
        self.details(&mut message);
        if state == "ROLLBACK_SUCCESSFUL"
            && let Some(service) = &self.seen.service
        {
            message.push_str(&format!("\n{}", runs_again(service)));
        }
        let failure = Failure::new(FailureKind::DeploymentFailed, message).at(self.source());
        match alarms.first().filter(|_| self.explanation().is_none()) {
            Some(alarm) => failure.help(format!(
                "`aws cloudwatch describe-alarm-history --alarm-name {alarm}` shows what the alarm saw"
            )),
            None => self.with_help(failure),
        }
    }

    /// Enough tasks have failed in the same way. `breaks` tells whether the circuit breaker watches.
    pub(super) fn hopeless(&self, group: &Group, breaks: bool) -> Failure {
        let (name, tasks) = (self.name, group.tasks);
        let what = match group.exited {
            true => format!(
                "the tasks of {name} start, but do not go on running: {tasks} of them ended in the same way"
            ),
            false => format!(
                "the tasks of {name} cannot start: {tasks} of them stopped for the same reason, which no retry removes"
            ),
        };
        let why = match (breaks, self.has_way_back) {
            _ if self.seen.expects_rollback() => "ECS goes on trying to roll back",
            (true, false) => "the circuit breaker does not count tasks that have run, and ECS goes on trying",
            (true, true) => "the circuit breaker does not count tasks that have run",
            (false, false) => "without the circuit breaker ECS goes on trying",
            (false, true) => "without the circuit breaker ECS would go on trying",
        };
        let mut message = format!("{what}; {why}");
        self.details(&mut message);
        self.with_help(Failure::new(FailureKind::DeploymentFailed, message).at(self.at("DescribeTasks")))
    }

    /// Returns true if nothing starts tasks, as in emulators that run none. `has_tasks` is true if ECS shows tasks that
    /// run or are to run.
    pub(super) fn nothing_happens(&self, has_tasks: bool) -> bool {
        let (running, desired, _) = self.counts();
        let events = self.seen.service.as_ref().map_or(&[][..], |service| service.events());
        events.is_empty() && self.seen.failed.groups().is_empty() && !has_tasks && running == 0 && desired > 0
    }

    /// It did not end in time. `has_tasks` tells whether ECS shows any that run or are to run.
    pub(super) fn timed_out(&self, timeout: Duration, has_tasks: bool) -> Failure {
        if let Some(course) = self.course().filter(|course| course.is_rolling_back()) {
            // That it failed is certain, although ECS has not ended the rollback yet.
            return self.failed(&course.status, course.reason.as_deref());
        }
        let (running, desired, pending) = self.counts();
        let after = spoken(timeout);
        if self.nothing_happens(has_tasks) {
            let message = format!(
                "after {after} {}, and ECS reports no task that starts, no stopped task and no event",
                tasks_are_running(running, desired)
            );
            return Failure::new(FailureKind::DeadlineExceeded, message).at(self.at("DescribeServices")).help(
                "the service exists, but nothing starts its tasks: that is how emulators behave which do not run any; on \
                 AWS, look at the service in the console",
            );
        }
        let mut message = format!("after {after} {}", tasks_are_running(running, desired));
        if pending > 0 {
            message.push_str(&format!(", {pending} pending"));
        }
        match &self.seen.track {
            Track::Awaited => message.push_str(", and no service deployment has begun"),
            Track::ServiceDeployment { course, .. } => {
                message.push_str(&format!(", and the service deployment is {}", course.status));
                message.extend(course.described().map(|described| format!(" ({described})")));
            }
            Track::Service => {
                let primary = self.seen.service.as_ref().and_then(primary);
                let state = primary.and_then(|primary| primary.rollout_state.as_ref());
                message.push_str(&match state {
                    Some(state) => format!(", and the rollout is {state}"),
                    None => ", and the service is not steady".to_owned(),
                });
            }
        }
        if let Some(trouble) = &self.seen.trouble {
            message.push_str(&format!("; the last look failed: {}", trouble.message));
        }
        self.details(&mut message);
        let failure = Failure::new(FailureKind::DeadlineExceeded, message).at(self.at("DescribeServices"));
        if self.explanation().is_some() {
            return self.with_help(failure);
        }
        if self.has_way_back {
            return failure.help("services that need longer have a higher `deployment.timeout`");
        }
        failure.help(
            "ECS goes on: `longshore status` shows how far it is, and running `longshore deploy` again follows it \
             further; services that need longer have a higher `deployment.timeout`",
        )
    }

    /// The run was interrupted.
    pub(super) fn interrupted(&self) -> Failure {
        let (running, desired, _) = self.counts();
        let message = format!("stopped waiting with {}", tasks_running(running, desired));
        Failure::new(FailureKind::Interrupted, message)
            .at(self.at("DescribeServices"))
            .help("ECS goes on: `longshore status` shows it, and `longshore deploy` follows it further")
    }

    /// The reasons of the tasks that failed, and ECS's last events, a line each.
    fn details(&self, message: &mut String) {
        for group in self.seen.failed.groups().into_iter().take(REASONS) {
            let tasks = if group.tasks == 1 { "1 task".to_owned() } else { format!("{} tasks", group.tasks) };
            message.push_str(&format!("\n{tasks} stopped: {}", group.reason));
        }
        for event in self.events() {
            message.push_str(&format!("\nevent: {event}"));
        }
    }

    /// ECS's last events, complaints first: that tasks were started says little.
    fn events(&self) -> impl Iterator<Item = &str> {
        let events = self.seen.service.as_ref().map_or(&[][..], |service| service.events());
        let messages = || events.iter().filter_map(ServiceEvent::message);
        let others = messages().filter(|message| !is_complaint(message));
        messages().filter(|message| is_complaint(message)).chain(others.take(1)).take(EVENTS)
    }

    /// Returns the meaning of the most frequent known reason, or else that of the events.
    fn explanation(&self) -> Option<Explanation> {
        let groups = self.seen.failed.groups();
        let reasons = groups.iter().map(|group| group.reason.as_str());
        reasons.chain(self.events()).find_map(|reason| explain(reason, self.facts))
    }

    fn with_help(&self, failure: Failure) -> Failure {
        match self.explanation() {
            Some(explanation) => failure.help(explanation.help),
            None => failure,
        }
    }
}

/// Returns true if an event says that something is wrong.
pub(super) fn is_complaint(message: &str) -> bool {
    ["unable", "failed", "rolling back", "unhealthy"].iter().any(|word| message.contains(word))
}

/// Describes the revision and the tasks that a service runs after a failed rollout.
pub(crate) fn runs_again(service: &Service) -> String {
    let (running, desired) = match primary(service) {
        Some(primary) => (primary.running_count, service.desired_count),
        None => (service.running_count, service.desired_count),
    };
    let tasks = if desired == 1 { "task" } else { "tasks" };
    let revision = revision_of(revision::running(service).unwrap_or_default());
    format!("the service runs {revision} again, {} of {} {tasks}", count(running), count(desired))
}

fn tasks_running(running: u32, desired: u32) -> String {
    let tasks = if desired == 1 { "task" } else { "tasks" };
    format!("{running} of {desired} {tasks} running")
}

fn tasks_are_running(running: u32, desired: u32) -> String {
    let tasks = if desired == 1 { "task is" } else { "tasks are" };
    format!("{running} of {desired} {tasks} running")
}
