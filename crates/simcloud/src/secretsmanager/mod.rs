//! AWS Secrets Manager: secrets, their versions and stages, and their slow deletion.

mod read;
mod state;

pub use read::read_as;
pub use state::{Secret, SecretsManager, Version};
