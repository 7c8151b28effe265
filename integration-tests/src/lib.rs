//! Tests across crates: simulated, emulated and containerised clouds.
