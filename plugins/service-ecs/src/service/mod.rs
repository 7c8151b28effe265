//! The ECS service.

mod change;
mod compare;
mod create;
mod made_alike;
mod network;
mod remove;
mod step;
mod undo;
mod variables;

pub(crate) use remove::Removal;
pub(crate) use step::{SERVICE_ARN, ServiceStep, resource};
pub(crate) use variables::written_at_input;
