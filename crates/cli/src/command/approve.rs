//! The approval of a plan that takes resources away.

use longshore_engine::Plans;
use longshore_model::{Answer, EventKind, Failure, FailureKind, Loss, LossKind, Outcome};

use super::{Invocation, confirm::is_typed};
use crate::session::Session;

/// The losses that an option of the command line approves beforehand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Approved {
    /// Orphans may be pruned.
    pub(super) prune: bool,
    /// Declared resources may be removed, replaced and stopped.
    pub(super) rest: bool,
    /// The command takes a plan file, which would approve them.
    pub(super) takes_plan: bool,
}

impl Approved {
    fn covers(self, loss: &Loss) -> bool {
        match loss.kind {
            LossKind::Prune => self.prune,
            LossKind::Remove | LossKind::Replace | LossKind::Stop | LossKind::Restart => self.rest,
        }
    }
}

/// Asks whether `plans` may take away what no option has approved. Without a terminal the answer is no.
///
/// # Errors
/// The outcome with which the run ends: it was refused, and said why, or interrupted.
pub(super) async fn approve(
    session: &Session,
    invocation: &mut Invocation,
    plans: &Plans,
    approved: Approved,
) -> Result<(), Outcome> {
    let losses: Vec<_> = plans.iter().flat_map(|(step, plan)| plan.losses(step)).collect();
    let losses: Vec<_> = losses.into_iter().filter(|loss| !approved.covers(loss)).collect();
    if losses.is_empty() {
        return Ok(());
    }
    let answer = if invocation.stdin_is_terminal {
        let question = format!("Type `yes` to {}: ", summary(&losses));
        match is_typed(session, invocation, question, "yes").await {
            Some(true) => Answer::Yes,
            Some(false) => Answer::No,
            None => return Err(Outcome::Interrupted),
        }
    } else {
        Answer::NotAsked
    };
    let refusal = refusal(&losses, answer, approved.takes_plan);
    session.run.events.emit(EventKind::Approval { losses, answer });
    match refusal {
        None => Ok(()),
        Some(failure) => {
            session.refuse(vec![failure]);
            Err(Outcome::Failed)
        }
    }
}

fn is_orphan(loss: &Loss) -> bool {
    loss.kind == LossKind::Prune
}

/// `prune 2 orphans, and replace or stop 1 declared resource`.
fn summary(losses: &[Loss]) -> String {
    let count = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    };
    let orphans = losses.iter().filter(|loss| is_orphan(loss)).count();
    let mut parts = Vec::new();
    if orphans > 0 {
        parts.push(format!("prune {}", count(orphans, "orphan")));
    }
    if losses.len() > orphans {
        parts.push(format!("replace or stop {}", count(losses.len() - orphans, "declared resource")));
    }
    parts.join(", and ")
}

/// Returns the failure that lists each loss, or `None` if the losses were approved.
fn refusal(losses: &[Loss], answer: Answer, takes_plan: bool) -> Option<Failure> {
    let (what, why) = match answer {
        Answer::Yes => return None,
        Answer::No => ("was not approved", "something else than `yes` was typed"),
        Answer::NotAsked => ("is not approved", "nobody was asked, because standard input is no terminal"),
    };
    let lines: Vec<_> = losses.iter().map(line).collect();
    let message = format!("the plan would {}, which {what}:\n{}", summary(losses), lines.join("\n"));
    let mut ways = Vec::new();
    if losses.iter().any(is_orphan) {
        ways.push("`--prune` removes orphans, and `--no-prune` leaves them as they are");
    }
    if !losses.iter().all(is_orphan) {
        ways.push("`--yes` approves everything that the plan shows");
    }
    if takes_plan {
        ways.push("`--plan FILE` applies a plan that `longshore plan --out FILE` has shown");
    }
    Some(Failure::new(FailureKind::Invalid, message).help(format!("{why}; {}", ways.join("; "))))
}

fn line(loss: &Loss) -> String {
    let kind = match loss.kind {
        LossKind::Prune => "prune",
        LossKind::Remove => "remove",
        LossKind::Replace => "replace",
        LossKind::Stop => "stop",
        LossKind::Restart => "restart",
    };
    format!("- {kind} {}", loss.resource)
}
