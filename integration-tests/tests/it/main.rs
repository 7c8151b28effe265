//! Tests across crates. What needs an outside helper is in a module named after it: `cargo xtask test` finds the helper,
//! or says what did not run.

mod faults;
mod longshore;
mod needs_python;
mod refusals;
mod secrecy;
