//! The store against the simulated cloud, on the virtual clock.

mod crashes;
mod harness;
mod life_cycle;
mod ownership;
mod refusals;
mod replicas;
mod rotation;
mod suite;
mod undeclared;
