//! ECS as its users see it: calls, the passing of time, and what is described afterwards.

mod api;
mod daemons;
mod deployments;
mod harness;
mod instances;
mod load_balancing;
mod networks;
mod options;
mod properties;
mod sdk;
mod starting;
mod strategies;
