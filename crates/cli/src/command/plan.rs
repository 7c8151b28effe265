//! `longshore plan`.

use longshore_model::{Outcome, StepPlan};

use super::{Invocation, stack};
use crate::{arguments, exit::Exit, session::Session};

/// Shows what a deployment would change.
pub(super) fn run(options: &arguments::Plan, invocation: Invocation) -> Exit {
    let detailed = options.detailed_exitcode;
    stack::run("plan", invocation, move |session, _| Box::pin(plan(session, detailed)))
}

async fn plan(session: &Session, detailed: bool) -> Exit {
    let report = session.run.plan(&session.expansion.graph).await;
    let outcome = session.outcome(&report);
    if outcome != Outcome::Succeeded {
        return session.finish(outcome, []);
    }
    let plans = report.results();
    let exit = session.finish(outcome, plans.values());
    if detailed && plans.values().any(StepPlan::is_change) { Exit::Changes } else { exit }
}
