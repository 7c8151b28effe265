//! A step in a simulated cloud that has a service.

use std::{collections::BTreeMap, sync::Arc};

use longshore_aws::{Aws, Embedded, Target};
use longshore_model::{
    AddedStep, ExecutionRole, Inputs, Known, Name, Options, Outputs, Plugin, Problem, Service, Stack,
    StepPlan,
};
use longshore_plugin::{Context, Extensions, Node, Plugins, Result, StepDeclaration, StepPlugin};
use longshore_simcloud::{Blueprint, Call, Cloud, Moment, TokioClock, ecs};
use longshore_testkit::Told;
use serde_json::{Value, json};

pub(super) const REGION: &str = "eu-central-1";
/// The service.
pub(super) const WEB: &str = "service/default/web";

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) struct Harness {
    pub(super) cloud: Cloud,
    pub(super) aws: Aws,
    pub(super) told: Arc<Told>,
    pub(super) stack: Stack,
    options: Value,
}

pub(super) fn plugin(aws: &Aws) -> Arc<dyn StepPlugin> {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let plugin = Plugin { name: "autoscaling".into(), options: Options::default() };
    plugins.step_plugin(&plugin, &Extensions::default().with(aws.clone())).unwrap()
}

/// The node of the step `scaling` with options.
pub(super) fn node(aws: &Aws, stack: &Stack, options: &Value) -> std::result::Result<Node, Vec<Problem>> {
    let values = options.as_object().unwrap().clone();
    let options = Options { key: "steps.scaling".into(), values, ..Options::default() };
    plugin(aws).node(&StepDeclaration { stack, name: &name("scaling"), options: &options })
}

/// The stack `suite` with the service `web`.
fn stack() -> Stack {
    let service = Service {
        deployer: Plugin { name: "ecs".into(), ..Plugin::default() },
        cluster: "default".into(),
        name: "web".into(),
        containers: BTreeMap::new(),
        execution_role: ExecutionRole {
            builder: Plugin::default(),
            name: None,
            managed_policies: BTreeMap::new(),
        },
        load_balancer: None,
        after: Vec::new(),
        tags: BTreeMap::new(),
        protect: false,
    };
    Stack { services: [(name("web"), service)].into(), ..longshore_testkit::stack(&name("suite")) }
}

impl Harness {
    /// A step for the service `web`, which wants two tasks and belongs to the stack.
    pub(super) async fn new(options: Value) -> Self {
        let clock = Arc::new(TokioClock::starting_at(Moment(1_795_000_000_000)));
        let cloud = Cloud::new(&Blueprint::default(), clock).unwrap();
        let embedded = Embedded::new(cloud.connector(), cloud.clone());
        let aws = Aws::connect(Target { region: Some(REGION.into()), ..Target::default() }, Some(embedded));
        let harness = Self { cloud, aws, told: Arc::default(), stack: stack(), options: json!({}) };
        harness.ecs("CreateCluster", json!({})).await;
        let container = json!({ "name": "web", "image": "docker.io/library/nginx", "memory": 128 });
        let definition = json!({ "family": "web", "containerDefinitions": [container] });
        harness.ecs("RegisterTaskDefinition", definition).await;
        let tags = ["stack", "environment"]
            .map(|tag| json!({ "key": format!("longshore:{tag}"), "value": "suite" }));
        let service = json!({
            "serviceName": "web", "taskDefinition": "web", "desiredCount": 2, "launchType": "EC2", "tags": tags,
        });
        harness.ecs("CreateService", service).await;
        harness.configured(options)
    }

    /// The same with other options.
    pub(super) fn configured(mut self, options: Value) -> Self {
        self.options = merged(&json!({ "service": "web", "min": 1, "max": 4 }), &options);
        self
    }

    pub(super) fn node(&self) -> Node {
        self.node_with(&json!({}))
    }

    /// The node with further options.
    pub(super) fn node_with(&self, options: &Value) -> Node {
        node(&self.aws, &self.stack, &merged(&self.options, options)).unwrap()
    }

    pub(super) fn inputs(&self) -> Inputs {
        let arn = "arn:aws:ecs:eu-central-1:123456789012:service/default/web";
        [("service-arn".to_owned(), Known::Value(arn.to_owned()))].into_iter().collect()
    }

    pub(super) fn context(&self) -> Context {
        self.told.context(&self.stack.name, self.node().id)
    }

    pub(super) async fn plan(&self) -> Result<StepPlan> {
        self.node().step.plan(&self.context(), &self.inputs()).await
    }

    pub(super) async fn apply(&self) -> Result<Outputs> {
        let (node, plan) = (self.node(), self.plan().await?);
        node.step.apply(&self.context(), &self.inputs(), &plan).await
    }

    pub(super) async fn ecs(&self, operation: &str, input: Value) -> Value {
        let call = Call {
            operation: operation.into(),
            region: REGION.into(),
            input,
            now: self.cloud.now(),
            caller: "arn:aws:iam::123456789012:user/ci".into(),
        };
        self.cloud.edit(|world| ecs::handle(world, &call)).await.unwrap()
    }

    /// Calls Application Auto Scaling about the service.
    pub(super) async fn call(&self, operation: &'static str, mut input: Value) -> Value {
        input["ServiceNamespace"] = json!("ecs");
        input["ResourceId"] = json!(WEB);
        input["ScalableDimension"] = json!("ecs:service:DesiredCount");
        self.aws.autoscaling().await.unwrap().call(operation, input).await.unwrap()
    }

    pub(super) async fn target(&self) -> Option<Value> {
        let input = json!({ "ServiceNamespace": "ecs" });
        let client = self.aws.autoscaling().await.unwrap();
        client.call("DescribeScalableTargets", input).await.unwrap()["ScalableTargets"].get(0).cloned()
    }

    pub(super) async fn tags(&self, target: &Value) -> Value {
        let input = json!({ "ResourceARN": target["ScalableTargetARN"] });
        let client = self.aws.autoscaling().await.unwrap();
        client.call("ListTagsForResource", input).await.unwrap()["Tags"].clone()
    }

    /// Adds another step that scales the service.
    pub(super) fn with_rival(mut self) -> Self {
        let values = json!({ "service": "web" }).as_object().unwrap().clone();
        let options = Options { key: "steps.rival".into(), values, ..Options::default() };
        let plugin = Plugin { name: "autoscaling".into(), options };
        let rival = AddedStep { plugin, after: Vec::new(), tags: BTreeMap::new(), protect: false };
        self.stack.steps.insert(name("rival"), rival);
        self
    }
}

pub(super) fn merged(base: &Value, changes: &Value) -> Value {
    let mut merged = base.clone();
    let table = merged.as_object_mut().unwrap();
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(table.remove(key)),
            value => drop(table.insert(key.clone(), value.clone())),
        }
    }
    merged
}
