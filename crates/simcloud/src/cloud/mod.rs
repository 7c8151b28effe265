//! The simulated cloud as its users hold it.

mod answer;
mod catch_up;
mod fault;
mod file;
mod latency;

#[cfg(test)]
mod scale;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc, time::Duration};

use tokio::sync::Mutex;

use crate::{
    Blueprint, Clock, Ids, Moment, Partition, TokioClock, World,
    dispatch::only_reads,
    quota::{Quotas, Throttle},
    registry::Registries,
};

pub use answer::AnswerLost;
pub use fault::{Effect, Fault, NonAnswer};
pub use file::OpenError;

use fault::Faults;
use file::StateFile;
use latency::Latency;

/// A simulated AWS account with its registries. Clones share one world.
#[derive(Clone)]
pub struct Cloud {
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
    clock: Arc<dyn Clock>,
    latency: Latency,
    throttle: Throttle,
    /// Apart from the world's, so that a read does not change the world.
    request_ids: std::sync::Mutex<Ids>,
    faults: Faults,
    file: Option<StateFile>,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cloud").field("clock", &self.shared.clock).finish_non_exhaustive()
    }
}

impl Cloud {
    /// An empty account that lives in memory alone.
    ///
    /// # Errors
    /// When a quota or a registry of the blueprint is not declared consistently.
    pub fn new(blueprint: &Blueprint, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let world = World::new(blueprint, clock.now());
        Self::build(world, blueprint, clock, None)
    }

    /// The account in a state file, or an empty one where there is no file yet. Every change that a
    /// request makes is written at once, as long as the file is small enough for that; what is left, and what time
    /// brings, is written with a later one, by [`Self::tick`], by [`Self::save`], and when the last clone is dropped.
    ///
    /// Its clock goes on from where the file's ended, or from `wall`, whichever is later, so that time never runs
    /// backwards in it. Must be called within a tokio runtime. The file stays locked until the last clone is dropped.
    ///
    /// # Errors
    /// When the file cannot be read or written, is not one of the simulated cloud's, belongs to another account, or
    /// is in use by another process.
    pub fn open(path: &Path, blueprint: &Blueprint, wall: Moment) -> Result<Self, OpenError> {
        let (file, saved) = StateFile::open(path)?;
        let mut world = match saved {
            Some(world) if world.account != blueprint.account => {
                return Err(OpenError::Account {
                    path: path.to_owned(),
                    found: world.account,
                    wanted: blueprint.account.clone(),
                });
            }
            Some(world) if world.partition() != Partition::of(&blueprint.region) => {
                return Err(OpenError::Partition {
                    path: path.to_owned(),
                    found: world.partition(),
                    wanted: Partition::of(&blueprint.region),
                });
            }
            Some(world) => world,
            None => World::new(blueprint, wall),
        };
        world.iam.set_propagation(Duration::from_millis(blueprint.iam_propagation_ms));
        let clock = Arc::new(TokioClock::starting_at(world.now.max(wall)).at_speed(blueprint.speed));
        Self::build(world, blueprint, clock, Some(file))
    }

    fn build(
        mut world: World,
        blueprint: &Blueprint,
        clock: Arc<dyn Clock>,
        file: Option<StateFile>,
    ) -> Result<Self, OpenError> {
        let account = &blueprint.account;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(OpenError::NoAccount { account: account.clone() });
        }
        let quotas = Quotas::of(blueprint)?;
        let throttle = Throttle::new(quotas, blueprint.throttling, blueprint.co_tenant_percent);
        world.launches = throttle.launches();
        world.registries = Registries::from_spec(&blueprint.registries)?;
        world.registries.improvise(blueprint.improvised.clone());
        world.enter_region(&blueprint.region);
        world.machines = blueprint.container_instances.clone();
        let now = clock.now();
        crate::ecs::register_declared(&mut world, now, &blueprint.region);
        Ok(Self {
            shared: Arc::new(Shared {
                request_ids: std::sync::Mutex::new(Ids::new(blueprint.seed ^ world.now.0)),
                world: Mutex::new(world),
                clock,
                latency: Latency::of(blueprint),
                throttle,
                faults: Faults::default(),
                file,
            }),
        })
    }

    /// The time in the simulated cloud.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.shared.clock.now()
    }

    /// Returns the factor by which its clock is faster than real time.
    pub(crate) fn speed(&self) -> u32 {
        self.shared.clock.speed()
    }

    /// Lets happen what is due by now. Requests do this themselves; a server does it now and then, so that pulls from
    /// real registries go on without requests.
    pub async fn tick(&self) {
        let mut world = self.shared.world.lock().await;
        if self.catch_up(&mut world) {
            self.keep(&world);
        } else if let Some(Err(error)) = self.shared.file.as_ref().map(|file| file.catch_up(&world)) {
            not_saved(&error);
        }
    }

    /// Looks at the world as it is now.
    pub async fn inspect<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        let mut world = self.shared.world.lock().await;
        self.catch_up(&mut world);
        look(&world)
    }

    /// Changes the world past the API: for tests that arrange what AWS would not let anybody do.
    pub async fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.shared.world.lock().await;
        self.catch_up(&mut world);
        let result = change(&mut world);
        self.keep(&world);
        result
    }

    /// Writes the state file, if there is one: what happened since the last change, and the time.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn save(&self) -> Result<(), OpenError> {
        let mut world = self.shared.world.lock().await;
        self.catch_up(&mut world);
        self.shared.file.as_ref().map_or(Ok(()), |file| file.write(&world))
    }

    /// Arranges a fault.
    pub fn inject(&self, fault: Fault) {
        self.shared.faults.inject(fault);
    }

    /// Breaks all connections once `calls` more calls were answered: calls are done, and no answer comes back, as when the
    /// process is killed. [`Cloud::heal`] mends them.
    pub fn cut_off_after(&self, calls: u32) {
        let effect = Effect::LoseAnswer;
        self.inject(Fault { operation: "*".to_owned(), after: calls, times: u32::MAX, effect });
    }

    /// A text that differs after a call that may have changed something: these calls with their numbers.
    #[must_use]
    pub fn writes(&self) -> String {
        let is_read = |call: &str| call.split_once(':').is_some_and(|(_, operation)| only_reads(operation));
        let writes: Vec<_> = self.calls().into_iter().filter(|(call, _)| !is_read(call)).collect();
        format!("{writes:?}")
    }

    /// Forgets all faults that were arranged.
    pub fn heal(&self) {
        self.shared.faults.clear();
    }

    /// Returns the number of calls by operation, such as `iam:CreateRole`; refused, throttled and lost ones count.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.shared.faults.calls()
    }

    /// Returns the number of calls refused because a quota was used up, by operation. Operations without are left out.
    #[must_use]
    pub fn throttled(&self) -> BTreeMap<String, u64> {
        self.shared.throttle.refused()
    }

    /// The quotas that are in force, of which others in the account may use up a share.
    #[must_use]
    pub fn quotas(&self) -> &Quotas {
        self.shared.throttle.quotas()
    }

    /// Writes the state file; a failure is the operator's to see, and the request's to report.
    fn keep(&self, world: &World) -> bool {
        let Some(file) = &self.shared.file else { return true };
        match file.keep(world) {
            Ok(()) => true,
            Err(error) => {
                not_saved(&error);
                false
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let world = self.world.get_mut();
        if let Some(file) = self.file.as_ref().filter(|file| file.is_pending())
            && let Err(error) = file.write(world)
        {
            not_saved(&error);
        }
    }
}

fn not_saved(error: &OpenError) {
    tracing::error!(%error, "the state of the simulated cloud could not be saved");
}
