//! Properties that hold for every configuration of a service.

use proptest::prelude::*;
use serde_json::json;

use super::harness::Sim;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// During a rolling update at least the minimum runs and at most the maximum exists, and it ends.
    #[test]
    fn a_rolling_update_keeps_within_its_percentages(
        seed in any::<u64>(),
        desired in 1..8_u64,
        minimum in prop::sample::select(vec![0_u64, 25, 50, 75, 100]),
        maximum in prop::sample::select(vec![125_u64, 150, 200]),
    ) {
        let mut sim = Sim::seeded(seed);
        sim.deploy("ghcr.io/acme/api:1", desired as u32);
        sim.update(json!({ "deploymentConfiguration": { "minimumHealthyPercent": minimum, "maximumPercent": maximum } }));
        sim.pass(120);
        prop_assert_eq!(sim.describe()["runningCount"].as_u64(), Some(desired));
        let definition = sim.register("ghcr.io/acme/api:2");
        sim.update(json!({ "taskDefinition": definition }));
        let least = (desired * minimum).div_ceil(100);
        let most = desired * maximum / 100;
        let mut kept = true;
        sim.pass_while(1_200, |sim| {
            let service = sim.describe();
            let (running, pending) = (service["runningCount"].as_u64().unwrap(), service["pendingCount"].as_u64().unwrap());
            kept &= running >= least && running + pending <= most;
        });
        prop_assert!(kept);
        let service = sim.describe();
        let stuck = sim.messages().iter().any(|message| message.contains("because of the service deployment configuration"));
        // ECS cannot move, and says so, if neither a task more nor one less is allowed.
        prop_assert_eq!(stuck, least == desired && most == desired);
        prop_assert_eq!(service["deployments"][0]["rolloutState"] == "COMPLETED", !stuck);
    }

    /// The same seed and the same calls give the same world.
    #[test]
    fn a_run_depends_on_its_seed_alone(seed in any::<u64>()) {
        let run = || {
            let mut sim = Sim::seeded(seed);
            sim.deploy("ghcr.io/acme/api:1", 2);
            sim.pass(300);
            serde_json::to_string(&sim.world).unwrap()
        };
        prop_assert_eq!(run(), run());
    }
}
