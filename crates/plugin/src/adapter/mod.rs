//! Steps made of plugins.

mod execution_role;
mod public_images;
mod publish_credential;

pub use execution_role::ExecutionRoleStep;
pub use public_images::PublicImagesStep;
pub use publish_credential::PublishCredentialStep;
