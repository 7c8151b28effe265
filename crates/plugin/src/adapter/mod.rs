//! Steps made of plugins.

mod container_secret;
mod execution_role;
mod images_without_credential;
mod publish_credential;
mod undeclared;
mod undeclared_secrets;

pub use container_secret::ContainerSecretStep;
pub use execution_role::{ExecutionRoleStep, Kept};
pub use images_without_credential::ImagesWithoutCredentialStep;
pub use publish_credential::PublishCredentialStep;
pub use undeclared::UndeclaredStep;
pub use undeclared_secrets::UndeclaredSecretsStep;
