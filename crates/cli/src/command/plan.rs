//! `longshore plan`.

use std::path::{Path, PathBuf};

use longshore_engine::{Plans, Run};
use longshore_model::{Failure, Outcome, StepPlan};

use super::{Invocation, stack};
use crate::{arguments, exit::Exit, plan_file::PlanFile, session::Session};

/// Shows what a deployment would change.
pub(super) fn run(options: &arguments::Plan, invocation: Invocation) -> Exit {
    let (detailed, out, keep_orphans) = (options.detailed_exitcode, options.out.clone(), options.no_prune);
    stack::run("plan", invocation, move |session, _| Box::pin(plan(session, detailed, out, keep_orphans)))
}

async fn plan(session: &Session, detailed: bool, out: Option<PathBuf>, keep_orphans: bool) -> Exit {
    let run = Run { keep_orphans, ..session.run.clone() };
    let report = run.plan(&session.expansion.graph).await;
    let outcome = session.outcome(&report);
    if outcome != Outcome::Succeeded {
        return session.finish(outcome, []);
    }
    let plans = report.results();
    if let Some(out) = out
        && let Err(failure) = keep(session, plans.clone(), keep_orphans, &out).await
    {
        return session.fail(vec![failure]);
    }
    let exit = session.finish(outcome, plans.values());
    if detailed && plans.values().any(StepPlan::is_change) { Exit::Changes } else { exit }
}

async fn keep(session: &Session, plans: Plans, keeps_orphans: bool, out: &Path) -> Result<(), Failure> {
    let target = session.plan_target().await?;
    let steps = plans.iter().map(|(step, plan)| (step.clone(), plan.clone()));
    let mut file = PlanFile::new(target, session.run.events.now(), steps);
    file.keeps_orphans = keeps_orphans;
    file.write(out)
}
