//! `longshore drift`.

use longshore_engine::{Ended, Report};
use longshore_model::{
    Action, Drift, DriftKind, EventKind, Failure, FailureKind, FieldChange, LeftAlone, Orphan, Outcome,
    Shown, StepId, StepPlan,
};

use super::{Invocation, stack};
use crate::{exit::Exit, session::Session};

/// Shows what is not as it is declared, and with `all` what nothing declares.
pub(super) fn run(invocation: Invocation, all: bool) -> Exit {
    stack::run("drift", invocation, move |session, _| Box::pin(drift(session, all)))
}

async fn drift(session: &Session, all: bool) -> Exit {
    let report = session.run.survey(&session.expansion.graph).await;
    let conflicts_only = report.failures().all(|(_, failure)| failure.kind == FailureKind::Conflict);
    let outcome = session.outcome(&report);
    if outcome != Outcome::Succeeded && !(outcome == Outcome::Failed && conflicts_only) {
        return session.finish(outcome, []);
    }
    let left_alone = if all { left_alone(session, &report).await } else { Ok(Vec::new()) };
    let left_alone = match left_alone {
        Ok(left_alone) => left_alone,
        Err(failure) => {
            session.run.events.emit(EventKind::CommandFailed { failures: vec![*failure] });
            return session.finish(Outcome::Failed, []);
        }
    };
    let drifts = drifts(session, report);
    let drifted = !drifts.is_empty();
    session.run.events.emit(EventKind::Drift { drifts, left_alone });
    let exit = session.finish(Outcome::Succeeded, []);
    if drifted { Exit::Changes } else { exit }
}

/// The fields that nothing declares, of the resources that are there.
async fn left_alone(session: &Session, report: &Report<StepPlan>) -> Result<Vec<LeftAlone>, Box<Failure>> {
    let mut all = Vec::new();
    for (step, ended) in report.iter() {
        let Ended::Succeeded(plan) = ended else { continue };
        let Some(node) = session.expansion.graph.node(step) else { continue };
        let context = session.context(step.clone()).adopting(node.adopts);
        let fields = node.step.left_alone(&context).await.map_err(Box::new)?;
        if !fields.is_empty() {
            all.push(LeftAlone { step: step.clone(), resource: plan.resource.clone(), fields });
        }
    }
    Ok(all)
}

fn drifts(session: &Session, report: Report<StepPlan>) -> Vec<Drift> {
    let graph = &session.expansion.graph;
    let stack = session.run.stack.as_str();
    let mut drifts = Vec::new();
    for (step, ended) in report {
        match ended {
            Ended::Succeeded(plan) => drifts.extend(of_plan(&step, stack, plan)),
            Ended::Failed(failure) => {
                let resource = graph.node(&step).and_then(|node| node.resource.as_deref());
                drifts.push(foreign(&step, resource, *failure));
            }
            // The run was not interrupted, and no other failure skips anything here.
            Ended::Skipped(_) | Ended::NotStarted => {}
        }
    }
    drifts
}

/// Creates the drift for a resource that the stack does not own, in the place of the stack's.
fn foreign(step: &StepId, resource: Option<&str>, failure: Failure) -> Drift {
    Drift {
        step: step.clone(),
        resource: resource.unwrap_or(step.as_str()).to_owned(),
        kind: DriftKind::Foreign,
        owner: failure.owner.clone(),
        blocks: true,
        detail: Some(failure.to_string()),
        fields: Vec::new(),
    }
}

fn of_plan(step: &StepId, stack: &str, plan: StepPlan) -> Vec<Drift> {
    let drift = |kind, resource: String, detail, fields| {
        let owner = (kind != DriftKind::Foreign).then(|| stack.to_owned());
        vec![Drift { step: step.clone(), resource, kind, owner, blocks: false, detail, fields }]
    };
    match plan.action {
        Action::NoChange => Vec::new(),
        Action::Create => drift(DriftKind::Missing, plan.resource, plan.reason, Vec::new()),
        Action::Delete => {
            // One step for all of a kind: each is a drift of its own.
            let one = |orphan: Orphan| Drift {
                step: step.clone(),
                resource: orphan.resource,
                kind: DriftKind::Undeclared,
                owner: Some(stack.to_owned()),
                blocks: false,
                detail: Some(orphan.made_by.map_or_else(
                    || "no tag says which step made it".to_owned(),
                    |made_by| format!("made by {made_by}"),
                )),
                fields: Vec::new(),
            };
            plan.orphans.into_iter().map(one).collect()
        }
        Action::Adopt => {
            let what_for = Some("will be adopted".to_owned());
            drift(DriftKind::Foreign, plan.resource, what_for, declared_and_found(plan.changes))
        }
        Action::Update | Action::Replace => {
            let follows = |change: &FieldChange| change.new == Some(Shown::AfterApply);
            let own: Vec<_> = plan.changes.iter().filter(|change| !follows(change)).cloned().collect();
            // Changes that follow from another resource's drift, or go on by themselves, are not drift of this one.
            if own.is_empty() {
                return Vec::new();
            }
            drift(DriftKind::Changed, plan.resource, plan.reason, declared_and_found(own))
        }
    }
}

/// A plan goes from what is there to what is declared; drift the other way.
fn declared_and_found(changes: impl IntoIterator<Item = FieldChange>) -> Vec<FieldChange> {
    let turned = |change: FieldChange| FieldChange { field: change.field, old: change.new, new: change.old };
    changes.into_iter().map(turned).collect()
}
