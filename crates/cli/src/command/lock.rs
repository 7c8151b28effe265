//! `longshore lock`.

use longshore_model::{EventKind, Failure, FailureKind, LockState, Outcome};

use super::{
    Invocation,
    confirm::{confirm, nobody_to_ask, not_confirmed},
    stack,
};
use crate::{
    arguments::{self, LockAction},
    exit::Exit,
    session::Session,
};

/// The outcome without a confirmation.
const NOT_DONE: &str = "the lock stays where it is";

/// Shows the stack's lock, or takes it away from its holder.
pub(super) fn run(options: arguments::Lock, invocation: Invocation) -> Exit {
    match options.action {
        LockAction::Show => {
            stack::run("lock show", invocation, |session, invocation| Box::pin(show(session, invocation)))
        }
        LockAction::Release { yes } => {
            if let Some(failure) = nobody_to_ask(&invocation, NOT_DONE).filter(|_| !yes) {
                return invocation.refuse(vec![failure]);
            }
            stack::run_changing("lock release", invocation, move |session, invocation| {
                Box::pin(async move {
                    match release(session, invocation, yes).await {
                        Ok(outcome) => session.finish(outcome, []),
                        Err(failure) if failure.kind == FailureKind::Interrupted => {
                            session.refuse(vec![failure]);
                            session.finish(Outcome::Interrupted, [])
                        }
                        Err(failure) => session.fail(vec![failure]),
                    }
                })
            })
        }
    }
}

async fn show(session: &Session, invocation: &Invocation) -> Exit {
    let read = async { session.stack_lock("lock show", &invocation.variables).await?.state().await };
    let read = tokio::select! {
        read = read => read,
        () = session.run.interrupt.cancelled() => return session.finish(Outcome::Interrupted, []),
    };
    match read {
        Ok(lock) => {
            session.run.events.emit(EventKind::Lock { lock });
            session.finish(Outcome::Succeeded, [])
        }
        Err(failure) => session.fail(vec![failure]),
    }
}

async fn release(session: &Session, invocation: &mut Invocation, yes: bool) -> Result<Outcome, Failure> {
    let lock = session.stack_lock("lock release", &invocation.variables).await?;
    let state = lock.state().await?;
    session.run.events.emit(EventKind::Lock { lock: state.clone() });
    let Some(state) = state.filter(|state| state.held) else { return Ok(Outcome::Succeeded) };
    if let Some(failure) = held_elsewhere(&state, session.run.environment.as_str()) {
        return Err(failure);
    }
    if !yes {
        match confirm(session, invocation, "take the lock away from that run, which stops then").await {
            Some(true) => {}
            Some(false) => return Err(not_confirmed(NOT_DONE)),
            None => return Ok(Outcome::Interrupted),
        }
    }
    let epoch = state.epoch;
    session.run.events.emit(EventKind::LockWaiting { lock: state });
    tokio::select! {
        taken = lock.take_away(epoch) => taken?,
        () = session.run.interrupt.cancelled() => return Err(interrupted()),
    }
    session.run.events.emit(EventKind::LockReleased { epoch });
    Ok(Outcome::Succeeded)
}

/// Refuses to take the lock away from a run in another environment. All environments of a stack share its lock.
fn held_elsewhere(state: &LockState, environment: &str) -> Option<Failure> {
    let holder = state.holder.as_ref().filter(|holder| holder.environment != environment)?;
    let other = &holder.environment;
    let message = format!("a run in the environment `{other}` holds the lock, and none in `{environment}`");
    let help = format!("{NOT_DONE}; to take it away from that run, name its environment: --env {other}");
    Some(Failure::new(FailureKind::Conflict, message).help(help))
}

fn interrupted() -> Failure {
    let message =
        "interrupted before it was sure that the run has stopped; it has lost the lock nevertheless";
    Failure::new(FailureKind::Interrupted, message)
        .help("the next run gets the lock within a minute, without anything else being done")
}
