//! `longshore destroy`.

use std::io::BufRead;

use longshore_model::{Failure, FailureKind, Outcome, StepPlan};

use super::{Invocation, stack};
use crate::{arguments, exit::Exit, session::Session};

/// Removes what carries the stack's tag.
pub(super) fn run(options: &arguments::Destroy, invocation: Invocation) -> Exit {
    let yes = options.yes;
    if !yes && !invocation.stdin_is_terminal {
        let failure =
            Failure::new(FailureKind::Invalid, "nobody can be asked, because standard input is no terminal")
                .help("pass --yes to remove the stack without being asked; nothing was removed");
        return invocation.refuse(vec![failure]);
    }
    stack::run("destroy", invocation, move |session, invocation| Box::pin(destroy(session, invocation, yes)))
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
        match confirm(session, invocation).await {
            Some(true) => {}
            Some(false) => {
                let failure = Failure::new(FailureKind::Invalid, "what was typed is not the stack's name")
                    .help("nothing was removed; type the name, or pass --yes");
                session.refuse(vec![failure]);
                return session.finish(Outcome::Failed, []);
            }
            None => return session.finish(Outcome::Interrupted, []),
        }
    }
    let removed = session.run.remove(graph, &plans).await;
    let outcome = session.outcome(&removed);
    let done = removed.results();
    session.finish(outcome, plans.iter().filter(|(step, _)| done.contains_key(step)).map(|(_, plan)| plan))
}

/// Asks for the stack's name. No answer when somebody asks to stop instead.
async fn confirm(session: &Session, invocation: &mut Invocation) -> Option<bool> {
    let stack = session.run.stack.to_string();
    invocation.display.stderr.write(format!("Type the stack's name, `{stack}`, to remove all this: "));
    let mut stdin = std::mem::replace(&mut invocation.stdin, Box::new(std::io::empty()));
    let read = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        stdin.read_line(&mut line).map(|_| line)
    });
    tokio::select! {
        line = read => Some(line.is_ok_and(|line| line.is_ok_and(|line| line.trim() == stack))),
        () = session.run.interrupt.cancelled() => None,
    }
}
