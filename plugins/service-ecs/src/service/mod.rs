//! The ECS service.

mod change;
mod compare;
mod create;
mod network;
mod remove;
mod step;
mod variables;

pub(crate) use step::{SERVICE_ARN, ServiceStep};
pub(crate) use variables::written_at_input;
