//! Instructions a node, which do not depend on the machine's mood.

use std::process::{Command, ExitCode, Stdio};

use crate::{ours, shapes::Shape};

const NODES: usize = 10_000;

/// The instructions that one node takes for its declaration, build, plan and apply, as they were counted last.
const BOUNDS: [(Shape, u64); 6] = [
    (Shape::Independent, 5_550),
    (Shape::Chain, 9_700),
    (Shape::Random, 10_950),
    (Shape::Layered, 9_800),
    (Shape::Diamond, 9_750),
    (Shape::Stack, 10_650),
];

/// The accepted excess over a bound, in per cent.
const SLACK: u64 = 10;

/// Builds, plans and applies a shape once: the arguments are its name and the number of nodes.
pub(crate) fn once(arguments: &[String]) -> ExitCode {
    let [shape, nodes] = arguments else { return ExitCode::from(2) };
    let (Some(shape), Ok(nodes)) = (Shape::named(shape), nodes.parse()) else { return ExitCode::from(2) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let run = ours::run();
        let graph = ours::graph(ours::nodes(shape, nodes, false));
        let plans = ours::plan(&run, &graph).await;
        ours::apply(&run, &graph, &plans).await;
    });
    ExitCode::SUCCESS
}

/// Counts the instructions of each shape with callgrind, and holds them against the bounds.
pub(crate) fn check() -> ExitCode {
    let mut is_exceeded = false;
    println!("{:<14}{:>22}{:>10}", "shape", "instructions a node", "bound");
    for (shape, bound) in BOUNDS {
        let counted = match (count(shape, NODES), count(shape, 1)) {
            (Ok(all), Ok(start)) => all.saturating_sub(start) / NODES as u64,
            (Err(error), _) | (_, Err(error)) => {
                eprintln!("error: the instructions could not be counted: {error}");
                return ExitCode::FAILURE;
            }
        };
        let most = bound + bound * SLACK / 100;
        let verdict = if counted > most { "  EXCEEDED" } else { "" };
        is_exceeded |= counted > most;
        println!("{:<14}{counted:>22}{most:>10}{verdict}", shape.name());
    }
    if is_exceeded {
        println!("\nif the change is worth it, raise the bounds in bench/executor/instructions.rs");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn count(shape: Shape, nodes: usize) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    let output = valgrind.args(["--once", shape.name(), &nodes.to_string()]).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("valgrind could not be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    let collected = collected.and_then(|(_, count)| count.trim().parse().ok());
    collected.filter(|_| output.status.success()).ok_or_else(|| text.into_owned())
}
