//! `longshore deploy`.

use longshore_model::{Outcome, StepPlan};

use super::{Invocation, stack};
use crate::{exit::Exit, session::Session};

/// Makes AWS as the configuration declares it.
pub(super) fn run(invocation: Invocation) -> Exit {
    stack::run("deploy", invocation, |session, _| Box::pin(deploy(session)))
}

async fn deploy(session: &Session) -> Exit {
    let graph = &session.expansion.graph;
    let planned = session.run.plan(graph).await;
    let outcome = session.outcome(&planned);
    if outcome != Outcome::Succeeded {
        return session.finish(outcome, []);
    }
    let plans = planned.results();
    if !plans.values().any(StepPlan::is_change) {
        session.show_status().await;
        return session.finish(Outcome::Succeeded, plans.values());
    }
    let applied = session.run.apply(graph, &plans).await;
    let outcome = session.outcome(&applied);
    if outcome == Outcome::Succeeded {
        session.show_status().await;
    }
    let done = applied.results();
    session.finish(outcome, plans.iter().filter(|(step, _)| done.contains_key(step)).map(|(_, plan)| plan))
}
