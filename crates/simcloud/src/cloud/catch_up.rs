//! Working off what became due.

use std::{future::Future, sync::mpsc, time::Duration};

use crate::{Cloud, Due, World, ecs};

/// How long, in real time, the virtual clock stands still for one pull from a real registry.
const REAL_TIME: Duration = Duration::from_secs(10);

impl Cloud {
    /// Lets everything happen that is due by now, in order; says whether anything did.
    ///
    /// The world stays locked meanwhile: nobody sees a state between two events.
    pub(super) async fn catch_up(&self, world: &mut World) -> bool {
        let now = self.now();
        let mut happened = false;
        while let Some((at, due)) = world.agenda.pop(now) {
            happened = true;
            world.now = world.now.max(at);
            match due {
                Due::Ecs(due) => {
                    if let Some(errand) = ecs::happen(world, at, due) {
                        let outcome = in_real_time(errand.run()).await;
                        ecs::errand_done(world, at, errand, outcome);
                    }
                }
                Due::SecretDeletion { arn } => world.secrets.purge(&arn, at),
                Due::KeyDeletion { arn } => world.kms.purge(&arn, at),
            }
        }
        world.now = world.now.max(now);
        happened
    }
}

/// Runs real input and output under a clock that may be paused.
///
/// Tokio advances a paused clock as soon as nothing but timers is left to wait for, and a socket does not count, so
/// every time-out would fire at once. A blocking task does count: one is held for as long as the work takes.
async fn in_real_time<T>(work: impl Future<Output = T>) -> T {
    let (done, wait) = mpsc::channel::<()>();
    let hold = tokio::task::spawn_blocking(move || wait.recv_timeout(REAL_TIME));
    let result = work.await;
    drop(done);
    // Whether it was released or ran out does not matter.
    let _ = hold.await;
    result
}
