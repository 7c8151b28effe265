//! Against servers in containers, which `with-containers` starts once for all tests.

mod conformance;
mod registry;

/// Where a server is, as `with-containers` says.
fn container(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: `cargo xtask test` starts the containers, and so does \
             `cargo run --bin with-containers -- cargo nextest run …`"
        )
    })
}
