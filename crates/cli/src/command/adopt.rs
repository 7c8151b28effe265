//! `longshore adopt`.

use std::collections::BTreeSet;

use longshore_engine::Run;
use longshore_graph::Graph;
use longshore_model::{Action, Failure, FailureKind, StepId, StepPlan};

use super::{
    Invocation,
    approve::{Approved, approve},
    stack,
    unknown::unknown,
};
use crate::{arguments, exit::Exit, session::Session};

/// Adopts existing resources without an owner.
pub(super) fn run(options: arguments::Adopt, invocation: Invocation) -> Exit {
    stack::run_locked("adopt", options.locking, invocation, move |session, invocation| {
        Box::pin(adopt(session, invocation, options.steps, options.yes))
    })
}

async fn adopt(session: &Session, invocation: &mut Invocation, named: Vec<String>, yes: bool) -> Exit {
    let graph = &session.expansion.graph;
    let chosen = match chosen(graph, &named) {
        Ok(chosen) => chosen,
        Err(failures) => return session.fail(failures),
    };
    let run = Run { adopt: chosen.clone(), only: Some(chosen.clone()), ..session.run.clone() };
    let planned = run.plan(graph).await;
    let plans = match session.planned(planned) {
        Ok(plans) => plans,
        Err(exit) => return exit,
    };
    let refused: Vec<_> =
        plans.iter().filter(|(step, _)| chosen.contains(*step)).filter_map(refusal).collect();
    if !refused.is_empty() {
        return session.fail(refused);
    }
    let approved = Approved { prune: false, rest: yes, takes_plan: false };
    if let Err(outcome) = approve(session, invocation, &plans, approved).await {
        return session.finish(outcome, []);
    }
    let applied = run.apply(graph, &plans).await;
    session.finish_applied(&plans, applied)
}

/// The steps of these names.
fn chosen(graph: &Graph, named: &[String]) -> Result<BTreeSet<StepId>, Vec<Failure>> {
    let (mut chosen, mut failures) = (BTreeSet::new(), Vec::new());
    for name in named {
        match graph.nodes().find(|node| node.id.as_str() == name) {
            Some(node) => drop(chosen.insert(node.id.clone())),
            None => {
                let steps = graph.nodes().map(|node| node.id.as_str());
                failures.push(unknown("step", name, steps, "`longshore graph` shows the steps"));
            }
        }
    }
    if failures.is_empty() { Ok(chosen) } else { Err(failures) }
}

/// Returns a failure if there is nothing to adopt.
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
