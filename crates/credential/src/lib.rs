//! The credential sources' shared code: secret values from the environment, files, commands and AWS.
//!
//! A configuration holds no secrets; it says where one is found. [`SecretInput`] reads that, and fetches the value when
//! it is needed:
//!
//! ```toml
//! token = { env = "GHCR_TOKEN" }
//! token = { file = "secrets/ghcr-token" }       # relative to this file
//! token = { command = ["pass", "show", "ghcr"] }  # the first line of its standard output; of a password, all of it
//! token = { ssm = "/acme/ghcr" }                  # an SSM parameter, by its name or ARN
//! token = { secretsmanager = "acme/ghcr", field = "token" }  # a field of the JSON in a Secrets Manager secret
//! ```

mod command;
mod environment;
mod file;
mod kept;
mod process;
mod secret_input;
mod secret_value;
mod short_lived;
#[cfg(test)]
mod testing;

pub use environment::Environment;
pub use file::read_bytes;
pub use kept::{Keeper, Vault};
pub use process::{Finished, Pipes, Program, Running};
pub use secret_input::SecretInput;
pub use secret_value::{register, secret_value};
pub use short_lived::ShortLived;

/// The size of the longest secret value, in bytes: Secrets Manager keeps no longer ones.
pub const VALUE_LIMIT: usize = 65_536;
