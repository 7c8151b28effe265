//! Options that cannot work.

use serde_json::{Value, json};

use super::harness::{Harness, merged, name, node};

#[tokio::test(start_paused = true)]
async fn wrong_options_are_reported_at_once() {
    let harness = Harness::new(json!({})).await;
    let refused = |options: Value| {
        let base = json!({ "service": "web", "min": 1, "max": 4 });
        let problems = node(&harness.aws, &harness.stack, &merged(&base, &options)).map(drop).unwrap_err();
        problems.iter().map(|problem| format!("{problem}\n")).collect::<String>()
    };
    let all = [
        refused(json!({ "service": null, "min": null, "max": null })),
        refused(json!({ "service": "wbe" })),
        refused(json!({ "min": 5, "cpu": 0, "memry": 70 })),
        refused(json!({ "requests-per-target": { "value": 100 } })),
        refused(
            json!({ "cpu": 60, "aws": { "policies": { "cpu": { "StepScalingPolicyConfiguration": {} } } } }),
        ),
        refused(json!({ "aws": {
            "target": { "MinCapacity": 1, "SuspendedState": { "ScheduledScalingSuspend": true } },
            "policies": {
                "queue": { "PolicyType": "StepScaling" },
                "lag": { "TargetTrackingScalingPolicyConfiguration": {
                    "PredefinedMetricSpecification": { "PredefinedMetricType": "ECSServiceAverageCpuUtilization" },
                } },
                "other": { "TargetTrackingScalingPolicyConfiguration": {}, "ResourceId": "service/default/web" },
            },
            "scheduled-actions": { "night": { "schedule": "cron(0 22 * * ? *)" } },
        } })),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn count_outside_of_bounds_is_refused() {
    let mut harness = Harness::new(json!({})).await;
    let service = harness.stack.services.get_mut(&name("web")).unwrap();
    service.deployer.options.values.insert("desired-count".to_owned(), json!(20));
    let problems = node(&harness.aws, &harness.stack, &json!({ "service": "web", "min": 1, "max": 4 }));
    let problem = problems.map(drop).unwrap_err().remove(0);
    assert_eq!(problem.key, "steps.scaling");
    assert!(problem.message.contains("`desired-count` = 20"), "{problem}");
}

#[tokio::test(start_paused = true)]
async fn count_within_bounds_is_noted() {
    let mut harness = Harness::new(json!({})).await;
    let service = harness.stack.services.get_mut(&name("web")).unwrap();
    service.deployer.options.values.insert("desired-count".to_owned(), json!(3));
    let plan = harness.plan().await.unwrap();
    assert!(plan.notes[0].contains("each deploy sets the count of the service `web` back to 3"), "{plan:?}");
}

#[tokio::test(start_paused = true)]
async fn service_is_scaled_by_one_step() {
    let harness = Harness::new(json!({})).await.with_rival();
    let problems = node(&harness.aws, &harness.stack, &json!({ "service": "web", "min": 1, "max": 4 }));
    let problem = problems.map(drop).unwrap_err().remove(0);
    assert_eq!(problem.message, "the step `rival` scales the service `web` already");
}
