//! Tests across crates: against simulated, emulated and containerised clouds. They are in `tests/it`.
