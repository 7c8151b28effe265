//! A service that moves to another cluster, or leaves the configuration.

use std::sync::Arc;

use longshore_model::{Action, FailureKind, Inputs, StepId, StepPlan};
use longshore_plugin::{Declared, Step as _};
use longshore_steps::UndeclaredStep;

use super::bench::{Bench, Seed, seed, seed_with};
use crate::undeclared;

/// The seed on another cluster than it was.
fn moved(service: Seed) -> Seed {
    service.with(|service| service.cluster = "other".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_service_that_moves_keeps_the_task_definition_that_it_runs_on() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let plans = bench.deploy(&moved(seed())).await.unwrap();
    let declared = Declared::by(plans.0.iter().map(|(node, _)| node));
    let context = bench.context(&StepId::new("undeclared", "services"));
    for undeclared in undeclared::all(&bench.aws) {
        for resource in undeclared.find(&context, &declared).await.unwrap() {
            undeclared.remove(&context, &declared, &resource).await.unwrap();
        }
    }
    let ecs = bench.aws.ecs().await.unwrap();
    let definition = ecs.describe_task_definition().task_definition("shop-api").send().await;
    assert_eq!(definition.unwrap().task_definition().unwrap().revision(), 1, "it is still ACTIVE");
    let changed = moved(seed_with(|api| api.memory = Some(1024)));
    assert!(bench.plan(&moved(seed())).await.unwrap().is_quiet());
    assert_eq!(bench.plan(&changed).await.unwrap().of("task-definition.api").action, Action::Update);
}

fn orphans(plan: &StepPlan) -> Vec<&str> {
    plan.orphans.iter().map(|orphan| orphan.resource.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_task_definitions_of_a_service_that_leaves_are_planned_to_go_with_it() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    bench.deploy(&seed_with(|api| api.memory = Some(1024))).await.unwrap();
    let context = bench.context(&StepId::new("undeclared", "services"));
    let services = undeclared::all(&bench.aws).remove(0);
    let step = UndeclaredStep { undeclared: services, declared: Arc::new(Declared::default()) };
    let plan = step.plan(&context, &Inputs::default()).await.unwrap();
    assert_eq!((orphans(&plan), plan.resources), (vec!["service main/api", "task definition shop-api"], 2));
    // When everything goes, families are looked for by themselves.
    assert_eq!(orphans(&step.plan_removal(&context).await.unwrap()), ["service main/api"]);

    step.apply(&context, &Inputs::default(), &plan).await.unwrap();
    let ecs = bench.aws.ecs().await.unwrap();
    let left = ecs.list_task_definitions().send().await.unwrap();
    assert_eq!(left.task_definition_arns(), [""; 0]);
    let plan = step.plan(&context, &Inputs::default()).await.unwrap();
    assert_eq!((orphans(&plan), plan.action), (vec![], Action::NoChange));
}

#[tokio::test(start_paused = true)]
async fn a_family_that_is_not_the_stacks_is_not_planned_to_go() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let ecs = bench.aws.ecs().await.unwrap();
    let arn = ecs.describe_task_definition().task_definition("shop-api").send().await.unwrap();
    let arn = arn.task_definition.unwrap().task_definition_arn.unwrap();
    ecs.untag_resource().resource_arn(arn).tag_keys("longshore:stack").send().await.unwrap();
    let context = bench.context(&StepId::new("undeclared", "services"));
    let services = undeclared::all(&bench.aws).remove(0);
    let step = UndeclaredStep { undeclared: services, declared: Arc::new(Declared::default()) };
    let plan = step.plan(&context, &Inputs::default()).await.unwrap();
    assert_eq!(orphans(&plan), ["service main/api"]);
}

#[tokio::test(start_paused = true)]
async fn resources_protected_since_the_plan_stay() {
    let bench = Bench::settled().await;
    let plans = bench.deploy(&seed()).await.unwrap();
    let ids = ["service.api", "log-group.api", "cluster.main"];
    let steps = || plans.0.iter().filter(|(node, _)| ids.contains(&node.id.as_str())).rev();
    for (node, plan) in steps() {
        let context = bench.context(&node.id);
        node.step.plan_removal(&context).await.unwrap();
        bench.protect(plan).await;
        let refused = node.step.remove(&context).await.unwrap_err();
        assert_eq!(refused.kind, FailureKind::Protected, "{}: {refused}", plan.resource);
    }
    let context = bench.context(&StepId::new("undeclared", "services"));
    let services = undeclared::all(&bench.aws).remove(0);
    let declared = Declared::default();
    for service in services.find(&context, &declared).await.unwrap() {
        let refused = services.remove(&context, &declared, &service).await.unwrap_err();
        assert_eq!(refused.kind, FailureKind::Protected, "{refused}");
    }
    let ecs = bench.aws.ecs().await.unwrap();
    let definition = ecs.describe_task_definition().task_definition("shop-api:1").send().await.unwrap();
    assert_eq!(definition.task_definition.unwrap().status.unwrap().as_str(), "ACTIVE");
    // A run takes back what it made itself.
    for (node, plan) in steps() {
        node.step.undo(&bench.context_in(&plans.1, &node.id).protecting(true).undoing(), plan).await.unwrap();
    }
    assert!(ecs.list_clusters().send().await.unwrap().cluster_arns().is_empty());
}
