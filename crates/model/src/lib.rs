//! The nouns of Longshore: names, ARNs, image references, secrets, plans and events.
//!
//! Plain data that every other crate speaks. Nothing here reads a file, calls AWS or knows a plugin.

mod amount;
mod arn;
mod by_name;
mod definition_file;
mod drift;
mod ecr;
mod event;
mod failure;
mod fields;
mod image;
mod image_prefix;
mod key;
mod lock;
mod name;
mod options;
mod partition;
mod plan;
mod platform;
mod printable;
mod problem;
mod reference;
mod secrecy;
mod secret;
mod stack;
mod status;
mod step;

pub use arn::{Arn, InvalidArn};
pub use by_name::ByName;
pub use definition_file::{DefinitionFile, FromFile, ServiceDefaults, ServiceLayers};
pub use drift::{Drift, DriftKind, LeftAlone};
pub use ecr::EcrRegistry;
pub use event::{Answer, Event, EventKind, Outcome, Phase, StepSummary};
pub use failure::{Failure, FailureKind};
pub use fields::{Fields, NAME, consists_of};
pub use image::{ImageReference, InvalidImageReference};
pub use image_prefix::{ImagePrefix, InvalidImagePrefix};
pub use key::{join_key, push_key, split_key};
pub use lock::{LockHolder, LockState};
pub use name::{InvalidName, Name};
pub use options::Options;
pub use partition::{Partition, partition_of};
pub use plan::{Action, Effect, FieldChange, Loss, LossKind, Orphan, Shown, StepPlan};
pub use platform::{Architecture, OperatingSystem, Platform};
pub use printable::{is_printable, printable};
pub use problem::{Problem, closest};
pub use reference::{AFTER_APPLY, Reference, Text};
pub use secrecy::{REDACTED, add_token_prefixes, hides, holds_a_token, redacted, without_tokens};
pub use secret::Secret;
pub use stack::{
    AddedStep, AssumedRole, AwsTarget, CallRate, Container, ContainerRegistry, ContainerSecret,
    ExecutionRole, Plugin, Service, Stack, Store,
};
pub use status::{
    CredentialStatus, PullStatus, ServiceEvent, ServiceStatus, TargetGroupStatus, TargetStatus, TaskStatus,
};
pub use step::{InputValues, Inputs, Known, Outputs, StepId, ValueType, is_internal};
