//! A simulated AWS and its container registries, in memory, on a virtual clock.
//!
//! No emulator starts a task with the credential that a secret holds; this one does. Its ECS agent
//! assumes the execution role, reads and parses the secret, logs in to a registry and looks for the
//! image's platform, and each thing that AWS would refuse on the way, it refuses in AWS's words.
//!
//! The world is a discrete-event simulation: [`World`] is plain data, its future is an [`Agenda`] of due
//! events, and nothing happens between two requests that a request could not find out by letting the
//! agenda catch up with the clock. So a run is deterministic for a seed, and the state is a file.

mod agenda;
mod blueprint;
mod call;
mod clock;
mod cloud;
mod connector;
mod dispatch;
mod ids;
mod input;
mod members;
mod partition;
mod resource;
mod sealed;
mod server;
#[cfg(test)]
mod testing;
mod wire;
mod world;

pub mod autoscaling;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elbv2;
pub mod iam;
pub mod kms;
pub mod logs;
pub mod policy;
pub mod quota;
pub mod registry;
pub mod secretsmanager;
pub mod ssm;
pub mod sts;
pub mod tagging;

pub use agenda::{Agenda, Due};
pub use blueprint::Blueprint;
pub use call::{ApiError, Call};
pub use clock::{Clock, Moment, TokioClock};
pub use cloud::{AnswerLost, Cloud, Effect, Fault, NonAnswer, OpenError};
pub use connector::Connector;
pub use ids::Ids;
pub use partition::Partition;
pub use sealed::Sealed;
pub use server::{Access, serve, serve_registry};
pub use world::World;
