//! Asking before something is done that cannot be undone.

use std::io::BufRead as _;

use longshore_model::{Failure, FailureKind, Outcome};

use super::Invocation;
use crate::{exit::Exit, session::Session};

/// Returns a failure if standard input is no terminal. `what` names the act that was not done.
pub(super) fn nobody_to_ask(invocation: &Invocation, what: &str) -> Option<Failure> {
    let failure =
        Failure::new(FailureKind::Invalid, "nobody can be asked, because standard input is no terminal")
            .help(format!("pass --yes to go on without being asked; {what}"));
    (!invocation.stdin_is_terminal).then_some(failure)
}

/// Asks for the stack's name, which is typed to do `what`. Returns `None` if the run is interrupted instead.
pub(super) async fn confirm(session: &Session, invocation: &mut Invocation, what: &str) -> Option<bool> {
    let stack = session.run.stack.to_string();
    let question = format!("Type the stack's name, `{stack}`, to {what}: ");
    is_typed(session, invocation, question, &stack).await
}

/// Asks `question` and returns whether the answer is `wanted`. `None` if the run is interrupted instead.
pub(super) async fn is_typed(
    session: &Session,
    invocation: &mut Invocation,
    question: String,
    wanted: &str,
) -> Option<bool> {
    invocation.display.stderr.write(question);
    let mut stdin = std::mem::replace(&mut invocation.stdin, Box::new(std::io::empty()));
    let read = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        stdin.read_line(&mut line).map(|_| line)
    });
    tokio::select! {
        line = read => Some(line.is_ok_and(|line| line.is_ok_and(|line| line.trim() == wanted))),
        () = session.run.interrupt.cancelled() => None,
    }
}

/// Creates the failure for a wrong confirmation. `what` names the act that was not done.
pub(super) fn not_confirmed(what: &str) -> Failure {
    Failure::new(FailureKind::Invalid, "what was typed is not the stack's name")
        .help(format!("{what}; type the name, or pass --yes"))
}

/// The same as [`confirm`], and ends the run unless the name was typed. `not_done` names the act that was not done.
pub(super) async fn require_confirmation(
    session: &Session,
    invocation: &mut Invocation,
    what: &str,
    not_done: &str,
) -> Result<(), Exit> {
    match confirm(session, invocation, what).await {
        Some(true) => Ok(()),
        Some(false) => Err(session.fail(vec![not_confirmed(not_done)])),
        None => Err(session.finish(Outcome::Interrupted, [])),
    }
}
