//! Results: plans, what was done, how services are; and on standard error why something failed.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::{
    Action, Event, EventKind, Failure, FailureKind, Outcome, Outputs, Phase, ServiceStatus, StepId, StepPlan,
    is_internal,
};

use super::{Display, Reader, Style, credentials, deployed, drift, failure, lock, plan, status, time, words};
use crate::io::Stream;

/// Gathers what happens, and prints results when they are complete.
pub(super) struct Results {
    stdout: Stream,
    stderr: Stream,
    style: Style,
    error_style: Style,
    run: Run,
}

/// The state of the run so far.
#[derive(Default)]
struct Run {
    command: String,
    stack: String,
    target: String,
    phase: Option<Phase>,
    /// The steps of the phase that have not ended yet.
    open: BTreeSet<StepId>,
    /// All steps that were planned, in an order in which they can run.
    order: Vec<StepId>,
    plans: BTreeMap<StepId, StepPlan>,
    outputs: BTreeMap<StepId, Outputs>,
    done: BTreeSet<StepId>,
    undone: BTreeSet<StepId>,
    failures: Vec<(StepId, Phase, Failure)>,
    skipped: BTreeMap<StepId, StepId>,
    not_started: BTreeSet<StepId>,
    services: Vec<ServiceStatus>,
    /// The failure by which the lock was lost.
    lost: Option<Failure>,
}

impl Run {
    fn has_applied(&self) -> bool {
        matches!(self.phase, Some(Phase::Apply | Phase::Remove | Phase::Undo))
    }

    fn failure(&self, step: &StepId) -> Option<&Failure> {
        self.failures.iter().find(|(failed, ..)| failed == step).map(|(.., failure)| failure)
    }

    /// A failure whose help says so where it sends people to what has been taken back since.
    fn as_of_now(&self, failure: &Failure) -> Failure {
        let mut failure = failure.clone();
        let Some(help) = &mut failure.help else { return failure };
        let made = self
            .in_order()
            .filter(|(step, plan)| plan.action == Action::Create && self.undone.contains(*step));
        if let Some((_, plan)) = made.into_iter().find(|(_, plan)| help.contains(&plan.resource)) {
            help.push_str(&format!(
                "; the {} was taken back with the rest: deploy without `--on-failure undo` to look at it",
                plan.resource
            ));
        }
        failure
    }

    fn changes(&self) -> bool {
        self.plans.values().any(StepPlan::is_change)
    }

    fn in_order(&self) -> impl Iterator<Item = (&StepId, &StepPlan)> {
        self.order.iter().filter_map(|step| Some((step, self.plans.get(step)?)))
    }

    fn planned(&self) -> BTreeMap<Action, usize> {
        let mut counts = BTreeMap::new();
        for plan in self.plans.values() {
            *counts.entry(plan.action).or_default() += plan.resources;
        }
        counts
    }

    fn applied(&self) -> BTreeMap<Action, usize> {
        let mut counts = BTreeMap::new();
        for plan in self.done.iter().filter_map(|step| self.plans.get(step)) {
            *counts.entry(plan.action).or_default() += plan.resources;
        }
        counts
    }

    /// Returns the outputs of the steps, in their order: of those applied now and of those there already.
    fn yielded(&self) -> Vec<(StepId, String, String)> {
        let mut rows = Vec::new();
        for (step, plan) in self.in_order() {
            let known = plan.outputs.iter().filter_map(|(name, known)| Some((name.as_str(), known.value()?)));
            let mut outputs: BTreeMap<_, _> = known.collect();
            let applied = self.outputs.get(step).into_iter().flatten();
            outputs.extend(applied.map(|(name, value)| (name.as_str(), value.as_str())));
            let shown = outputs.into_iter().filter(|(name, _)| !is_internal(name));
            rows.extend(shown.map(|(name, value)| (step.clone(), name.to_owned(), value.to_owned())));
        }
        rows
    }
}

impl Results {
    pub(super) fn new(display: &Display) -> Self {
        Self {
            stdout: display.stdout.clone(),
            stderr: display.stderr.clone(),
            style: display.stdout_style,
            error_style: display.stderr_style,
            run: Run::default(),
        }
    }

    fn ended(&mut self, step: &StepId) {
        if self.run.open.remove(step) && self.run.open.is_empty() {
            self.phase_complete();
        }
    }

    /// Shows a plan as soon as it is complete: before it is applied, and before a confirmation is asked for.
    fn phase_complete(&mut self) {
        let run = &self.run;
        // It shows the differences the other way round.
        if run.command == "drift" {
            return;
        }
        let is_plan = matches!(run.phase, Some(Phase::Plan | Phase::PlanRemoval));
        if !is_plan || !run.failures.is_empty() || !run.not_started.is_empty() {
            return;
        }
        if run.changes() || matches!(run.command.as_str(), "plan" | "rotate" | "rollback" | "restart") {
            let mut plans: Vec<_> = run.in_order().map(|(_, plan)| plan).collect();
            if run.phase == Some(Phase::PlanRemoval) {
                plans.reverse();
            }
            let plans = plan::plans(plans, self.style);
            if !plans.is_empty() {
                self.stdout.line(plans);
            }
        }
        let nothing = match (run.phase, run.command.as_str()) {
            (Some(Phase::PlanRemoval), _) => "There is nothing to remove.",
            (_, "rollback") => "There is nothing to roll back.",
            (_, "restart") => "There is nothing to restart.",
            (_, "rotate") => "There is nothing to rotate: what is stored is what the sources yield.",
            _ => "There is nothing to change: everything is as declared.",
        };
        self.stdout.line(if run.changes() { plan::summary(&run.planned()) } else { nothing.to_owned() });
    }

    fn finished(&self, outcome: Outcome, took: u64) {
        let run = &self.run;
        if let Some(failure) = &run.lost {
            self.stderr.write(failure::block(None, failure, self.error_style));
        }
        let told_as_drift = run.command == "drift" && outcome == Outcome::Succeeded;
        for (step, _, failure) in run.failures.iter().filter(|_| !told_as_drift) {
            let failure = run.as_of_now(failure);
            self.stderr.write(failure::block(Some(step), &failure, self.error_style));
        }
        match (run.command.as_str(), outcome) {
            ("deploy", Outcome::Succeeded) => {
                if run.has_applied() {
                    let done = plan::done(&run.applied());
                    let took = time::duration(took);
                    self.stdout
                        .line(format!("\nDeployed {} to {} in {took}: {done}.", run.stack, run.target));
                }
                self.stdout.write("\n");
                self.stdout.write(deployed::block(&run.yielded(), &run.services, self.style));
            }
            ("destroy", Outcome::Succeeded) if run.has_applied() => {
                let done = plan::done(&run.applied());
                self.stdout.line(format!("\nDestroyed {} in {}: {done}.", run.stack, time::duration(took)));
            }
            ("adopt", Outcome::Succeeded) if run.has_applied() => {
                self.stdout.line(format!("\nAdopted for {}: {}.", run.stack, plan::done(&run.applied())));
            }
            ("rotate", Outcome::Succeeded) if run.has_applied() => {
                let done = plan::done(&run.applied());
                let took = time::duration(took);
                self.stdout.line(format!("\nRotated the credentials of {} in {took}: {done}.", run.stack));
                self.stdout.line("Tasks read them when they are launched; nothing needs to be deployed.");
            }
            (command @ ("rollback" | "restart"), Outcome::Succeeded) if run.has_applied() => {
                let done = if command == "restart" { "Restarted" } else { "Rolled back" };
                let changed: Vec<_> = run.done.iter().filter_map(|step| run.plans.get(step)).collect();
                let changed =
                    changed.iter().map(|plan| plan.resource.as_str()).collect::<Vec<_>>().join(", ");
                self.stdout.line(format!("\n{done} in {}: {changed}.", time::duration(took)));
                let is_done = |service: &&ServiceStatus| {
                    run.done.iter().any(|step| step.as_str() == format!("service.{}", service.service))
                };
                let services: Vec<_> = run.services.iter().filter(is_done).cloned().collect();
                self.stdout.write(deployed::block(&[], &services, self.style));
            }
            (_, Outcome::Succeeded) => {}
            // It changes nothing, and says of each credential what is wrong with it.
            ("credentials", Outcome::Failed) => {}
            ("lock show" | "lock release", _) => {}
            (_, Outcome::Failed | Outcome::AwaitingAction | Outcome::Interrupted) => self.unfinished(outcome),
        }
    }

    /// Shows the completed and the remaining steps of a run that did not succeed.
    fn unfinished(&self, outcome: Outcome) {
        let run = &self.run;
        let how = match outcome {
            Outcome::AwaitingAction => "is paused",
            Outcome::Interrupted => "was interrupted",
            _ => "failed",
        };
        let changed = if run.has_applied() {
            plan::done(&run.applied())
        } else if run.command == "destroy" {
            "nothing was removed".to_owned()
        } else {
            "nothing was created or changed".to_owned()
        };
        let what = if run.command == "rotate" { "rotation" } else { &run.command };
        self.stdout.line(format!("The {what} {how}: {changed}."));
        if run.has_applied() {
            self.stdout.write(self.left_over());
        }
        if run.phase == Some(Phase::Undo) {
            self.stdout.line(taken_back(run));
        } else if run.has_applied() {
            self.stdout.line(self.what_next());
        }
    }

    /// Returns the advice for the user after an incomplete run.
    fn what_next(&self) -> String {
        let run = &self.run;
        let is_rollout = |kind| matches!(kind, FailureKind::DeploymentFailed | FailureKind::DeadlineExceeded);
        let rollouts = run.failures.iter().filter(|(.., failure)| is_rollout(failure.kind));
        let failed: Vec<_> = rollouts.map(|(step, ..)| step.as_str()).collect();
        let is_paused = |(.., failure): &(_, _, Failure)| failure.kind == FailureKind::AwaitingAction;
        match run.command.as_str() {
            "rollback" | "restart" => "`longshore status` shows what runs now.".to_owned(),
            "deploy" if run.failures.iter().all(is_paused) => {
                "Once the rollout was continued, `longshore deploy` follows it further.".to_owned()
            }
            "deploy" if !failed.is_empty() => format!(
                "First change what made {} fail, then run `longshore deploy` again; `longshore status` shows what runs \
                 now, and `longshore rollback` takes a service back to an earlier revision.",
                failed.join(", ")
            ),
            command => format!("Run `longshore {command}` again to go on from here."),
        }
    }

    fn left_over(&self) -> String {
        let run = &self.run;
        let mut text = String::new();
        for (step, plan) in run.in_order().filter(|(_, plan)| plan.is_change()) {
            let how = if run.undone.contains(step) {
                "taken back".to_owned()
            } else if run.failures.iter().any(|(failed, phase, _)| failed == step && *phase == Phase::Undo) {
                self.style.red("stuck")
            } else if run.done.contains(step) {
                self.style.green(words::done(plan.action))
            } else if let Some(failure) = run.failure(step) {
                match failure.kind {
                    FailureKind::Interrupted => self.style.yellow("interrupted"),
                    FailureKind::AwaitingAction => self.style.yellow("paused"),
                    _ => self.style.red("failed"),
                }
            } else {
                match run.skipped.get(step) {
                    Some(because)
                        if run
                            .failure(because)
                            .is_some_and(|failure| failure.kind == FailureKind::AwaitingAction) =>
                    {
                        format!("not begun, because {because} is paused")
                    }
                    Some(because)
                        if run
                            .failure(because)
                            .is_some_and(|failure| failure.kind != FailureKind::Interrupted) =>
                    {
                        format!("not begun, because {because} failed")
                    }
                    _ => "not begun".to_owned(),
                }
            };
            text.push_str(&format!("  {}: {how}\n", plan.resource));
        }
        text
    }
}

/// Says whether the changes of the run were undone.
fn taken_back(run: &Run) -> String {
    let stuck = run.failures.iter().filter(|(_, phase, _)| *phase == Phase::Undo).count();
    if stuck == 0 && run.not_started.iter().all(|step| !run.done.contains(step)) {
        "What it had done was taken back.".to_owned()
    } else {
        "Not everything could be taken back: `longshore plan` shows what differs from the configuration, \
         and `longshore deploy` goes on from here."
            .to_owned()
    }
}

impl Reader for Results {
    fn read(&mut self, event: &Event) {
        let run = &mut self.run;
        match &event.event {
            EventKind::RunStarted { command, stack, target, .. } => {
                run.command.clone_from(command);
                run.stack.clone_from(stack);
                run.target.clone_from(target);
            }
            EventKind::PhaseStarted { phase, steps } => {
                run.phase = Some(*phase);
                run.open = steps.iter().map(|step| step.step.clone()).collect();
                if matches!(phase, Phase::Plan | Phase::PlanRemoval) {
                    run.order = steps.iter().map(|step| step.step.clone()).collect();
                    if steps.is_empty() {
                        self.phase_complete();
                    }
                }
            }
            EventKind::StepPlanned { step, plan } => {
                run.plans.insert(step.clone(), plan.clone());
            }
            EventKind::StepSucceeded { step, phase, outputs, .. } => {
                if *phase == Phase::Undo {
                    run.undone.insert(step.clone());
                }
                if matches!(phase, Phase::Apply | Phase::Remove) {
                    run.done.insert(step.clone());
                    run.outputs.insert(step.clone(), outputs.clone());
                }
                self.ended(step);
            }
            EventKind::StepFailed { step, phase, failure, .. } => {
                run.failures.push((step.clone(), *phase, failure.clone()));
                self.ended(step);
            }
            EventKind::StepSkipped { step, because, .. } => {
                run.skipped.insert(step.clone(), because.clone());
                self.ended(step);
            }
            EventKind::StepNotStarted { step, .. } => {
                run.not_started.insert(step.clone());
                self.ended(step);
            }
            EventKind::Status { services } => {
                if run.command == "status" {
                    self.stdout.write(status::services(services, self.style));
                } else {
                    run.services.clone_from(services);
                }
            }
            EventKind::Credentials { credentials } => {
                self.stdout.write(credentials::table(credentials, event.at, self.style));
            }
            EventKind::Lock { lock } => {
                self.stdout.write(lock::block(&run.stack, lock.as_ref(), event.at, self.style));
            }
            EventKind::LockLost { failure } => run.lost = Some(failure.clone()),
            EventKind::LockReleased { .. } if run.command == "lock release" => {
                self.stdout
                    .line(format!("The lock of {} was taken away: the next run can have it.", run.stack));
            }
            EventKind::Drift { drifts, left_alone } => {
                self.stdout.write(drift::block(drifts, self.style));
                self.stdout.write(drift::left_alone(left_alone, self.style));
            }
            EventKind::CommandFailed { failures } => {
                for failure in failures {
                    self.stderr.write(failure::block(None, failure, self.error_style));
                }
                if failures.len() > 1 {
                    self.stderr.line(format!("{} errors", failures.len()));
                }
            }
            EventKind::RunFinished { outcome, took, .. } => self.finished(*outcome, *took),
            EventKind::LockWaiting { .. }
            | EventKind::LockAcquired { .. }
            | EventKind::LockNotUsed
            | EventKind::LockReleased { .. }
            | EventKind::StepStarted { .. }
            | EventKind::StepProgress { .. }
            | EventKind::Warning { .. }
            | EventKind::Approval { .. }
            | EventKind::InterruptRequested { .. } => {}
        }
    }
}
