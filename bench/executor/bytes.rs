//! The bytes that the executor keeps: `executor-bytes SHAPE NODES` prints those of a graph, and those that a plan and an
//! apply add.
//!
//! A program of its own, because counting costs time.
#![expect(clippy::print_stdout, reason = "a program for people")]

mod ours;
mod shapes;

use std::alloc::System;

use shapes::Shape;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The bytes that are allocated now. A reallocation counts as both.
fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let shape = arguments.next().and_then(|name| Shape::named(&name));
    let nodes = arguments.next().and_then(|nodes| nodes.parse().ok());
    let (Some(shape), Some(count)) = (shape, nodes) else {
        println!("usage: executor-bytes SHAPE NODES");
        return;
    };
    let run = ours::run();
    let before = live();
    let graph = ours::graph(ours::nodes(shape, count, false));
    let built = live();
    let plans = ours::plan(&run, &graph).await;
    let planned = live();
    let applied = ours::apply(&run, &graph, &plans).await;
    let all = live();
    println!("{} {} {}", built - before, planned - built, all - planned);
    drop(applied);
}
