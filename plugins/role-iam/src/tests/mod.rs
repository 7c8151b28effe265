//! The builder against the simulated cloud, on the virtual clock.

mod crashes;
mod drift;
mod existing;
mod harness;
mod life_cycle;
mod ownership;
mod proof;
mod replaced;
mod suite;
