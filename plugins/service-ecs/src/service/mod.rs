//! The ECS service.

mod change;
mod compare;
mod create;
mod images;
mod network;
mod options;
mod remove;
mod step;
mod undo;
mod variables;

pub(crate) use remove::Removal;
pub(crate) use step::{SERVICE_ARN, ServiceStep, resource};
pub(crate) use variables::written_at_input;
