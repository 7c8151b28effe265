//! A run of a command on a stack: its graph, its events and its end.

mod locking;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use longshore_config::Loaded;
use longshore_engine::{Events, Plans, Report, Run};
use longshore_graph::Expansion;
use longshore_model::{
    Action, Event, EventKind, Failure, FailureKind, Outcome, ServiceStatus, Stack, StepId, StepPlan,
};
use longshore_plugin::{Context, Kept, Plugins, panicked};
use longshore_process::Processes;
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    blueprint,
    command::Invocation,
    exit::Exit,
    host,
    place::{Place, Reach},
    plan_file,
    render::Readers,
};

use locking::Locking;

/// The commands that plan what the configuration declares.
const PLANNING: [&str; 4] = ["plan", "deploy", "drift", "adopt"];

/// A run of a command on a stack.
pub(crate) struct Session {
    pub(crate) expansion: Expansion,
    pub(crate) run: Run,
    pub(crate) readers: Readers,
    stack: Stack,
    command: &'static str,
    place: Place,
    reach: Reach,
    /// The programs that are plugins.
    processes: Processes,
    began: u64,
    locking: Locking,
}

impl Session {
    /// Sets up a run. Must be called within its runtime. Calls nothing but programs that are plugins.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration, or what cannot be had.
    pub(crate) async fn new(
        command: &'static str,
        loaded: Loaded,
        place: Place,
        plugins: &Plugins,
        invocation: &Invocation,
        interrupt: CancellationToken,
    ) -> Result<Self, Vec<Failure>> {
        let variables = &invocation.variables;
        let reach = Reach::new(&place, &loaded, variables, &interrupt).await?;
        let processes = Processes::default();
        let pullers = reach.pullers.clone();
        let expansion = host::expand(&loaded, plugins, &reach.aws, pullers, variables, &processes)?;
        check(command, &processes, &loaded, &interrupt).await?;
        let readers = invocation.display.readers(!place.is_virtual());
        let reading = readers.clone();
        let events = Events::new(reach.clock(), move |event: Event| reading.read(&event));
        let began = events.now();
        let run = Run {
            stack: loaded.stack.name.clone(),
            environment: loaded.stack.environment.clone(),
            concurrency: invocation.settings.concurrency,
            interrupt,
            events,
            adopt: BTreeSet::new(),
            only: None,
            keep_orphans: false,
            kept: Kept::default(),
        };
        Ok(Self {
            expansion,
            run,
            readers,
            // The rest was for finding the places of problems, and is as large as the stack.
            stack: loaded.stack,
            command,
            place,
            reach,
            processes,
            began,
            locking: Locking::default(),
        })
    }

    /// Makes sure that the calls reach the right account, and says that the run begins.
    ///
    /// # Errors
    /// If they would reach another account, if the caller's identity cannot be read, or if the run is interrupted.
    pub(crate) async fn begin(&self) -> Result<(), Failure> {
        let target = tokio::select! {
            target = self.target() => target?,
            () = self.run.interrupt.cancelled() => {
                return Err(Failure::new(FailureKind::Interrupted, "interrupted before anything was done"));
            }
        };
        self.run.events.emit(EventKind::RunStarted {
            command: self.command.to_owned(),
            stack: self.stack.name.to_string(),
            environment: self.stack.environment.to_string(),
            target,
        });
        Ok(())
    }

    async fn target(&self) -> Result<String, Failure> {
        let aws = &self.reach.aws;
        let identity = aws.identity().await?;
        if let Some(account) = &self.stack.aws.account {
            aws.guard_account(account).await?;
        }
        let whose = match &self.place {
            Place::Embedded { .. } => "the simulated cloud",
            Place::Endpoint { url, .. } => without_user_info(url),
            Place::Aws => "AWS",
        };
        Ok(format!("{whose} (account {}, {})", identity.account, aws.region().await?))
    }

    /// Returns the target of a plan of this run.
    ///
    /// # Errors
    /// If the caller's identity cannot be read.
    pub(crate) async fn plan_target(&self) -> Result<plan_file::Target, Failure> {
        let aws = &self.reach.aws;
        Ok(plan_file::Target {
            stack: self.stack.name.to_string(),
            environment: self.stack.environment.to_string(),
            account: aws.identity().await?.account.clone(),
            region: aws.region().await?.to_owned(),
        })
    }

    /// Returns true if the registry `host` is one of the simulated cloud's.
    pub(crate) fn simulates(&self, host: &str) -> bool {
        self.place.simulates(host)
    }

    /// The stack as it is declared.
    pub(crate) const fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Returns the step's context in this run.
    pub(crate) fn context(&self, step: StepId) -> Context {
        let events = Arc::new(self.run.events.clone());
        let Stack { name, environment, .. } = &self.stack;
        Context::new(name.clone(), environment.clone(), step, self.run.interrupt.clone(), events)
    }

    /// The number of reads at a time.
    pub(crate) fn at_a_time(&self) -> usize {
        self.run.concurrency.map_or(Semaphore::MAX_PERMITS, |most| most.get().min(Semaphore::MAX_PERMITS))
    }

    /// Reads the services' status.
    ///
    /// # Errors
    /// What could not be read.
    pub(crate) async fn status(&self) -> Result<Vec<ServiceStatus>, Vec<Failure>> {
        let mut reads = JoinSet::new();
        let limit = Arc::new(Semaphore::new(self.at_a_time()));
        for (name, deployer) in &self.expansion.deployers {
            let Some(service) = self.stack.services.get(name) else { continue };
            let (name, service, deployer) = (name.clone(), service.clone(), deployer.clone());
            let context = self.context(StepId::new("service", &name));
            let limit = limit.clone();
            reads.spawn(async move {
                // It is never closed.
                let _permit = limit.acquire().await;
                deployer.status(&context, &name, &service).await
            });
        }
        let (mut services, mut failures) = (Vec::new(), Vec::new());
        while let Some(read) = reads.join_next().await {
            match read {
                Ok(Ok(status)) => services.push(status),
                Ok(Err(failure)) => failures.push(failure),
                Err(_) => failures.push(panicked("reading a service's status")),
            }
        }
        services.sort_by(|one, other| one.service.cmp(&other.service));
        if failures.is_empty() { Ok(services) } else { Err(failures) }
    }

    /// Says how the services are doing. A status that cannot be read changes nothing about the run.
    pub(crate) async fn show_status(&self) {
        match self.status().await {
            Ok(services) => self.run.events.emit(EventKind::Status { services }),
            Err(failures) => {
                for failure in failures {
                    let message = format!("the services' status could not be read: {failure}");
                    self.run.events.emit(EventKind::Warning { step: None, message });
                }
            }
        }
    }

    /// Says why the command cannot go on.
    pub(crate) fn refuse(&self, failures: Vec<Failure>) -> Exit {
        let interrupted = failures.iter().all(|failure| failure.kind == FailureKind::Interrupted);
        self.run.events.emit(EventKind::CommandFailed { failures });
        if interrupted { Exit::Interrupted } else { Exit::Failed }
    }

    /// Says why the command cannot go on, and ends the run.
    pub(crate) fn fail(&self, failures: Vec<Failure>) -> Exit {
        self.refuse(failures);
        self.finish(Outcome::Failed, [])
    }

    /// Returns the plans, or ends the run if a step could not be planned.
    pub(crate) fn planned(&self, planned: Report<StepPlan>) -> Result<Plans, Exit> {
        match self.outcome(&planned) {
            Outcome::Succeeded => Ok(planned.results()),
            outcome => Err(self.finish(outcome, [])),
        }
    }

    /// Ends a run that has carried out `plans`, as far as it has.
    pub(crate) fn finish_applied<T>(&self, plans: &Plans, applied: Report<T>) -> Exit {
        let outcome = self.outcome(&applied);
        let done = applied.results();
        let done = plans.iter().filter(|(step, _)| done.contains(step)).map(|(_, plan)| plan);
        self.finish(outcome, done)
    }

    /// The outcome of a phase. A step that stopped waiting because it was asked to, or because a rollout is paused, is no failure of
    /// its own.
    pub(crate) fn outcome<T>(&self, report: &Report<T>) -> Outcome {
        let all_are = |kind| report.failures().all(|(_, failure)| failure.kind == kind);
        match report.outcome() {
            _ if self.locking.is_lost() => Outcome::Failed,
            Outcome::Failed if self.run.interrupt.is_cancelled() && all_are(FailureKind::Interrupted) => {
                Outcome::Interrupted
            }
            Outcome::Failed if all_are(FailureKind::AwaitingAction) => Outcome::AwaitingAction,
            outcome => outcome,
        }
    }

    /// Says that the run has ended, and how many resources it has changed.
    pub(crate) fn finish<'a>(&self, outcome: Outcome, plans: impl IntoIterator<Item = &'a StepPlan>) -> Exit {
        let actions = count_actions(plans);
        let took = self.run.events.now().saturating_sub(self.began);
        let ended = EventKind::RunFinished { outcome, actions, took };
        if let Some(ended) = self.locking.keep_back(ended) {
            self.run.events.emit(ended);
        }
        match outcome {
            Outcome::Succeeded => Exit::Done,
            Outcome::Failed => Exit::Failed,
            Outcome::AwaitingAction => Exit::AwaitingAction,
            Outcome::Interrupted => Exit::Interrupted,
        }
    }

    /// Ends the programs that are plugins, and keeps the simulated cloud's state.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.processes.shut_down().await;
        match &self.reach.cloud {
            Some(cloud) => {
                cloud.save().await.map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))
            }
            None => Ok(()),
        }
    }
}

/// Holds the options of programs that are plugins against their schemas, for commands that make a plan.
///
/// # Errors
/// Everything that is wrong, at once.
async fn check(
    command: &str,
    processes: &Processes,
    loaded: &Loaded,
    interrupt: &CancellationToken,
) -> Result<(), Vec<Failure>> {
    if !PLANNING.contains(&command) {
        return Ok(());
    }
    let Stack { name, environment, .. } = &loaded.stack;
    let step = StepId::new("plugins", "check");
    let context =
        Context::new(name.clone(), environment.clone(), step, interrupt.clone(), Arc::new(blueprint::Silent));
    let checked = processes.check(&context).await;
    checked.map_err(|(problems, failures)| {
        let mut all = host::refused(&loaded.locate(problems));
        all.extend(failures);
        all
    })
}

/// Returns the number of resources of each action, as [`EventKind::RunFinished`] has them.
pub(crate) fn count_actions<'a>(plans: impl IntoIterator<Item = &'a StepPlan>) -> BTreeMap<String, usize> {
    let mut actions = BTreeMap::new();
    for plan in plans.into_iter().filter(|plan| plan.resources > 0) {
        *actions.entry(key(plan.action).to_owned()).or_default() += plan.resources;
    }
    actions
}

/// The key of an action in [`EventKind::RunFinished`], as the action itself is serialised.
const fn key(action: Action) -> &'static str {
    match action {
        Action::NoChange => "no-change",
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::Adopt => "adopt",
    }
}

/// A URL as it may be shown: without a user and password.
fn without_user_info(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, rest)| rest)
}
