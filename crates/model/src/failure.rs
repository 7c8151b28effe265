//! The failure of a step.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of a failure. Callers, retries and exit codes depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The declaration cannot work; only a change of the configuration helps.
    Invalid,
    /// A credential, or the caller's own permission, was refused.
    Denied,
    /// The requested object does not exist.
    NotFound,
    /// Something else exists under the name, or changed meanwhile.
    Conflict,
    /// The other side asked to come again later, and the retries are used up.
    Throttled,
    /// The network or the other side failed, and the retries are used up.
    Unavailable,
    /// An awaited event did not happen in time.
    DeadlineExceeded,
    /// A service deployment failed, because its tasks could not be started or kept running, or a task that runs once failed.
    DeploymentFailed,
    /// A rollout waits for an action: it neither failed nor succeeded, and is not waited for.
    AwaitingAction,
    /// The run was interrupted while the step was waiting.
    Interrupted,
    /// A change cannot be undone.
    Stuck,
    /// The resource is protected: it is neither removed nor replaced.
    Protected,
    /// A fault of Longshore or of a plugin.
    Internal,
}

/// The failure of a step: the message, the resource and call, and a hint. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind of failure.
    pub kind: FailureKind,
    /// The message, with the other side's own words.
    pub message: String,
    /// The resource or API call, such as `secretsmanager:CreateSecret longshore/shop/ghcr/pull`.
    pub at: Option<String>,
    /// A hint for correcting it.
    pub help: Option<String>,
    /// The stack that owns what is in the way, where one does.
    #[serde(default)]
    pub owner: Option<String>,
}

impl Failure {
    /// A failure with its message.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), at: None, help: None, owner: None }
    }

    /// Names the resource or API call.
    #[must_use]
    pub fn at(mut self, at: impl Into<String>) -> Self {
        self.at = Some(at.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names the stack that owns what is in the way.
    #[must_use]
    pub fn owned_by(mut self, stack: impl Into<String>) -> Self {
        self.owner = Some(stack.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(at) = &self.at {
            write!(f, " (at {at})")?;
        }
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
