//! Being asked to stop.

#[cfg(unix)]
use std::fs;
use std::{io, process, thread, time::Duration};

use tokio::{
    runtime::Builder,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{exit::Exit, io::Interrupts};

/// The time that the command has to end after the second signal: it draws its last lines and gives the lock back.
const END: Duration = Duration::from_secs(5);

/// Listens for being asked to stop.
pub(crate) enum Listener {
    Channel(UnboundedReceiver<()>),
    Never,
}

impl Listener {
    /// Begins to listen. Signals are caught as soon as this exists.
    pub(crate) fn new(interrupts: Interrupts) -> io::Result<Self> {
        match interrupts {
            Interrupts::Signals => Ok(Self::Channel(catch_signals()?)),
            Interrupts::Channel(receiver) => Ok(Self::Channel(receiver)),
            Interrupts::Never => Ok(Self::Never),
        }
    }

    async fn next(&mut self) {
        let asked = match self {
            Self::Channel(receiver) => receiver.recv().await,
            Self::Never => None,
        };
        if asked.is_none() {
            std::future::pending().await
        }
    }
}

/// Catches signals on a thread with a runtime of its own: work that keeps the command's runtime busy does not delay them.
fn catch_signals() -> io::Result<UnboundedReceiver<()>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _entered = runtime.enter();
        Signals::catch()?
    };
    let (asks, receiver) = unbounded_channel();
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || runtime.block_on(pass_on(signals, asks)))?;
    Ok(receiver)
}

/// Passes two signals on, and ends the process if the command does not end by itself then: at a third signal, or after
/// [`END`]. A signal that the command no longer listens for ends the process, too.
async fn pass_on(mut signals: Signals, asks: UnboundedSender<()>) {
    for _ in 0..2 {
        signals.next().await;
        if asks.send(()).is_err() {
            process::exit(Exit::Interrupted as i32);
        }
    }
    // It makes no difference which of the two it was.
    drop(timeout(END, signals.next()).await);
    process::exit(Exit::Interrupted as i32);
}

/// The signals that ask to stop.
struct Signals(#[cfg(unix)] Vec<tokio::signal::unix::Signal>);

impl Signals {
    /// Catches them. Must be called within a runtime.
    #[cfg(unix)]
    fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // Continuous integration ends a job that was called off with SIGTERM; SIGHUP comes when a terminal is closed, or a
        // connection to it.
        let hangup = (!ignores_hangup()).then(SignalKind::hangup);
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter().chain(hangup);
        Ok(Self(kinds.map(signal).collect::<io::Result<_>>()?))
    }

    #[cfg(not(unix))]
    fn catch() -> io::Result<Self> {
        Ok(Self())
    }

    /// Waits for the next one.
    #[cfg(unix)]
    async fn next(&mut self) {
        use std::task::Poll;
        std::future::poll_fn(|context| {
            let polled = self.0.iter_mut().map(|signal| signal.poll_recv(context));
            polled
                .fold(Poll::Pending, |asked, polled| if polled.is_ready() { Poll::Ready(()) } else { asked })
        })
        .await
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

/// Returns true if the process was started to outlive the terminal, as `nohup` does. Only Linux tells.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| is_hangup_ignored(&status))
}

/// Returns true if SIGHUP, which is signal 1, is in the mask of ignored ones.
#[cfg(unix)]
fn is_hangup_ignored(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Runs `work`, and drops it at the first request to stop. Returns `None` then.
pub(crate) async fn until_interrupted<T>(
    listener: &mut Listener,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        () = listener.next() => None,
        result = work => Some(result),
    }
}

/// Runs `work`. The first interrupt cancels `interrupt`. The second one drops `work`, and `None` is returned.
pub(crate) async fn until_interrupted_twice<T>(
    listener: &mut Listener,
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
        let mut listener = Listener::new(Interrupts::Channel(receiver)).unwrap();
        asks.send(()).unwrap();
        let work = async {
            interrupt.cancelled().await;
            asks.send(()).unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        assert_eq!(until_interrupted_twice(&mut listener, &interrupt, work).await, None);
    }

    /// Runs itself once more as a process that is too busy to notice anything, and ends that with signals.
    #[cfg(unix)]
    #[test]
    fn third_signal_ends_a_busy_process() {
        use std::{
            io::{BufRead as _, BufReader},
            process::{Command, Stdio},
        };

        const AGAIN: &str = "LONGSHORE_TEST_BUSY";
        if std::env::var_os(AGAIN).is_some() {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let busy = async {
                eprintln!("busy");
                loop {
                    std::hint::spin_loop();
                }
            };
            let mut listener = Listener::new(Interrupts::Signals).unwrap();
            let interrupt = CancellationToken::new();
            let _: Option<()> = runtime.block_on(until_interrupted_twice(&mut listener, &interrupt, busy));
            return;
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["interrupt::tests::third_signal_ends_a_busy_process", "--exact", "--nocapture"])
            .env(AGAIN, "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("busy")));
        for _ in 0..3 {
            let kill = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status();
            assert!(kill.unwrap().success());
            // Signals that come together count as one.
            thread::sleep(Duration::from_millis(200));
        }
        let began = std::time::Instant::now();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
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
        let mut listener = Listener::new(Interrupts::Never).unwrap();
        assert_eq!(
            until_interrupted_twice(&mut listener, &CancellationToken::new(), async { 3 }).await,
            Some(3)
        );
    }
}
