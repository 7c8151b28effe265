//! The builder against the simulated cloud, on the virtual clock.

mod crashes;
mod drift;
mod harness;
mod life_cycle;
mod ownership;
mod proof;
mod suite;
