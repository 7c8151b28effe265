//! The duration of deploys at AWS's quotas.

use std::{collections::BTreeMap, time::Duration};

use longshore_simcloud::quota::Quotas;
use tokio::time::{Instant, sleep};

use crate::world::{Manners, World, since};

const ALONE: Manners = Manners { latency_ms: 80, jitter_ms: 20, co_tenant_percent: 0, seed: 1 };
const SHARED: Manners = Manners { co_tenant_percent: 50, ..ALONE };

/// The most that a deploy may take, as a multiple of its bound.
const ALLOWED: f64 = 1.05;

/// The number of deploys of one service that are measured.
const ALONE_DEPLOYS: u64 = 16;

/// The interval of the checks for new calls.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A deploy as it went.
struct Deployed {
    took: Duration,
    calls: BTreeMap<String, u64>,
    throttled: BTreeMap<String, u64>,
    failed: usize,
}

/// The time before and after the calls of a class when one service is deployed alone: no deploy can be faster there.
struct Around {
    /// Before the first of them.
    before: Duration,
    /// After the last of them.
    after: Duration,
}

/// One service, deployed alone.
struct Alone {
    took: Duration,
    around: BTreeMap<&'static str, Around>,
}

/// Deploys stacks of these sizes. Returns true if they keep to the bounds.
pub(crate) async fn run(sizes: &[usize]) -> bool {
    let sizes = if sizes.is_empty() { &[10, 100, 1_000] } else { sizes };
    println!("Deploys from nothing, in virtual time: 80 ± 20 ms a call, AWS's documented quotas.");
    println!(
        "Lower bound: the longer of the critical path and the slowest bucket, which is (calls - burst) / rate, alone"
    );
    println!(
        "in the column `bucket`, and the path before its first call and after its last. Paths are those of one service"
    );
    println!(
        "that is deployed alone, the slowest of {ALONE_DEPLOYS}: chance decides how long a task takes to start, and of many, one is slow.\n"
    );
    println!(
        "| services | co-tenant | makespan | bucket | bound | ratio | binding | calls | throttled | failed |"
    );
    println!("|---:|---|---:|---:|---:|---:|---|---:|---:|---:|");
    let alone = alone().await;
    let mut within = true;
    let mut notes = Vec::new();
    for &services in sizes {
        for (name, manners) in [("none", ALONE), ("half of every bucket", SHARED)] {
            let (deployed, quotas) = deploy(services, manners).await;
            let bound = bound(&deployed, &quotas, manners, &alone);
            let ratio = deployed.took.as_secs_f64() / bound.seconds;
            let calls: u64 = deployed.calls.values().sum();
            let throttled: u64 = deployed.throttled.values().sum();
            let share = throttled as f64 / calls as f64;
            let fits = deployed.failed == 0
                && if manners.co_tenant_percent == 0 {
                    ratio <= ALLOWED && throttled == 0
                } else {
                    share <= 0.01
                };
            within &= fits;
            println!(
                "| {services} | {name} | {:.1} s | {:.1} s | {:.1} s | {ratio:.3} | {} | {calls} | {throttled} ({:.2} %){} | {} |",
                deployed.took.as_secs_f64(),
                bound.bucket,
                bound.seconds,
                bound.binding,
                100.0 * share,
                if fits { "" } else { " (out of bounds)" },
                deployed.failed,
            );
            if throttled > 0 {
                let most: Vec<_> =
                    deployed.throttled.iter().map(|(call, count)| format!("{count} {call}")).collect();
                notes.push(format!("{services} services, throttled: {}", most.join(", ")));
            }
        }
    }
    println!();
    notes.iter().for_each(|note| println!("{note}"));
    within
}

async fn deploy(services: usize, manners: Manners) -> (Deployed, Quotas) {
    let world = World::new(services, manners);
    let (calls, throttled) = (world.cloud.calls(), world.cloud.throttled());
    let began = Instant::now();
    let failed = world.deploy().await;
    let took = began.elapsed();
    let calls = since(&calls, &world.cloud.calls());
    let throttled = since(&throttled, &world.cloud.throttled());
    (Deployed { took, calls, throttled, failed }, world.cloud.quotas().clone())
}

/// The slowest of a few deploys of one service: chance decides how long a task takes to start, and of many services, one is
/// about as slow.
async fn alone() -> Alone {
    let mut slowest = deploy_alone(1).await;
    for seed in 2..=ALONE_DEPLOYS {
        let next = deploy_alone(seed).await;
        if next.took > slowest.took {
            slowest = next;
        }
    }
    slowest
}

/// Deploys one service, and looks when the calls of each class come.
async fn deploy_alone(seed: u64) -> Alone {
    let world = World::new(1, Manners { seed, ..ALONE });
    let began = Instant::now();
    let mut seen = BTreeMap::<&'static str, (u64, Duration, Duration)>::new();
    let mut all = 0;
    let mut look = |elapsed: Duration| {
        let calls = world.cloud.calls();
        let now: u64 = calls.values().sum();
        if std::mem::replace(&mut all, now) == now {
            return;
        }
        for (class, count) in of_class(&calls, world.cloud.quotas()) {
            let (known, _, last) = seen.entry(class).or_insert((0, elapsed, elapsed));
            if count > *known {
                (*known, *last) = (count, elapsed);
            }
        }
    };
    let mut deploying = std::pin::pin!(world.deploy());
    let failed = loop {
        tokio::select! {
            biased;
            failed = &mut deploying => break failed,
            () = sleep(LOOK_EVERY) => look(began.elapsed()),
        }
    };
    assert_eq!(failed, 0, "one service alone");
    let took = began.elapsed();
    let around = seen
        .into_iter()
        .map(|(class, (_, first, last))| {
            (class, Around { before: first.saturating_sub(LOOK_EVERY), after: took.saturating_sub(last) })
        })
        .collect();
    Alone { took, around }
}

/// The calls of each class.
fn of_class(calls: &BTreeMap<String, u64>, quotas: &Quotas) -> BTreeMap<&'static str, u64> {
    let mut of_class = BTreeMap::new();
    for (operation, count) in calls {
        if let Some(class) = quotas.class_of(operation) {
            *of_class.entry(class.name).or_default() += count;
        }
    }
    of_class
}

/// The lower bound of a deploy's duration.
struct Bound {
    seconds: f64,
    /// The duration of the slowest bucket by itself, in seconds.
    bucket: f64,
    binding: String,
}

fn bound(deployed: &Deployed, quotas: &Quotas, manners: Manners, alone: &Alone) -> Bound {
    let calls = of_class(&deployed.calls, quotas);
    let left = f64::from(100 - manners.co_tenant_percent) / 100.0;
    let mut bound =
        Bound { seconds: alone.took.as_secs_f64(), bucket: 0.0, binding: "critical path".to_owned() };
    for class in quotas.classes() {
        let (Some(&calls), Some(around)) = (calls.get(class.name), alone.around.get(class.name)) else {
            continue;
        };
        let (burst, rate) = (f64::from(class.rate.burst) * left, f64::from(class.rate.per_second) * left);
        let bucket = (calls as f64 - burst).max(0.0) / rate;
        bound.bucket = bound.bucket.max(bucket);
        let seconds = (around.before + around.after).as_secs_f64() + bucket;
        if bucket > 0.0 && seconds > bound.seconds {
            (bound.seconds, bound.binding) = (seconds, class.name.to_owned());
        }
    }
    bound
}
