//! The lock against a model of Parameter Store, and against the simulated cloud.

mod cloud;
mod dice;
mod network;
mod races;
mod run;
mod scenarios;
mod store;
mod world;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use longshore_model::LockHolder;
use tokio::time::Instant;

use super::{Epochs, Fence, Lock, Timing};

/// 2026-11-23T00:00:00Z, when each simulation begins.
const START: Duration = Duration::from_secs(1_795_392_000);

/// The lock's own times, but for one: the clocks of these runs are wrong by up to a lease, and no check refuses their
/// signatures. AWS's own are wrong, too.
const TIMING: Timing = Timing { skew: Timing::AWS.lease.saturating_add(Timing::AWS.hosts), ..Timing::AWS };

/// A clock on a wall. It goes as tokio's does, and shows what it likes.
#[derive(Clone, Copy, Debug)]
struct Wall {
    start: Instant,
    ahead: Duration,
    behind: Duration,
}

impl Wall {
    /// AWS's clock, which starts now.
    fn exact() -> Self {
        Self { start: Instant::now(), ahead: Duration::ZERO, behind: Duration::ZERO }
    }
}

impl TimeSource for Wall {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + START + self.start.elapsed() + self.ahead - self.behind
    }
}

/// The lock as a run sees it that is called `name`.
fn lock(epochs: Arc<dyn Epochs>, wall: Wall, timing: Timing, name: &str) -> Lock {
    let wall = SharedTimeSource::new(wall);
    let fence = Arc::new(Fence::new(Some(wall.clone())));
    let holder = LockHolder {
        command: "deploy".into(),
        environment: "test".into(),
        who: name.into(),
        job: None,
        url: None,
        since: "2026-11-23T00:00:00Z".into(),
    };
    Lock::new("shop", epochs, fence, wall, timing, Some(holder), name.into())
}
