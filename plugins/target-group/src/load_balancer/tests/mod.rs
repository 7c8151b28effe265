mod crashes;
mod drift;
mod harness;
mod life_cycle;
mod options;
mod ownership;
mod suite;
