//! The common parts of the commands that run on a stack: the configuration, the runtime and the interrupts.

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin};

use futures_util::FutureExt as _;
use longshore_model::{Failure, FailureKind, Outcome};
use longshore_plugin::panicked;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::Invocation;
use crate::{
    arguments,
    exit::Exit,
    host,
    interrupt::{Listener, until_interrupted_twice},
    logging::Logging,
    place::Place,
    session::Session,
};

pub(super) type Work<'a> = Pin<Box<dyn Future<Output = Exit> + 'a>>;

/// The same as [`run_changing`], and from before it is planned to the end the run holds the stack's lock.
pub(super) fn run_locked(
    command: &'static str,
    locking: arguments::Locking,
    invocation: Invocation,
    work: impl for<'a> FnOnce(&'a Session, &'a mut Invocation) -> Work<'a> + 'static,
) -> Exit {
    run_changing(command, invocation, move |session, invocation| {
        Box::pin(async move {
            if let Err(failure) = session.lock(&locking, &invocation.variables).await {
                let interrupted = failure.kind == FailureKind::Interrupted;
                session.refuse(vec![failure]);
                return session.finish(if interrupted { Outcome::Interrupted } else { Outcome::Failed }, []);
            }
            let exit = contained(session, work(session, invocation)).await;
            session.unlock(exit).await
        })
    })
}

/// The same as [`run`], for what changes something: in a pipeline, the environment has to be named.
pub(super) fn run_changing(
    command: &'static str,
    invocation: Invocation,
    work: impl for<'a> FnOnce(&'a Session, &'a mut Invocation) -> Work<'a> + 'static,
) -> Exit {
    if let Some(failure) = invocation.unnamed_environment() {
        invocation.refuse(vec![failure]);
        return Exit::Usage;
    }
    run(command, invocation, work)
}

/// Runs `work`. If it panics, the run has failed.
async fn contained(session: &Session, work: Work<'_>) -> Exit {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(exit) => exit,
        Err(_) => {
            session.fail(vec![panicked("the command")]);
            Exit::Fault
        }
    }
}

/// Runs `work` on the configured stack, after it is sure that the calls reach the right account.
pub(super) fn run(
    command: &'static str,
    mut invocation: Invocation,
    work: impl for<'a> FnOnce(&'a Session, &'a mut Invocation) -> Work<'a>,
) -> Exit {
    let plugins = invocation.plugins.clone();
    let loaded = match host::load(&invocation.settings, &invocation.variables, &plugins) {
        Ok(loaded) => loaded,
        Err(failures) => return invocation.refuse(failures),
    };
    let place = match Place::of(&loaded, &invocation.settings.state_directory, &invocation.variables) {
        Ok(place) => place,
        Err(problems) => return invocation.refuse(host::refused(&loaded.locate(problems))),
    };
    let runtime = match runtime(place.is_virtual(), &invocation.logging) {
        Ok(runtime) => runtime,
        Err(failure) => return invocation.refuse(vec![failure]),
    };
    let interrupts = std::mem::replace(&mut invocation.interrupts, crate::io::Interrupts::Never);
    let interrupt = CancellationToken::new();
    let exit = runtime.block_on(async {
        // Signals are heard to the end: one that comes while the state is saved must not lose it.
        let mut listener = match Listener::new(interrupts) {
            Ok(listener) => listener,
            Err(error) => return invocation.refuse(vec![no_signals(&error)]),
        };
        let session = Session::new(command, loaded, place, &plugins, &invocation, interrupt.clone());
        let session = match until_interrupted_twice(&mut listener, &interrupt, session).await {
            Some(Ok(session)) => session,
            Some(Err(failures)) => return invocation.refuse(failures),
            None => return Exit::Interrupted,
        };
        let whole = async {
            if let Err(failure) = session.begin().await {
                return session.refuse(vec![failure]);
            }
            contained(&session, work(&session, &mut invocation)).await
        };
        let exit = until_interrupted_twice(&mut listener, &interrupt, whole).await;
        let Some(exit) = exit else {
            session.let_go().await;
            session.readers.abandon();
            return Exit::Interrupted;
        };
        match session.close().await {
            Ok(()) => exit,
            Err(failure) => invocation.refuse(vec![failure]),
        }
    });
    // Whatever still runs after a second interrupt is not waited for.
    runtime.shutdown_background();
    exit
}

/// A runtime whose threads write to the log.
///
/// # Errors
/// When the operating system refuses threads.
pub(super) fn runtime(is_virtual: bool, logging: &Logging) -> Result<Runtime, Failure> {
    let mut builder = if is_virtual {
        let mut builder = Builder::new_current_thread();
        builder.start_paused(true);
        builder
    } else {
        Builder::new_multi_thread()
    };
    builder.enable_all().on_thread_start(logging.enter_thread()).build().map_err(|error| {
        Failure::new(FailureKind::Internal, format!("the runtime cannot be started: {error}"))
    })
}

/// Creates the failure for signals that cannot be caught.
pub(super) fn no_signals(error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::Internal, format!("signals cannot be caught: {error}"))
}
