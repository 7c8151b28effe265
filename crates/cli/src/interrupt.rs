//! Being asked to stop.

use std::io;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::io::Interrupts;

/// Listens for being asked to stop.
pub(crate) enum Listener {
    /// For signals. They are caught as soon as this exists.
    #[cfg(unix)]
    Signals([tokio::signal::unix::Signal; 2]),
    #[cfg(not(unix))]
    CtrlC,
    Channel(UnboundedReceiver<()>),
    Never,
}

impl Listener {
    /// Begins to listen. Must be called within a tokio runtime.
    pub(crate) fn new(interrupts: Interrupts) -> io::Result<Self> {
        match interrupts {
            #[cfg(unix)]
            Interrupts::Signals => {
                use tokio::signal::unix::{SignalKind, signal};
                // Continuous integration ends a job that was called off with SIGTERM.
                Ok(Self::Signals([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]))
            }
            #[cfg(not(unix))]
            Interrupts::Signals => Ok(Self::CtrlC),
            Interrupts::Channel(receiver) => Ok(Self::Channel(receiver)),
            Interrupts::Never => Ok(Self::Never),
        }
    }

    async fn next(&mut self) {
        let asked = match self {
            #[cfg(unix)]
            Self::Signals([interrupt, terminate]) => tokio::select! {
                asked = interrupt.recv() => asked,
                asked = terminate.recv() => asked,
            },
            #[cfg(not(unix))]
            Self::CtrlC => tokio::signal::ctrl_c().await.ok(),
            Self::Channel(receiver) => receiver.recv().await,
            Self::Never => None,
        };
        if asked.is_none() {
            std::future::pending().await
        }
    }
}

/// Runs `work`. The first time that somebody asks to stop, `interrupt` is cancelled; the second time, `work` is dropped
/// and the answer is nothing.
pub(crate) async fn until_interrupted_twice<T>(
    mut listener: Listener,
    interrupt: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    let twice = async {
        listener.next().await;
        interrupt.cancel();
        listener.next().await;
    };
    tokio::select! {
        result = work => Some(result),
        () = twice => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_time_cancels_and_the_second_time_ends() {
        let (asks, receiver) = unbounded_channel();
        let interrupt = CancellationToken::new();
        let listener = Listener::new(Interrupts::Channel(receiver)).unwrap();
        asks.send(()).unwrap();
        let work = async {
            interrupt.cancelled().await;
            asks.send(()).unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        assert_eq!(until_interrupted_twice(listener, &interrupt, work).await, None);
    }

    #[tokio::test]
    async fn work_that_nobody_interrupts_ends_by_itself() {
        let listener = Listener::new(Interrupts::Never).unwrap();
        assert_eq!(until_interrupted_twice(listener, &CancellationToken::new(), async { 3 }).await, Some(3));
    }
}
