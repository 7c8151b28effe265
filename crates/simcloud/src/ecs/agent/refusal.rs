//! Why a task does not start, in the words of ECS.

use crate::{ApiError, World};

/// The stopped reason of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) String);

impl Refusal {
    /// A secret that cannot be had, for the registry (`get registry auth`) or a container (`retrieve secret`).
    pub(super) fn secret(what: &str, why: &str) -> Self {
        Self(format!(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to {what} from asm: service call has been retried 1 time(s): {why}"
        ))
    }

    /// A log stream that cannot be written.
    pub(super) fn logger(why: &str) -> Self {
        Self(format!("ResourceInitializationError: failed to validate logger args: {why} : exit status 1"))
    }
}

/// An error of an AWS service as the agent's SDK prints it.
pub(super) fn sdk(world: &World, error: &ApiError) -> String {
    // The request id is taken from a copy of the generator: a message must not change what happens next.
    let request = world.ids.clone().uuid();
    format!("{}: {} status code: {}, request id: {request}", error.code, error.message, error.status)
}
