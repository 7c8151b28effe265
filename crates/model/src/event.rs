//! The events of a run: one stream, which the terminal, JSON lines and reports all read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    CredentialStatus, Drift, Failure, LeftAlone, LockState, Loss, Outputs, ServiceStatus, StepId, StepPlan,
};

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the Unix epoch, on the clock of the run: virtual in the embedded simulated cloud.
    pub at: u64,
    /// The kind of event, with its data.
    pub event: EventKind,
}

/// A phase of a run's work on its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Reading what is there and comparing it with what is declared.
    Plan,
    /// Making it so.
    Apply,
    /// Reading what there is to remove.
    PlanRemoval,
    /// Removing it.
    Remove,
    /// Taking back what was made or changed, because something else failed.
    Undo,
}

/// The result of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything that had to be done is done.
    Succeeded,
    /// At least one step failed.
    Failed,
    /// Steps wait for an action of the user, and no step failed: the next run goes on.
    AwaitingAction,
    /// The run was interrupted before it had done everything.
    Interrupted,
}

/// The answer to the question whether a plan may take resources away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It may.
    Yes,
    /// It may not: the run ends before it changes anything.
    No,
    /// There is no terminal to ask at: the run ends before it changes anything.
    NotAsked,
}

/// A step as a display needs to know it beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSummary {
    /// The step.
    pub step: StepId,
    /// The steps that it directly depends on.
    pub after: Vec<StepId>,
}

/// The kind of an event. New kinds may be added; readers skip those that they do not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum EventKind {
    /// A command begins.
    RunStarted {
        /// The command: `plan`, `deploy`, `destroy`.
        command: String,
        /// The stack's name.
        stack: String,
        /// The environment.
        environment: String,
        /// The target: account and region, or the simulated cloud.
        target: String,
    },
    /// Another run holds the stack's lock, and this one waits. Said again when the lock changes hands meanwhile.
    LockWaiting {
        /// The lock's state, with its holder.
        lock: LockState,
    },
    /// The run has the stack's lock: no other run changes the stack.
    LockAcquired {
        /// The epoch, which grows each time that the lock changes hands.
        epoch: u64,
        /// The duration, in milliseconds.
        took: u64,
    },
    /// The run goes without the lock, as it was told to: another one may change the stack at the same time.
    LockNotUsed,
    /// The run has lost the lock: it changes nothing any more, and nothing new begins.
    LockLost {
        /// To whom, or why.
        failure: Failure,
    },
    /// The lock is free for others again.
    LockReleased {
        /// The epoch that has ended.
        epoch: u64,
    },
    /// The state of the stack's lock.
    Lock {
        /// Its state; nothing when no run has ever taken it.
        lock: Option<LockState>,
    },
    /// A phase begins.
    PhaseStarted {
        /// Which.
        phase: Phase,
        /// Its steps, in an order in which they can run.
        steps: Vec<StepSummary>,
    },
    /// A step begins.
    StepStarted {
        /// Which.
        step: StepId,
        /// In which phase.
        phase: Phase,
    },
    /// A step tells how far it is.
    StepProgress {
        /// Which.
        step: StepId,
        /// The current activity, in a few words.
        message: String,
    },
    /// A step noticed something that does not stop it.
    Warning {
        /// Which; nothing when it concerns the whole run.
        step: Option<StepId>,
        /// The warning's text.
        message: String,
    },
    /// A step has planned.
    StepPlanned {
        /// Which.
        step: StepId,
        /// The step's plan.
        plan: StepPlan,
    },
    /// A step has done its work.
    StepSucceeded {
        /// Which.
        step: StepId,
        /// In which phase.
        phase: Phase,
        /// The step's outputs.
        outputs: Outputs,
        /// The duration, in milliseconds.
        took: u64,
    },
    /// A step failed.
    StepFailed {
        /// Which.
        step: StepId,
        /// In which phase.
        phase: Phase,
        /// The failure.
        failure: Failure,
        /// The duration, in milliseconds.
        took: u64,
    },
    /// A step was not run because one that it depends on failed.
    StepSkipped {
        /// Which.
        step: StepId,
        /// In which phase.
        phase: Phase,
        /// The step that failed.
        because: StepId,
    },
    /// A step was not begun because the run was interrupted.
    StepNotStarted {
        /// Which.
        step: StepId,
        /// In which phase.
        phase: Phase,
    },
    /// The user or the system asked the run to stop: nothing new begins.
    InterruptRequested {
        /// The steps that are being waited for.
        running: Vec<StepId>,
    },
    /// The plan takes resources away, and no option approved it beforehand.
    Approval {
        /// The resources.
        losses: Vec<Loss>,
        /// The answer.
        answer: Answer,
    },
    /// The services' status.
    Status {
        /// Each service.
        services: Vec<ServiceStatus>,
    },
    /// The status of the registries' credentials.
    Credentials {
        /// Each registry's.
        credentials: Vec<CredentialStatus>,
    },
    /// The differences between the declared and the actual resources.
    Drift {
        /// Each resource.
        drifts: Vec<Drift>,
        /// The fields that nothing declares, where they were asked for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left_alone: Vec<LeftAlone>,
    },
    /// The command cannot go on, for reasons that are no step's: a configuration that is wrong, another account.
    CommandFailed {
        /// Each of the reasons.
        failures: Vec<Failure>,
    },
    /// A command has ended.
    RunFinished {
        /// The result.
        outcome: Outcome,
        /// The number of resources that were (or, of a plan, will be) created, updated, replaced, deleted or not
        /// changed.
        actions: BTreeMap<String, usize>,
        /// The duration, in milliseconds.
        took: u64,
    },
}
