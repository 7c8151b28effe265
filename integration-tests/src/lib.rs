//! What the tests across crates share, which are in `tests/it`.

pub mod conformance;
