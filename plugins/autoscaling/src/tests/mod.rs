mod harness;
mod life_cycle;
mod options;
mod suite;
