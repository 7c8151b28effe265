//! `longshore status`.

use longshore_model::{EventKind, Outcome};

use super::{Invocation, stack};
use crate::{exit::Exit, session::Session};

/// Shows how the services are doing.
pub(super) fn run(invocation: Invocation) -> Exit {
    stack::run("status", invocation, |session, _| Box::pin(status(session)))
}

async fn status(session: &Session) -> Exit {
    let status = tokio::select! {
        status = session.status() => status,
        () = session.run.interrupt.cancelled() => return session.finish(Outcome::Interrupted, []),
    };
    match status {
        Ok(services) => {
            session.run.events.emit(EventKind::Status { services });
            session.finish(Outcome::Succeeded, [])
        }
        Err(failures) => session.fail(failures),
    }
}
