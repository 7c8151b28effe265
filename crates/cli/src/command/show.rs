//! `longshore show`.

use jiff::Timestamp;
use longshore_model::{Event, EventKind, Outcome, Outputs, Phase, StepSummary, printable};

use super::Invocation;
use crate::{arguments, exit::Exit, plan_file::PlanFile, render, session::count_actions};

/// Shows the plan in a file, as `plan` showed it.
pub(super) fn run(options: &arguments::Show, invocation: &Invocation) -> Exit {
    let PlanFile { target, created, steps, .. } = match PlanFile::read(&options.plan) {
        Ok(file) => file,
        Err(failure) => return invocation.refuse(vec![failure]),
    };
    let place = format!("account {}, {}", target.account, target.region);
    if !invocation.is_json() {
        let made = i64::try_from(created).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
        let made = render::moment(&made.unwrap_or(Timestamp::MAX).to_string());
        let heading = format!("plan of {} ({}) for {place}, made {made}", target.stack, target.environment);
        invocation.display.stdout.line(format!("{}\n", printable(&heading)));
    }
    let readers = invocation.display.result_readers();
    let tell = |event| readers.read(&Event { at: created, event });
    tell(EventKind::RunStarted {
        command: "plan".to_owned(),
        stack: target.stack,
        environment: target.environment,
        target: place,
    });
    let summaries = steps.keys().map(|step| StepSummary { step: step.clone(), after: Vec::new() });
    tell(EventKind::PhaseStarted { phase: Phase::Plan, steps: summaries.collect() });
    for (step, plan) in &steps {
        tell(EventKind::StepPlanned { step: step.clone(), plan: plan.clone() });
        let (phase, outputs) = (Phase::Plan, Outputs::default());
        tell(EventKind::StepSucceeded { step: step.clone(), phase, outputs, took: 0 });
    }
    let actions = count_actions(steps.values());
    tell(EventKind::RunFinished { outcome: Outcome::Succeeded, actions, took: 0 });
    Exit::Done
}
