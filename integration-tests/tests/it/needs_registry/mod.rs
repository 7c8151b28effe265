//! Against the distribution project's container registry: a server that knows nothing of Longshore.

mod deploy;
mod image;
mod pull_check;
mod server;
mod token_server;

/// The user of both registries, who may pull what is in `acme`.
const USER: &str = "acme-bot";
const PASSWORD: &str = "correct-horse-battery-staple";
