//! Steps that are made of plugins: publishing credentials and variables, building execution roles, pruning orphans.
//!
//! The graph has such a step for each declaration. The plugins do the work; this crate decides the order, and the
//! proofs that are needed before anything is stored.

mod container_secret;
mod execution_role;
mod images_without_credential;
mod publish_credential;
mod registry_credential;
mod shared;
mod undeclared;
mod undeclared_secrets;

pub use container_secret::ContainerSecretStep;
pub use execution_role::{ExecutionRoleStep, KeptSecret};
pub use images_without_credential::ImagesWithoutCredentialStep;
pub use publish_credential::{MintCredentialStep, PublishCredentialStep};
pub use registry_credential::{MintedCredential, Pulls, RegistryCredential, Renewed, Revokers, TokenLabels};
pub use undeclared::UndeclaredStep;
pub use undeclared_secrets::UndeclaredSecretsStep;
