//! Figures of Longshore, counted and in virtual time: `cargo xtask bench`.
//!
//! Whole stacks are planned and deployed in the simulated cloud, which keeps AWS's quotas. Nothing is timed on the wall, so
//! that the same figures come out on every machine.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, which ends where it cannot go on"
)]

#[path = "../../tests/it/in_process.rs"]
mod in_process;
mod makespan;
mod requests;
mod world;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next();
    let sizes: Vec<usize> = arguments.map(|size| size.parse().unwrap()).collect();
    let within_bounds = match what.as_deref() {
        Some("requests") => requests::run(&sizes).await,
        Some("makespan") => makespan::run(&sizes).await,
        _ => {
            println!("usage: bench requests|makespan [SERVICES…]");
            return ExitCode::from(2);
        }
    };
    if within_bounds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
