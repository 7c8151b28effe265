//! The contract between Longshore and its plugins.
//!
//! A plugin is a crate that exports `register(&mut Plugins)`. It implements one of four small traits,
//! [`CredentialSource`], [`SecretStore`], [`RoleBuilder`] or [`ServiceDeployer`], or contributes a [`Step`] of its own.
//! The crate `steps` makes steps of the first three; a deployer expands a service into steps itself.
//!
//! Nothing here knows AWS, and nothing here needs a runtime.

mod context;
mod credential;
mod deployer;
mod description;
mod extensions;
mod kept;
mod minter;
mod panics;
mod plugins;
mod pull_check;
mod role;
mod secret_value;
mod step;
mod step_plugin;
mod store;
mod undeclared;

pub use context::{Context, Reporter, RunContext};
pub use credential::{Credential, CredentialFacts, CredentialSource, is_basic_password};
pub use deployer::{ContainerVariable, ServiceDeployer, ServiceOperations, Wires};
pub use description::{Description, OptionDescription};
pub use extensions::Extensions;
pub use kept::Kept;
pub use minter::{Minted, PullScope, TokenMinter};
pub use panics::{hide_panics, panicked};
pub use plugins::Plugins;
pub use pull_check::{PullCheck, PullProof};
pub use role::{LogStream, Readable, RoleBuilder, RoleSpec};
pub use secret_value::SecretValue;
pub use step::{Input, Node, Output, Step, stuck};
pub use step_plugin::{StepDeclaration, StepPlugin};
pub use store::{Labels, Rotation, SecretSpec, SecretStore, StoreCapabilities, Stored, UndeclaredSecret};
pub use undeclared::{Declared, Stays, Undeclared, UndeclaredResource};

/// The result of a plugin's work.
pub type Result<T> = std::result::Result<T, longshore_model::Failure>;
