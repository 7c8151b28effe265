//! `longshore rollback` and `longshore restart`: operations on services that run.

use std::sync::Arc;

use longshore_graph::Graph;
use longshore_model::{Failure, FailureKind, Name, Outcome, Problem, Service, StepId, StepPlan};
use longshore_plugin::{Node, ServiceOperations, Step};

use super::{
    Invocation,
    confirm::{nobody_to_ask, require_confirmation},
    stack,
    unknown::{there_are, unknown},
};
use crate::{
    arguments::{self, Services},
    exit::Exit,
    session::Session,
};

/// The outcome to report if the operation was not confirmed.
const NOT_DONE: &str = "nothing was changed";

/// Makes the step of a service.
type MakeStep =
    fn(&dyn ServiceOperations, &Name, &Name, &Service, Option<&str>) -> Result<Arc<dyn Step>, Vec<Problem>>;

/// An operation on services.
struct Operation {
    /// As the question names it.
    what: &'static str,
    step: MakeStep,
    services: Services,
    /// The revision that was named.
    to: Option<String>,
}

/// Takes services back to an earlier revision.
pub(super) fn rollback(options: arguments::Rollback, invocation: Invocation) -> Exit {
    fn step(
        deployer: &dyn ServiceOperations,
        stack: &Name,
        name: &Name,
        service: &Service,
        to: Option<&str>,
    ) -> Result<Arc<dyn Step>, Vec<Problem>> {
        deployer.rollback(stack, name, service, to)
    }
    run(
        "rollback",
        Operation { what: "roll back", step, services: options.services, to: options.to },
        invocation,
    )
}

/// Replaces the tasks of services.
pub(super) fn restart(options: arguments::Restart, invocation: Invocation) -> Exit {
    fn step(
        deployer: &dyn ServiceOperations,
        stack: &Name,
        name: &Name,
        service: &Service,
        _to: Option<&str>,
    ) -> Result<Arc<dyn Step>, Vec<Problem>> {
        deployer.restart(stack, name, service)
    }
    run("restart", Operation { what: "restart", step, services: options.services, to: None }, invocation)
}

fn run(command: &'static str, operation: Operation, invocation: Invocation) -> Exit {
    let Services { yes, locking, .. } = operation.services;
    if let Some(failure) = nobody_to_ask(&invocation, NOT_DONE).filter(|_| !yes) {
        return invocation.refuse(vec![failure]);
    }
    stack::run_locked(command, locking, invocation, move |session, invocation| {
        Box::pin(operate(session, invocation, operation))
    })
}

async fn operate(session: &Session, invocation: &mut Invocation, operation: Operation) -> Exit {
    let graph = match chosen(session, &operation).and_then(|chosen| graph(session, &operation, &chosen)) {
        Ok(graph) => graph,
        Err(failures) => return session.fail(failures),
    };
    let planned = session.run.plan(&graph).await;
    let plans = match session.planned(planned) {
        Ok(plans) => plans,
        Err(exit) => return exit,
    };
    if !plans.values().any(StepPlan::is_change) {
        return session.finish(Outcome::Succeeded, plans.values());
    }
    if !operation.services.yes
        && let Err(exit) = require_confirmation(session, invocation, operation.what, NOT_DONE).await
    {
        return exit;
    }
    let applied = session.run.apply(&graph, &plans).await;
    if session.outcome(&applied) == Outcome::Succeeded {
        session.show_status().await;
    }
    session.finish_applied(&plans, applied)
}

/// The services that were named. One that is alone need not be; of several, all only where that was said.
fn chosen(session: &Session, operation: &Operation) -> Result<Vec<Name>, Vec<Failure>> {
    let all = &session.stack().services;
    let Services { named, all: wants_all, .. } = &operation.services;
    let chosen = if named.is_empty() {
        if all.len() > 1 && !wants_all {
            let message = format!("the stack has {} services, and none was named", all.len());
            let help = format!("name those to {}, or pass --all; {}", operation.what, there_are(all.keys()));
            return Err(vec![Failure::new(FailureKind::Invalid, message).help(help)]);
        }
        all.keys().cloned().collect()
    } else {
        let (mut chosen, mut failures) = (Vec::new(), Vec::new());
        for name in named {
            match all.keys().find(|other| other.as_str() == name) {
                Some(name) if chosen.contains(name) => {}
                Some(name) => chosen.push(name.clone()),
                None => {
                    let names = all.keys().map(Name::as_str);
                    failures.push(unknown("service", name, names, &there_are(all.keys())));
                }
            }
        }
        if !failures.is_empty() {
            return Err(failures);
        }
        chosen
    };
    if let (Some(to), [_, _, ..]) = (&operation.to, chosen.as_slice()) {
        let message =
            format!("`--to {to}` names a revision of one service, and {} were chosen", chosen.len());
        return Err(vec![Failure::new(FailureKind::Invalid, message).help("name one service")]);
    }
    Ok(chosen)
}

/// A step for each service.
fn graph(session: &Session, operation: &Operation, chosen: &[Name]) -> Result<Graph, Vec<Failure>> {
    let stack = session.stack();
    let (mut nodes, mut failures) = (Vec::new(), Vec::new());
    for name in chosen {
        let found = session.expansion.deployers.get(name).zip(stack.services.get(name));
        let Some((deployer, service)) = found else { continue };
        match deployer.operations() {
            Some(deployer) => {
                match (operation.step)(deployer, &stack.name, name, service, operation.to.as_deref()) {
                    Ok(step) => nodes.push(Node::new(StepId::new("service", name), step)),
                    Err(problems) => {
                        let failure =
                            |problem: &Problem| Failure::new(FailureKind::Invalid, problem.to_string());
                        failures.extend(problems.iter().map(failure));
                    }
                }
            }
            None => {
                let plugin = &service.deployer.name;
                let message =
                    format!("the deployer `{plugin}` of the service `{name}` cannot {}", operation.what);
                failures.push(Failure::new(FailureKind::Invalid, message).help("use its own tools"));
            }
        }
    }
    if !failures.is_empty() {
        return Err(failures);
    }
    Graph::new(nodes).map_err(|errors| {
        errors.iter().map(|error| Failure::new(FailureKind::Internal, error.to_string())).collect()
    })
}
