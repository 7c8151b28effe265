//! The reasons a task does not start, in the words of ECS.

use crate::{ApiError, World, partition::dns_suffix};

/// The stopped reason of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: String,
    /// True if it took timeouts to find out.
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
    pub(super) fn secret(what: &str, store: Store, why: &str) -> Self {
        Self::new(secret(what, store, 1, why))
    }

    /// A secret that cannot be had because its store is out of reach.
    pub(super) fn secret_out_of_reach(what: &str, store: Store, asked: &str, region: &str) -> Self {
        let why = format!(
            "{asked}{}. Please check your task network configuration.",
            unreachable(store.host(), region)
        );
        Self::slow(secret(what, store, 5, &why))
    }

    /// Amazon ECR gives no credential because it is out of reach.
    pub(super) fn registry_out_of_reach(region: &str) -> Self {
        Self::slow(format!(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 3 time(s): {}. Please check your task network configuration.",
            unreachable("api.ecr", region)
        ))
    }

    /// A file with environment variables that cannot be read.
    pub(super) fn environment_file(why: &str) -> Self {
        Self::new(format!(
            "ResourceInitializationError: failed to download env files: file download command: non empty error stream: {why}"
        ))
    }

    /// A log stream that cannot be written.
    pub(super) fn logger(why: &str) -> Self {
        Self::new(format!(
            "ResourceInitializationError: failed to validate logger args: {why} : exit status 1"
        ))
    }
}

/// The words of the agent's SDK for a service of AWS that does not answer. The address is made up (RFC 5737).
pub(super) fn unreachable(host: &str, region: &str) -> String {
    format!(
        "RequestError: send request failed caused by: Post \"https://{host}.{region}.{}/\": dial tcp 198.51.100.1:443: i/o timeout",
        dns_suffix(region)
    )
}

/// The service from which the agent reads a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Store {
    SecretsManager,
    Parameters,
}

impl Store {
    /// Returns the agent's name for it.
    const fn name(self) -> &'static str {
        match self {
            Self::SecretsManager => "asm",
            Self::Parameters => "ssm",
        }
    }

    const fn host(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::Parameters => "ssm",
        }
    }
}

fn secret(what: &str, store: Store, times: u32, why: &str) -> String {
    let store = store.name();
    format!(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to {what} from {store}: service call has been retried {times} time(s): {why}"
    )
}

/// An error of an AWS service as the agent's SDK prints it.
pub(super) fn sdk(world: &World, error: &ApiError) -> String {
    // The request id is taken from a copy of the generator: a message must not change what happens next.
    let request = world.ids.clone().uuid();
    format!("{}: {} status code: {}, request id: {request}", error.code, error.message, error.status)
}
