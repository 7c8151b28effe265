//! Against servers in containers, which `with-containers` starts once for all tests.

mod account;
mod agent;
mod conformance;
#[cfg(target_os = "linux")]
mod docker_client;
#[cfg(target_os = "linux")]
mod image;
mod localstack;
mod localstack_and_moto;
mod moto;
mod registry;
mod stack;
mod start;

/// Returns the address of a server from `with-containers`.
fn container(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: `cargo xtask test` starts the containers, and so does \
             `cargo run --bin with-containers -- cargo nextest run …`"
        )
    })
}
