//! Real time for real input and output.

use std::{future::Future, io, panic, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task,
};

/// Runs what deals with the outside world, such as requests and child processes, in real time.
///
/// The program may run on tokio's paused clock, which jumps to the next timer whenever nothing else is ready: a timeout
/// beside a request on a socket would run out at once. So such work gets a runtime of its own, whose clock is real.
/// The caller's runtime keeps its clock where it is meanwhile, as it does for every blocking task
/// ([`tokio::time::pause`], "Auto-advance").
pub struct RealTime {
    /// Always there, but taken when it is dropped.
    runtime: Option<Runtime>,
}

impl RealTime {
    /// Starts the runtime, which has one thread.
    ///
    /// # Errors
    /// When the operating system refuses a thread or an event queue.
    pub fn new() -> io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("real-time").enable_all().build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs `work` to its end. Dropping the returned future drops `work` too. `limit` is in real time; when it is over,
    /// `work` is dropped, and the answer is nothing.
    ///
    /// # Panics
    /// Outside of a tokio runtime, and when `work` panics.
    pub async fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let Some(runtime) = self.runtime.as_ref().map(|runtime| runtime.handle().clone()) else {
            unreachable!("the runtime is there until the drop")
        };
        let (caller, dropped) = oneshot::channel::<()>();
        let outcome = task::spawn_blocking(move || {
            runtime.block_on(async move {
                tokio::select! {
                    biased;
                    _ = dropped => None,
                    outcome = tokio::time::timeout(limit, work) => outcome.ok(),
                }
            })
        })
        .await;
        drop(caller);
        match outcome {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(payload) => panic::resume_unwind(payload),
                // The caller's runtime ends, and this future with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl Drop for RealTime {
    fn drop(&mut self) {
        // A runtime must not be awaited where an asynchronous task drops it.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for RealTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RealTime")
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_callers_paused_clock_stands_still_meanwhile() {
        let real_time = RealTime::new().unwrap();
        let before = Instant::now();
        let work = real_time.run(Duration::from_secs(10), async {
            let before = Instant::now();
            sleep(Duration::from_millis(100)).await;
            before.elapsed() >= Duration::from_millis(100)
        });
        let outcome =
            timeout(Duration::from_millis(1), work).await.expect("the timeout is not run out at once");
        assert_eq!(outcome, Some(true));
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_is_in_real_time() {
        let real_time = RealTime::new().unwrap();
        let started = std::time::Instant::now();
        let outcome = real_time.run(Duration::from_millis(50), std::future::pending::<()>()).await;
        assert_eq!(outcome, None);
        assert!((Duration::from_millis(50)..Duration::from_secs(5)).contains(&started.elapsed()));
    }

    #[tokio::test]
    async fn a_caller_who_stops_waiting_ends_the_work() {
        struct Told(mpsc::Sender<()>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }

        let real_time = RealTime::new().unwrap();
        let (sender, dropped) = mpsc::channel();
        let told = Told(sender);
        let work = real_time.run(Duration::from_secs(60), async move {
            let _told = told;
            std::future::pending::<()>().await;
        });
        assert!(timeout(Duration::from_millis(20), work).await.is_err());
        let ended = thread::spawn(move || dropped.recv_timeout(Duration::from_secs(5)));
        assert!(ended.join().unwrap().is_ok());
    }

    #[tokio::test]
    #[should_panic(expected = "told so")]
    async fn a_panic_of_the_work_is_the_callers() {
        let work = async { panic!("told so") };
        let _: Option<()> = RealTime::new().unwrap().run(Duration::from_secs(5), work).await;
    }
}
