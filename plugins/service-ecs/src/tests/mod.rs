//! The steps against the simulated cloud, and against endpoints that know less.

mod aws_fields;
pub(crate) mod bench;
mod by_hand;
mod compared;
mod container_instances;
mod crashing;
mod deploy;
mod endpoint;
mod failing;
mod left_alone;
mod members;
mod moved;
mod noted;
mod piled_up;
mod poor;
mod pushed_again;
mod registered;
mod steps;
mod strategies;
mod suite;
mod way_back;
mod words;
