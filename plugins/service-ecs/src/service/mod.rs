//! The ECS service.

mod change;
mod compare;
mod create;
mod earlier;
mod images;
mod members;
mod network;
mod options;
mod pinned;
mod remove;
mod restart;
mod rollback;
mod step;
mod stop;
mod surplus;
mod target;
mod undo;
mod variables;
mod waits;
mod way_back;

pub(crate) use network::Placement;
pub(crate) use pinned::Pinned;
pub(crate) use remove::Removal;
pub(crate) use restart::RestartStep;
pub(crate) use rollback::RollbackStep;
pub(crate) use step::{SERVICE_ARN, ServiceStep, is_active, resource};
pub(crate) use variables::written_at_input;
