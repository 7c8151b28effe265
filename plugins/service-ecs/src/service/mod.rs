//! The ECS service.

mod change;
mod compare;
mod create;
mod network;
mod remove;
mod step;

pub(crate) use step::{SERVICE_ARN, ServiceStep};
