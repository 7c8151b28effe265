//! The graph of steps: expansion of a stack, wiring and type checks, cycles, order, drawings.
//!
//! Pure and synchronous: nothing here reads, calls or waits.

mod container_secrets;
mod cycles;
mod draw;
mod error;
mod execution_role;
mod expand;
#[cfg(test)]
mod expand_tests;
mod graph;
mod names;
mod queue;
mod references;
mod rows;
#[cfg(test)]
mod testing;
mod undeclared;
mod wiring;

pub use draw::{Format, draw};
pub use error::GraphError;
pub use expand::{Expansion, Host, expand};
pub use graph::{Graph, OutputSlot, Placed};
pub use queue::IndexQueue;
