//! Figures of the executor: `cargo xtask bench executor`.
//!
//! Each shape is built, planned, applied and undone with steps that do nothing, beside dagx, a tokio `JoinSet` and Kahn's
//! algorithm in the same process. Times are those of the processor, so that other programs disturb them less; they depend on
//! the machine, and only those of one run compare. Instructions do not.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod dagx_shapes;
mod instructions;
mod ours;
mod peers;
mod shapes;

use std::{
    process::{Command, ExitCode},
    time::Duration,
};

use cpu_time::ProcessTime;
use longshore_graph::{Graph, GraphError};
use longshore_model::Outcome;
use longshore_plugin::Node;
use shapes::Shape;

const USAGE: &str = "\
usage: executor [--nodes N,N…] [--quick]   times, and bytes that are kept
       executor --instructions             instructions, held against bounds";

/// dagx and the `JoinSet` are left out of larger graphs, where they take minutes.
const PEERS_UP_TO: usize = 100_000;

struct Options {
    nodes: Vec<usize>,
    quick: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self { nodes: vec![1_000, 100_000, 1_000_000], quick: false };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => {
                    options.quick = true;
                    options.nodes = vec![1_000, 10_000];
                }
                "--nodes" => {
                    let sizes = arguments.next()?;
                    options.nodes = sizes.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
                }
                _ => return None,
            }
        }
        Some(options)
    }

    /// Returns the number of runs of a graph of `nodes` nodes.
    const fn runs(&self, nodes: usize) -> usize {
        match nodes {
            _ if self.quick => 3,
            ..=10_000 => 21,
            ..=100_000 => 9,
            _ => 5,
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--instructions") => return instructions::check(),
        Some("--once") => return instructions::once(&arguments[1..]),
        _ => {}
    }
    let Some(options) = Options::parse(arguments.into_iter()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let one_thread = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for &nodes in &options.nodes {
        let runs = options.runs(nodes);
        println!(
            "\n{nodes} nodes, one thread: ns of the processor a node, median of {runs} (± half the range)\n"
        );
        println!(
            "{:<22}{:>14}{:>14}{:>14}{:>14}{:>16}{:>16}{:>10}{:>24}",
            "shape", "build", "plan", "apply", "undo", "dagx", "JoinSet", "Kahn", "bytes a node"
        );
        for shape in Shape::ALL {
            one_thread.block_on(shape_rows(shape, nodes, runs));
        }
        report_cycle(nodes);
    }
    println!("\ndagx's own benchmark, all threads: µs for all of it, declaration included\n");
    let all_threads = tokio::runtime::Runtime::new().expect("a runtime");
    all_threads.block_on(dagx_shapes::table(if options.quick { 21 } else { 301 }));
    ExitCode::SUCCESS
}

/// Says how long it takes to report one circle of all nodes.
fn report_cycle(count: usize) {
    let mut nodes = ours::nodes(Shape::Chain, count, false);
    if let (Some(last), Some(first)) = (nodes.last().map(|node| node.id.clone()), nodes.first_mut()) {
        first.after.push(last);
    }
    let began = ProcessTime::now();
    let errors = Graph::new(nodes).err().unwrap_or_default();
    let took = began.elapsed();
    assert!(matches!(&errors[..], [GraphError::Cycle(steps)] if steps.len() == count));
    println!("a circle of all is reported after {} ms", took.as_millis());
}

async fn shape_rows(shape: Shape, nodes: usize, runs: usize) {
    let edges = shape.edges(nodes);
    for yields in [false, true] {
        let mut ours: [Series; 4] = Default::default();
        let (mut dagx, mut join_set, mut kahn) = <(Series, Series, Series)>::default();
        for _ in 0..runs {
            phases(ours::nodes(shape, nodes, yields), &mut ours).await;
            if nodes <= PEERS_UP_TO {
                join_set.add(peers::join_set(&edges, yields).await);
                if !yields {
                    let began = ProcessTime::now();
                    peers::dagx(&edges).await;
                    dagx.add(began.elapsed());
                }
            }
            if !yields {
                kahn.add(peers::kahn(&edges));
            }
        }
        let name = if yields { format!("{}, yields", shape.name()) } else { shape.name().to_owned() };
        let [build, plan, apply, undo] = ours.map(|series| series.a_node(nodes));
        let (dagx, join_set, kahn) = (dagx.a_node(nodes), join_set.a_node(nodes), kahn.a_node(nodes));
        let bytes = if yields { String::new() } else { bytes(shape, nodes) };
        println!(
            "{name:<22}{build:>14}{plan:>14}{apply:>14}{undo:>14}{dagx:>16}{join_set:>16}{kahn:>10}{bytes:>24}"
        );
    }
}

/// Takes the nodes through all phases, and adds how long each one took.
async fn phases(nodes: Vec<Node>, [build, plan, apply, undo]: &mut [Series; 4]) {
    let run = ours::run();
    let began = ProcessTime::now();
    let graph = ours::graph(nodes);
    build.add(began.elapsed());
    let began = ProcessTime::now();
    let plans = ours::plan(&run, &graph).await;
    plan.add(began.elapsed());
    let began = ProcessTime::now();
    let applied = ours::apply(&run, &graph, &plans).await;
    apply.add(began.elapsed());
    let began = ProcessTime::now();
    let undone = run.undo(&graph, &plans, &applied).await;
    undo.add(began.elapsed());
    assert_eq!(undone.outcome(), Outcome::Succeeded);
}

/// The bytes that the graph, its plans and its outputs keep.
fn bytes(shape: Shape, nodes: usize) -> String {
    let program = std::env::current_exe().expect("this program").with_file_name("executor-bytes");
    let output = Command::new(program).args([shape.name(), &nodes.to_string()]).output();
    let output = output.expect("executor-bytes is built beside this program");
    let counts = String::from_utf8_lossy(&output.stdout).into_owned();
    let counts: Vec<_> = counts.split_whitespace().filter_map(|count| count.parse::<usize>().ok()).collect();
    let parts: Vec<_> = counts.iter().map(|count| (count / nodes).to_string()).collect();
    format!("{} = {}", parts.join(" + "), counts.iter().sum::<usize>() / nodes)
}

/// A figure measured several times.
#[derive(Default)]
pub(crate) struct Series(Vec<Duration>);

impl Series {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn fastest(&self) -> Duration {
        self.0.iter().min().copied().unwrap_or_default()
    }

    /// The median.
    pub(crate) fn median(&self) -> Duration {
        let mut times = self.0.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }

    fn a_node(&self, nodes: usize) -> String {
        let a_node = |time: Duration| time.as_nanos() / nodes as u128;
        match self.0.iter().max() {
            None => "-".to_owned(),
            Some(&slowest) => {
                format!("{} ± {}", a_node(self.median()), a_node((slowest - self.fastest()) / 2))
            }
        }
    }
}
