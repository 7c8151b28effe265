//! The foundation of the tests across crates: the conformance suite, containers that are started once for a whole run
//! of tests, and the token server that registries trust. The tests themselves are in `tests/`.

pub mod conformance;
pub mod containers;
pub mod registry;
pub mod token_server;
