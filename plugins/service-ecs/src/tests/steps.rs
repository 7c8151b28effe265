//! The suite that every step plugin passes.

use async_trait::async_trait;
use aws_sdk_ecs::types::{ClusterField, ClusterSetting, ClusterSettingName, Tag};
use longshore_model::{Inputs, Known, Name, Options, Plugin, Stack};
use longshore_plugin::{Extensions, Node, Plugins, StepDeclaration};
use longshore_testkit::step::{self, Abilities};
use serde_json::{Value, json};

use super::bench::{Bench, name, of_stack, seed};

/// The node of a step of the stack that has the seed's service.
fn node(bench: &Bench, plugin: &str, options: &Value) -> Node {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let values = options.as_object().unwrap().clone();
    let options = Options { key: "steps.suite".into(), values, ..Options::default() };
    let key = "services.api".to_owned();
    let service = of_stack("main", "api", "ghcr", Options { key, ..Options::default() });
    let services = [(name("api"), service)].into();
    let stack = Stack { services, ..longshore_testkit::stack(&bench.stack) };
    let plugin = Plugin { name: plugin.into(), options: options.clone() };
    let built = plugins.step_plugin(&plugin, &Extensions::default().with(bench.aws.clone())).unwrap();
    built.node(&StepDeclaration { stack: &stack, name: &name("suite"), options: &options }).unwrap()
}

/// A bench in the environment of the suite.
async fn bench() -> Bench {
    let mut bench = Bench::settled().await;
    bench.environment = name("suite");
    bench
}

/// A task of a service that is deployed.
struct TaskHarness {
    bench: Bench,
    inputs: Inputs,
}

impl TaskHarness {
    async fn new() -> Self {
        let bench = bench().await;
        let mut service = seed();
        service.desired_count = Some(0);
        let applied = bench.apply(&bench.plan(&service).await.unwrap()).await.unwrap();
        let output = |step: &str, output: &str| {
            let (_, outputs) = applied.iter().find(|(id, _)| id.as_str() == step).unwrap();
            (output.to_owned(), Known::Value(outputs[output].clone()))
        };
        let definition = output("task-definition.api", "task-definition-arn");
        let inputs = [definition, output("cluster.main", "cluster-arn")].into_iter().collect();
        Self { bench, inputs }
    }

    fn node_of(&self, command: &str) -> Node {
        node(&self.bench, "ecs-task", &json!({ "service": "api", "command": [command] }))
    }
}

#[async_trait]
impl step::Harness for TaskHarness {
    fn node(&self) -> Node {
        self.node_of("migrate")
    }

    fn changed(&self) -> Node {
        self.node_of("check")
    }

    fn changed_fields(&self) -> Vec<String> {
        vec!["command".to_owned()]
    }

    fn abilities(&self) -> Abilities {
        Abilities { removes: false, owns: false, drifts: false, acts: true, undoes: false }
    }

    fn inputs(&self) -> Inputs {
        self.inputs.clone()
    }

    async fn there(&self) -> Option<String> {
        let ecs = self.bench.aws.ecs().await.unwrap();
        let list = ecs.list_tasks().cluster("main").desired_status("STOPPED".into());
        let arns = list.send().await.unwrap().task_arns.unwrap();
        (!arns.is_empty()).then(|| arns.join(" "))
    }

    async fn writes(&self) -> String {
        self.bench.cloud.writes()
    }

    async fn cut_off_after(&self, calls: u32) -> bool {
        self.bench.cloud.cut_off_after(calls);
        true
    }

    async fn reconnect(&self) {
        self.bench.cloud.heal();
    }

    fn stack(&self) -> Name {
        self.bench.stack.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_pass_the_suite_of_steps() {
    let report = step::suite(TaskHarness::new).await;
    assert_eq!(report.left_out.len(), 6, "{report}");
}

/// A cluster of the stack.
struct ClusterHarness(Bench);

impl ClusterHarness {
    async fn new() -> Self {
        let bench = bench().await;
        let ecs = bench.aws.ecs().await.unwrap();
        let tag = |key: &str, value: &Name| Tag::builder().key(key).value(value.as_str()).build();
        let create = ecs.create_cluster().cluster_name("main");
        let create = create.tags(tag("longshore:stack", &bench.stack));
        create.tags(tag("longshore:environment", &bench.environment)).send().await.unwrap();
        Self(bench)
    }

    fn node_of(&self, insights: &str, weight: u32) -> Node {
        let strategy = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": weight }]);
        let aws = json!({
            "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
            "defaultCapacityProviderStrategy": strategy,
            "settings": { "containerInsights": { "value": insights } },
        });
        node(&self.0, "ecs-cluster", &json!({ "cluster": "main", "aws": aws }))
    }
}

#[async_trait]
impl step::Harness for ClusterHarness {
    fn node(&self) -> Node {
        self.node_of("enabled", 1)
    }

    fn changed(&self) -> Node {
        self.node_of("disabled", 2)
    }

    fn changed_fields(&self) -> Vec<String> {
        ["defaultCapacityProviderStrategy.FARGATE_SPOT.weight", "settings.containerInsights"]
            .map(str::to_owned)
            .into()
    }

    fn abilities(&self) -> Abilities {
        Abilities { removes: false, owns: false, drifts: true, acts: false, undoes: true }
    }

    async fn there(&self) -> Option<String> {
        let ecs = self.0.aws.ecs().await.unwrap();
        let describe = ecs.describe_clusters().clusters("main").include(ClusterField::Settings);
        let cluster = describe.send().await.unwrap().clusters.unwrap().remove(0);
        Some(format!(
            "{:?} {:?} {:?}",
            cluster.settings, cluster.capacity_providers, cluster.default_capacity_provider_strategy
        ))
    }

    async fn drift(&self) -> Vec<String> {
        let ecs = self.0.aws.ecs().await.unwrap();
        let setting = ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value("enhanced");
        ecs.update_cluster().cluster("main").settings(setting.build()).send().await.unwrap();
        vec!["settings.containerInsights".to_owned()]
    }

    async fn writes(&self) -> String {
        self.0.cloud.writes()
    }

    async fn cut_off_after(&self, calls: u32) -> bool {
        self.0.cloud.cut_off_after(calls);
        true
    }

    async fn reconnect(&self) {
        self.0.cloud.heal();
    }

    fn stack(&self) -> Name {
        self.0.stack.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn clusters_pass_the_suite_of_steps() {
    let report = step::suite(ClusterHarness::new).await;
    assert_eq!(report.left_out.len(), 2, "{report}");
}
