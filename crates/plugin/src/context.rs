//! A step's view of its run.

use std::{
    collections::BTreeMap,
    ops::Deref,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use longshore_model::{Name, StepId};
use tokio_util::sync::CancellationToken;

use crate::Kept;

/// The receiver of a step's progress and warnings.
pub trait Reporter: Send + Sync {
    /// The step tells how far it is, in a few words.
    fn progress(&self, step: &StepId, message: &str);

    /// The step noticed something that does not stop it.
    fn warning(&self, step: &StepId, message: &str);

    /// The time, in milliseconds since the Unix epoch: the clock that events are stamped with. A reporter without a
    /// clock of its own takes the one on the wall.
    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The facts of a run that all of its steps share.
#[derive(Clone)]
pub struct RunContext {
    /// The stack: the value of the ownership tag `longshore:stack`.
    pub stack: Name,
    /// The environment: the value of the ownership tag `longshore:environment`.
    pub environment: Name,
    /// Cancelled when the run is asked to stop. Calls under way end; a step that waits for something stops waiting.
    pub interrupt: CancellationToken,
    reporter: Arc<dyn Reporter>,
    kept: Kept,
}

impl RunContext {
    /// The facts of a run of `stack` in `environment`, whose steps find in `kept` what they have kept in earlier phases.
    pub fn new(
        stack: Name,
        environment: Name,
        interrupt: CancellationToken,
        reporter: Arc<dyn Reporter>,
        kept: Kept,
    ) -> Self {
        Self { stack, environment, interrupt, reporter, kept }
    }
}

/// The run that a step is part of. Its clones share the [`RunContext`], whose fields are read as the context's own.
#[derive(Clone)]
pub struct Context {
    run: Arc<RunContext>,
    /// The step: the value of the ownership tag `longshore:resource`.
    pub step: StepId,
    /// True if the step may adopt existing resources without an owner.
    pub adopts: bool,
    /// True if the step's resource is protected from removal, pruning and replacement.
    pub protects: bool,
    /// True if the run takes back what it did: what it made may go, although it is protected.
    pub undoes: bool,
    /// The tags of what the step makes, besides those that name the owner.
    pub tags: Option<Arc<BTreeMap<String, String>>>,
}

impl Deref for Context {
    type Target = RunContext;

    fn deref(&self) -> &RunContext {
        &self.run
    }
}

impl Context {
    /// The context of `step` in a run of `stack` in `environment`.
    pub fn new(
        stack: Name,
        environment: Name,
        step: StepId,
        interrupt: CancellationToken,
        reporter: Arc<dyn Reporter>,
    ) -> Self {
        Self::in_run(
            Arc::new(RunContext::new(stack, environment, interrupt, reporter, Kept::default())),
            step,
        )
    }

    /// The context of `step` in `run`.
    #[must_use]
    pub const fn in_run(run: Arc<RunContext>, step: StepId) -> Self {
        Self { run, step, adopts: false, protects: false, undoes: false, tags: None }
    }

    /// Allows or forbids the step to adopt existing resources without an owner.
    #[must_use]
    pub const fn adopting(mut self, adopts: bool) -> Self {
        self.adopts = adopts;
        self
    }

    /// Lets the step protect what it makes, or not.
    #[must_use]
    pub const fn protecting(mut self, protects: bool) -> Self {
        self.protects = protects;
        self
    }

    /// Returns the same run for taking back what the step did.
    #[must_use]
    pub const fn undoing(mut self) -> Self {
        self.undoes = true;
        self
    }

    /// Returns the same run for work that the first interrupt does not stop: bringing things back in order.
    #[must_use]
    pub fn uninterrupted(&self) -> Self {
        let run = RunContext { interrupt: CancellationToken::new(), ..RunContext::clone(&self.run) };
        Self { run: Arc::new(run), ..self.clone() }
    }

    /// Keeps `value` for the step's later phases of this run, in place of an earlier one of its type.
    pub fn keep<T: Send + Sync + 'static>(&self, value: T) {
        self.run.kept.insert(&self.step, value);
    }

    /// Keeps `value` for the step's later phases of this run, unless the step has kept one of its type: such as the state
    /// before a change, which a second attempt would find changed.
    pub fn keep_first<T: Send + Sync + 'static>(&self, value: impl FnOnce() -> T) {
        self.run.kept.insert_first(&self.step, value);
    }

    /// Returns the value of type `T` that the step has kept in this run.
    #[must_use]
    pub fn kept<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.run.kept.get(&self.step)
    }

    /// Takes the value of type `T` that the step has kept in this run: no later phase finds it.
    #[must_use]
    pub fn take_kept<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.run.kept.take(&self.step)
    }

    /// Tells how far the step is.
    pub fn progress(&self, message: impl AsRef<str>) {
        self.reporter.progress(&self.step, message.as_ref());
    }

    /// The time on the run's clock, in seconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.reporter.now() / 1000
    }

    /// Tells what the step noticed without being stopped by it.
    pub fn warn(&self, message: impl AsRef<str>) {
        self.reporter.warning(&self.step, message.as_ref());
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("stack", &self.stack)
            .field("environment", &self.environment)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}
