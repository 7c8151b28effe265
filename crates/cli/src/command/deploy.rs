//! `longshore deploy`.

use longshore_engine::Run;
use longshore_model::{Outcome, StepPlan};
use tokio_util::sync::CancellationToken;

use super::{
    Invocation,
    approve::{Approved, approve},
    stack,
};
use crate::{
    arguments::{self, OnFailure},
    exit::Exit,
    plan_file::PlanFile,
    session::Session,
};

/// Makes AWS as the configuration declares it.
pub(super) fn run(options: arguments::Deploy, invocation: Invocation) -> Exit {
    let approved = match options.plan.as_deref().map(PlanFile::read).transpose() {
        Ok(approved) => approved,
        Err(failure) => return invocation.refuse(vec![failure]),
    };
    let locking = options.locking;
    stack::run_locked("deploy", locking, invocation, move |session, invocation| {
        Box::pin(deploy(session, invocation, options, approved))
    })
}

async fn deploy(
    session: &Session,
    invocation: &mut Invocation,
    options: arguments::Deploy,
    approved: Option<PlanFile>,
) -> Exit {
    let arguments::Approval { prune, no_prune, yes } = options.approval;
    let is_shown = approved.is_some();
    let answers = Approved { prune: prune || yes || is_shown, rest: yes || is_shown, takes_plan: true };
    if let (Some(approved), Some(path)) = (&approved, &options.plan) {
        let target = session.plan_target().await;
        if let Err(failure) = target.and_then(|target| approved.require_target(&target, path)) {
            return session.fail(vec![failure]);
        }
    }
    let graph = &session.expansion.graph;
    let keep_orphans = approved.as_ref().map_or(no_prune, |approved| approved.keeps_orphans);
    let run = Run { keep_orphans, ..session.run.clone() };
    let planned = run.plan(graph).await;
    let plans = match session.planned(planned) {
        Ok(plans) => plans,
        Err(exit) => return exit,
    };
    let moved = approved.map(|approved| approved.moved(plans.iter())).unwrap_or_default();
    if !moved.is_empty() {
        return session.fail(moved);
    }
    if !plans.values().any(StepPlan::is_change) {
        session.show_status().await;
        return session.finish(Outcome::Succeeded, plans.values());
    }
    if let Err(outcome) = approve(session, invocation, &plans, answers).await {
        return session.finish(outcome, []);
    }
    let applied = run.apply(graph, &plans).await;
    let outcome = session.outcome(&applied);
    if outcome == Outcome::Succeeded {
        session.show_status().await;
    } else if outcome != Outcome::AwaitingAction
        && options.on_failure == OnFailure::Undo
        && !session.has_lost_lock()
    {
        // An interrupt has stopped the run; what was done is taken back nevertheless. A second one ends that, too.
        let run = Run { interrupt: CancellationToken::new(), ..session.run.clone() };
        run.undo(graph, &plans, &applied).await;
    }
    session.finish_applied(&plans, applied)
}
