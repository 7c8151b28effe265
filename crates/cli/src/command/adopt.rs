//! `longshore adopt`.

use std::collections::BTreeSet;

use longshore_engine::Run;
use longshore_graph::Graph;
use longshore_model::{Action, Failure, FailureKind, Outcome, StepId, StepPlan, closest};

use super::{
    Invocation,
    approve::{Approved, approve},
    stack,
};
use crate::{arguments, exit::Exit, session::Session};

/// Takes over what is there and belongs to nobody.
pub(super) fn run(options: arguments::Adopt, invocation: Invocation) -> Exit {
    stack::run_locked("adopt", options.locking, invocation, move |session, invocation| {
        Box::pin(adopt(session, invocation, options.steps, options.yes))
    })
}

async fn adopt(session: &Session, invocation: &mut Invocation, named: Vec<String>, yes: bool) -> Exit {
    let graph = &session.expansion.graph;
    let chosen = match chosen(graph, &named) {
        Ok(chosen) => chosen,
        Err(failures) => {
            session.refuse(failures);
            return session.finish(Outcome::Failed, []);
        }
    };
    let run = Run { adopt: chosen.clone(), only: Some(chosen.clone()), ..session.run.clone() };
    let planned = run.plan(graph).await;
    let outcome = session.outcome(&planned);
    if outcome != Outcome::Succeeded {
        return session.finish(outcome, []);
    }
    let plans = planned.results();
    let refused: Vec<_> =
        plans.iter().filter(|(step, _)| chosen.contains(*step)).filter_map(refusal).collect();
    if !refused.is_empty() {
        session.refuse(refused);
        return session.finish(Outcome::Failed, []);
    }
    let approved = Approved { prune: false, rest: yes, takes_plan: false };
    if let Err(outcome) = approve(session, invocation, &plans, approved).await {
        return session.finish(outcome, []);
    }
    let applied = run.apply(graph, &plans).await;
    let outcome = session.outcome(&applied);
    let done = applied.results();
    session.finish(outcome, plans.iter().filter(|(step, _)| done.contains(step)).map(|(_, plan)| plan))
}

/// The steps of these names.
fn chosen(graph: &Graph, named: &[String]) -> Result<BTreeSet<StepId>, Vec<Failure>> {
    let (mut chosen, mut failures) = (BTreeSet::new(), Vec::new());
    for name in named {
        match graph.nodes().find(|node| node.id.as_str() == name) {
            Some(node) => drop(chosen.insert(node.id.clone())),
            None => failures.push(unknown(graph, name)),
        }
    }
    if failures.is_empty() { Ok(chosen) } else { Err(failures) }
}

fn unknown(graph: &Graph, name: &str) -> Failure {
    let names = || graph.nodes().map(|node| node.id.as_str());
    let help = match closest(name, names()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`longshore graph` shows the steps".to_owned(),
    };
    Failure::new(FailureKind::Invalid, format!("there is no step `{name}`")).help(help)
}

/// Why there is nothing to adopt.
fn refusal((step, plan): (&StepId, &StepPlan)) -> Option<Failure> {
    let why = match plan.action {
        Action::Adopt => return None,
        Action::Create => "is not there",
        _ => "is the stack's already, or cannot be owned",
    };
    let message = format!("{step}: there is nothing to adopt: the {} {why}", plan.resource);
    Some(
        Failure::new(FailureKind::Invalid, message)
            .help("nothing was changed; `longshore deploy` does the rest"),
    )
}
