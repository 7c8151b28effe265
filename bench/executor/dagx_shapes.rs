//! The graphs of dagx's own benchmark, as of version 0.3.1, with the same work on both sides: each step adds up numbers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use cpu_time::ProcessTime;
use longshore_engine::Run;
use longshore_model::{Action, Inputs, Outputs, StepId, StepPlan};
use longshore_plugin::{Context, Result, Step};

use crate::{
    Series,
    ours::{self, OUTPUT},
    peers,
};

/// A step that adds up its inputs and one, when it plans.
struct Sum;

#[async_trait]
impl Step for Sum {
    async fn plan(&self, _: &Context, inputs: &Inputs) -> Result<StepPlan> {
        let number = |text: &str| text.parse::<i64>().unwrap_or_default();
        let sum: i64 = inputs.iter().filter_map(|(_, known)| known.value().map(number)).sum();
        Ok(StepPlan::new(Action::NoChange, "x").output(OUTPUT, (sum + 1).to_string()))
    }

    async fn apply(&self, _: &Context, _: &Inputs, _: &StepPlan) -> Result<Outputs> {
        Ok(Outputs::new())
    }

    async fn plan_removal(&self, _: &Context) -> Result<StepPlan> {
        Ok(StepPlan::new(Action::NoChange, "x"))
    }

    async fn remove(&self, _: &Context) -> Result<()> {
        Ok(())
    }
}

/// The edges of the benchmark's graphs. Its larger values are numbers here: Longshore's steps hand on names.
fn graphs() -> Vec<(&'static str, Vec<Vec<usize>>)> {
    let independent = |nodes| vec![Vec::new(); nodes];
    let chain = |nodes| (0..nodes).map(|node: usize| node.checked_sub(1).into_iter().collect()).collect();
    let fan_out = |nodes| (0..=nodes).map(|node| if node == 0 { Vec::new() } else { vec![0] }).collect();
    let diamonds = |count| {
        let one = |first| [vec![], vec![first], vec![first], vec![first + 1, first + 2]];
        (0..count).flat_map(|diamond| one(diamond * 4)).collect()
    };
    vec![
        ("10 independent", independent(10)),
        ("50 independent", independent(50)),
        ("100 independent", independent(100)),
        ("500 independent", independent(500)),
        ("1,000 independent", independent(1_000)),
        ("10,000 independent", independent(10_000)),
        ("pipeline of 5", chain(5)),
        ("chain of 20", chain(20)),
        ("chain of 100", chain(100)),
        ("fan-out, 1 to 10", fan_out(10)),
        ("fan-out, 1 to 20", fan_out(20)),
        ("fan-out, 1 to 50", fan_out(50)),
        ("fan-out, 1 to 100", fan_out(100)),
        ("fan-out, 1 to 200", fan_out(200)),
        ("diamond", diamonds(1)),
        ("50 diamonds", diamonds(50)),
        ("ETL, 1 to 3 to 1", vec![vec![], vec![0], vec![0], vec![0], vec![1, 2, 3]]),
        (
            "ETL, 3 sources",
            vec![vec![], vec![], vec![], vec![0], vec![1], vec![2], vec![3, 4, 5], vec![6], vec![7]],
        ),
        (
            "mixed, 1 to 3 to 1 to 3",
            vec![vec![], vec![0], vec![0], vec![0], vec![1, 2, 3], vec![4], vec![4], vec![4]],
        ),
    ]
}

/// Prints how long each side takes for each graph, from the declaration to the sum: the fastest run on the wall, and the
/// median of the processor's time.
pub(crate) async fn table(runs: usize) {
    println!(
        "{:<26}{:>12}{:>12}{:>10}{:>20}{:>12}",
        "graph", "Longshore", "dagx", "factor", "processor: Longshore", "dagx"
    );
    let run = ours::run();
    let mut behind = Vec::new();
    for (name, edges) in graphs() {
        let (mut ours, mut dagx) = <([Series; 2], [Series; 2])>::default();
        for _ in 0..runs {
            let sum = timed(&mut ours, sum_of(&run, &edges)).await;
            let other = timed(&mut dagx, peers::dagx(&edges)).await;
            assert_eq!(sum, other, "{name}");
        }
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let (our, other) = (micros(ours[0].fastest()), micros(dagx[0].fastest()));
        println!(
            "{name:<26}{our:>12.1}{other:>12.1}{:>10.1}{:>20.1}{:>12.1}",
            other / our,
            micros(ours[1].median()),
            micros(dagx[1].median())
        );
        if our > other {
            behind.push(name);
        }
    }
    if !behind.is_empty() {
        println!("behind dagx: {}", behind.join(", "));
    }
}

/// Adds how long the work takes, on the wall and of the processor.
async fn timed<T>([wall, processor]: &mut [Series; 2], work: impl Future<Output = T>) -> T {
    let (began, processor_began) = (Instant::now(), ProcessTime::now());
    let result = work.await;
    processor.add(processor_began.elapsed());
    wall.add(began.elapsed());
    result
}

/// Declares steps that add up their inputs, builds their graph, and runs it once. Returns the last step's sum.
async fn sum_of(run: &Run, edges: &[Vec<usize>]) -> i64 {
    let step: Arc<dyn Step> = Arc::new(Sum);
    let nodes = ours::declared(edges, &step, true, |node| StepId::new("n", node));
    let last = nodes.last().map(|node| node.id.clone());
    let graph = ours::graph(nodes);
    let plans = ours::plan(run, &graph).await;
    let sum = last.and_then(|last| plans.get(&last)?.outputs.get(OUTPUT)?.value().map(str::to_owned));
    sum.and_then(|sum| sum.parse().ok()).expect("the last step yields a number")
}
