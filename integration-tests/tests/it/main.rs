//! Tests across crates. A test that needs an outside helper is in a module named after it: `cargo xtask test` finds the
//! helper, or says what did not run.
#![expect(clippy::unwrap_used, reason = "in a test, whatever goes wrong fails it")]

mod account;
mod bounds;
mod certificates;
mod conformance;
mod endpoints;
mod faults;
mod in_process;
mod longshore;
mod many_registries;
mod needs_docker;
mod needs_python;
mod needs_registry;
mod needs_terraform;
mod profiles;
mod refusals;
mod registry;
mod round_trips;
mod secrecy;
mod suites;
