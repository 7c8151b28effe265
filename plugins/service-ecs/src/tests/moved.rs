//! A service that moves to another cluster.

use longshore_model::{Action, Service, StepId};
use longshore_plugin::Declared;

use super::bench::{Bench, seed, seed_with};
use crate::undeclared;

/// The seed on another cluster than it was.
fn moved(service: Service) -> Service {
    Service { cluster: "other".to_owned(), ..service }
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
