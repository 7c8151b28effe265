//! `longshore destroy`.

use longshore_model::{Outcome, StepPlan};

use super::{
    Invocation,
    confirm::{nobody_to_ask, require_confirmation},
    stack,
};
use crate::{arguments, exit::Exit, session::Session};

/// The outcome without a confirmation.
const NOT_DONE: &str = "nothing was removed";

/// Removes what carries the stack's tag.
pub(super) fn run(options: &arguments::Destroy, invocation: Invocation) -> Exit {
    let yes = options.yes;
    if let Some(failure) = nobody_to_ask(&invocation, NOT_DONE).filter(|_| !yes) {
        return invocation.refuse(vec![failure]);
    }
    stack::run_locked("destroy", options.locking, invocation, move |session, invocation| {
        Box::pin(destroy(session, invocation, yes))
    })
}

async fn destroy(session: &Session, invocation: &mut Invocation, yes: bool) -> Exit {
    let graph = &session.expansion.graph;
    let planned = session.run.plan_removal(graph).await;
    let plans = match session.planned(planned) {
        Ok(plans) => plans,
        Err(exit) => return exit,
    };
    if !plans.values().any(StepPlan::is_change) {
        return session.finish(Outcome::Succeeded, plans.values());
    }
    if !yes && let Err(exit) = require_confirmation(session, invocation, "remove all this", NOT_DONE).await {
        return exit;
    }
    let removed = session.run.remove(graph, &plans).await;
    session.finish_applied(&plans, removed)
}
