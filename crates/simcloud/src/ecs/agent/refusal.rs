//! Why a task does not start, in the words of ECS.

use crate::{ApiError, World};

/// The stopped reason of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: String,
    /// Whether it took timeouts to find out.
    pub(super) slow: bool,
}

impl Refusal {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), slow: false }
    }

    pub(super) fn slow(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), slow: true }
    }

    /// A secret that cannot be had, for the registry (`get registry auth`) or a container (`retrieve secret`).
    pub(super) fn secret(what: &str, why: &str) -> Self {
        Self::new(secret(what, 1, why))
    }

    /// A secret that cannot be had because Secrets Manager is out of reach.
    pub(super) fn secret_out_of_reach(what: &str, asked: &str, region: &str) -> Self {
        let why = format!(
            "{asked}: RequestError: send request failed caused by: Post \"https://secretsmanager.{region}.amazonaws.com/\": dial tcp 198.51.100.1:443: i/o timeout. Please check your task network configuration."
        );
        Self::slow(secret(what, 5, &why))
    }

    /// A log stream that cannot be written.
    pub(super) fn logger(why: &str) -> Self {
        Self::new(format!(
            "ResourceInitializationError: failed to validate logger args: {why} : exit status 1"
        ))
    }
}

fn secret(what: &str, times: u32, why: &str) -> String {
    format!(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to {what} from asm: service call has been retried {times} time(s): {why}"
    )
}

/// An error of an AWS service as the agent's SDK prints it.
pub(super) fn sdk(world: &World, error: &ApiError) -> String {
    // The request id is taken from a copy of the generator: a message must not change what happens next.
    let request = world.ids.clone().uuid();
    format!("{}: {} status code: {}, request id: {request}", error.code, error.message, error.status)
}
