//! `longshore destroy`.

use longshore_model::{Outcome, StepPlan};

use super::{
    Invocation,
    confirm::{confirm, nobody_to_ask, not_confirmed},
    stack,
};
use crate::{arguments, exit::Exit, session::Session};

/// What has not been done when nobody was asked, or somebody said no.
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
    let outcome = session.outcome(&planned);
    if outcome != Outcome::Succeeded {
        return session.finish(outcome, []);
    }
    let plans = planned.results();
    if !plans.values().any(StepPlan::is_change) {
        return session.finish(Outcome::Succeeded, plans.values());
    }
    if !yes {
        match confirm(session, invocation, "remove all this").await {
            Some(true) => {}
            Some(false) => {
                session.refuse(vec![not_confirmed(NOT_DONE)]);
                return session.finish(Outcome::Failed, []);
            }
            None => return session.finish(Outcome::Interrupted, []),
        }
    }
    let removed = session.run.remove(graph, &plans).await;
    let outcome = session.outcome(&removed);
    let done = removed.results();
    session.finish(outcome, plans.iter().filter(|(step, _)| done.contains(step)).map(|(_, plan)| plan))
}
