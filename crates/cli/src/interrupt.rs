//! Being asked to stop.

use std::io;
#[cfg(unix)]
use std::{fs, task::Poll};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::io::Interrupts;

/// Listens for being asked to stop.
pub(crate) enum Listener {
    /// For signals. They are caught as soon as this exists.
    #[cfg(unix)]
    Signals(Vec<tokio::signal::unix::Signal>),
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
                // Continuous integration ends a job that was called off with SIGTERM; SIGHUP comes when a terminal is
                // closed, or a connection to it.
                let hangup = (!ignores_hangup()).then(SignalKind::hangup);
                let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter().chain(hangup);
                Ok(Self::Signals(kinds.map(signal).collect::<io::Result<_>>()?))
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
            Self::Signals(signals) => {
                std::future::poll_fn(|context| {
                    let asked = signals.iter_mut().map(|signal| signal.poll_recv(context));
                    asked.fold(Poll::Pending, |asked, polled| if polled.is_ready() { polled } else { asked })
                })
                .await
            }
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

/// Whether whoever started the process wants it to outlive the terminal, as `nohup` does. Only Linux tells.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| is_hangup_ignored(&status))
}

/// Whether SIGHUP, which is signal 1, is in the mask of ignored ones.
#[cfg(unix)]
fn is_hangup_ignored(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
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

    #[cfg(unix)]
    #[test]
    fn a_mask_of_signals_tells_whether_a_hangup_is_ignored() {
        let status = |mask: &str| format!("Name:\tlongshore\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(is_hangup_ignored(&status("0000000000001001")), "nohup, and SIGPIPE as Rust has it");
        assert!(!is_hangup_ignored(&status("0000000000001000")));
        assert!(!is_hangup_ignored(""));
    }

    #[tokio::test]
    async fn work_that_nobody_interrupts_ends_by_itself() {
        let listener = Listener::new(Interrupts::Never).unwrap();
        assert_eq!(until_interrupted_twice(listener, &CancellationToken::new(), async { 3 }).await, Some(3));
    }
}
