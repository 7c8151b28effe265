//! Plans and runs a graph of steps: scheduling, cancellation, events.
//!
//! The engine knows nothing of AWS. A [`Run`] takes a graph through its phases (plan, apply, and for a removal the same
//! backwards) and reports everything to one stream of [`Events`].

mod course;
mod events;
mod flow;
#[cfg(test)]
mod naive_tests;
mod ready;
mod report;
mod run;
#[cfg(test)]
mod run_tests;
mod schedule;
mod tasks;
#[cfg(test)]
mod testing;
mod watch;

pub use events::Events;
pub use report::{Ended, Plans, Report, Results};
pub use run::Run;
