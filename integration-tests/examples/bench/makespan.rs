//! How long deploys take at AWS's quotas.

use std::{collections::BTreeMap, time::Duration};

use longshore_simcloud::quota::Quotas;
use tokio::time::Instant;

use crate::world::{Manners, World, since};

const ALONE: Manners = Manners { latency_ms: 80, jitter_ms: 20, co_tenant_percent: 0 };
const SHARED: Manners = Manners { co_tenant_percent: 50, ..ALONE };

/// The most that a deploy may take, as a multiple of its lower bound.
const ALLOWED: f64 = 1.05;

/// A deploy as it went.
struct Deployed {
    took: Duration,
    calls: BTreeMap<String, u64>,
    throttled: u64,
    failed: usize,
}

/// Deploys stacks of these sizes. Whether they keep to the bounds.
pub(crate) async fn run(sizes: &[usize]) -> bool {
    let sizes = if sizes.is_empty() { &[10, 100, 1_000] } else { sizes };
    println!("Deploys from nothing, in virtual time: 80 ± 20 ms a call, AWS's documented quotas.");
    println!(
        "The lower bound is the longer of the critical path (one service deployed alone) and the fullest bucket,"
    );
    println!("(calls - burst) / rate.\n");
    println!(
        "| services | co-tenant | makespan | lower bound | ratio | binding | calls | throttled | failed |"
    );
    println!("|---:|---|---:|---:|---:|---|---:|---:|---:|");
    let critical_path = deploy(1, ALONE).await.0.took;
    let mut within = true;
    for &services in sizes {
        for (name, manners) in [("none", ALONE), ("half of every bucket", SHARED)] {
            let (deployed, quotas) = deploy(services, manners).await;
            let (bound, binding) = bound(&deployed, &quotas, manners, critical_path);
            let ratio = deployed.took.as_secs_f64() / bound;
            let calls: u64 = deployed.calls.values().sum();
            let share = deployed.throttled as f64 / calls as f64;
            let fits = deployed.failed == 0
                && if manners.co_tenant_percent == 0 {
                    ratio <= ALLOWED && deployed.throttled == 0
                } else {
                    share <= 0.01
                };
            within &= fits;
            println!(
                "| {services} | {name} | {:.1} s | {bound:.1} s | {ratio:.3} | {binding} | {calls} | {} ({:.2} %){} | {} |",
                deployed.took.as_secs_f64(),
                deployed.throttled,
                100.0 * share,
                if fits { "" } else { " (out of bounds)" },
                deployed.failed,
            );
        }
    }
    within
}

async fn deploy(services: usize, manners: Manners) -> (Deployed, Quotas) {
    let world = World::new(services, manners);
    let (calls, throttled) = (world.cloud.calls(), world.cloud.throttled());
    let began = Instant::now();
    let failed = world.deploy().await;
    let took = began.elapsed();
    let calls = since(&calls, &world.cloud.calls());
    let throttled = since(&throttled, &world.cloud.throttled()).values().sum();
    (Deployed { took, calls, throttled, failed }, world.cloud.quotas().clone())
}

/// The lower bound in seconds, and what sets it.
fn bound(deployed: &Deployed, quotas: &Quotas, manners: Manners, critical_path: Duration) -> (f64, String) {
    let mut of_class = BTreeMap::<&str, u64>::new();
    for (operation, count) in &deployed.calls {
        if let Some(class) = quotas.class_of(operation) {
            *of_class.entry(class.name).or_default() += count;
        }
    }
    let left = f64::from(100 - manners.co_tenant_percent) / 100.0;
    let mut bound = (critical_path.as_secs_f64(), "critical path".to_owned());
    for class in quotas.classes() {
        let Some(&calls) = of_class.get(class.name) else { continue };
        let (burst, rate) = (f64::from(class.rate.burst) * left, f64::from(class.rate.per_second) * left);
        let seconds = (calls as f64 - burst) / rate;
        if seconds > bound.0 {
            bound = (seconds, class.name.to_owned());
        }
    }
    bound
}
