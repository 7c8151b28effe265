//! A step in a simulated cloud that has a load balancer with a listener.

use std::sync::Arc;

use longshore_aws::{Aws, Embedded, Target, untyped::Element};
use longshore_model::{Action, Inputs, Known, Name, Options, Outputs, Plugin, Problem, StepId, StepPlan};
use longshore_plugin::{Context, Extensions, Node, Plugins, Result, RunContext, StepDeclaration, StepPlugin};
use longshore_simcloud::{ApiError, Blueprint, Cloud, Effect, Fault, Moment, TokioClock};
use longshore_testkit::Told;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(super) const REGION: &str = "eu-central-1";
/// The name of the target group.
pub(super) const NAME: &str = "shop-web";

pub(super) struct Harness {
    pub(super) cloud: Cloud,
    pub(super) aws: Aws,
    pub(super) balancer: String,
    pub(super) listener: String,
    pub(super) vpc: String,
    pub(super) adopts: bool,
    pub(super) protects: bool,
    options: Value,
    node: Node,
    told: Arc<Told>,
}

/// The step plugin with these clients.
pub(super) fn plugin(aws: &Aws) -> Arc<dyn StepPlugin> {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let options = Options { key: "steps.web".into(), ..Options::default() };
    let plugin = Plugin { name: "target-group".into(), options };
    plugins.step_plugin(&plugin, &Extensions::default().with(aws.clone())).unwrap()
}

/// The node of the step `web` of the stack `shop` with options.
pub(super) fn node(aws: &Aws, options: &Value) -> std::result::Result<Node, Vec<Problem>> {
    let name = |text: &str| Name::new(text).unwrap();
    let stack = longshore_testkit::stack(&name("shop"));
    let values = options.as_object().unwrap().clone();
    let options = Options { key: "steps.web".into(), values, ..Options::default() };
    plugin(aws).node(&StepDeclaration { stack: &stack, name: &name("web"), options: &options })
}

impl Harness {
    /// A step for the host `shop.example`, with more options.
    pub(super) async fn new(options: Value) -> Self {
        let clock = Arc::new(TokioClock::starting_at(Moment(1_795_000_000_000)));
        let cloud = Cloud::new(&Blueprint::default(), clock).unwrap();
        let embedded = Embedded::new(cloud.connector(), cloud.clone());
        let aws = Aws::connect(Target { region: Some(REGION.into()), ..Target::default() }, Some(embedded));
        let subnets = aws.ec2().await.unwrap().call("DescribeSubnets", json!({})).await.unwrap();
        let subnets: Vec<_> = subnets.items("subnetSet").collect();
        let vpc = subnets[0].text_of("vpcId").unwrap().to_owned();
        let ids: Vec<_> = subnets.iter().filter_map(|subnet| subnet.text_of("subnetId")).collect();
        let balancer = first(
            &aws,
            "CreateLoadBalancer",
            json!({ "Name": "shop", "Subnets": ids }),
            ("LoadBalancers", "LoadBalancerArn"),
        )
        .await;
        let listener = listen(&aws, &balancer, 80).await;
        let merged = merged(&json!({ "listener": listener, "host": "shop.example" }), &options);
        let node = node(&aws, &merged).unwrap();
        Self {
            cloud,
            aws,
            balancer,
            listener,
            vpc,
            adopts: false,
            protects: false,
            options: merged,
            node,
            told: Arc::default(),
        }
    }

    /// The same, deployed.
    pub(super) async fn deployed(options: Value) -> Self {
        let harness = Self::new(options).await;
        harness.apply().await.unwrap();
        harness
    }

    /// Begins another run with changed options; `null` removes one.
    pub(super) fn configure(&mut self, options: Value) {
        self.options = merged(&self.options, &options);
        self.node = node(&self.aws, &self.options).unwrap();
        self.told.begin_run();
    }

    /// Another node of the step, with changed options.
    pub(super) fn node_with(&self, options: &Value) -> Node {
        node(&self.aws, &merged(&self.options, options)).unwrap()
    }

    pub(super) fn context(&self) -> Context {
        self.context_of("shop", "steps.web")
    }

    pub(super) fn context_of(&self, stack: &str, step: &str) -> Context {
        let (stack, environment) = (Name::new(stack).unwrap(), Name::new("production").unwrap());
        let token = CancellationToken::new();
        let run = RunContext::new(stack, environment, token, self.told.clone(), self.told.kept());
        let context = Context::in_run(Arc::new(run), StepId::named(step));
        context.adopting(self.adopts).protecting(self.protects)
    }

    pub(super) async fn plan(&self) -> Result<StepPlan> {
        self.node.step.plan(&self.context(), &Inputs::default()).await
    }

    pub(super) async fn apply(&self) -> Result<Outputs> {
        let plan = self.plan().await?;
        self.node.step.apply(&self.context(), &Inputs::default(), &plan).await
    }

    pub(super) async fn action(&self) -> Action {
        self.plan().await.unwrap().action
    }

    pub(super) async fn plan_removal(&self) -> Result<StepPlan> {
        self.node.step.plan_removal(&self.context()).await
    }

    pub(super) async fn remove(&self) -> Result<()> {
        self.node.step.remove(&self.context()).await
    }

    pub(super) async fn undo(&self, plan: &StepPlan) -> Result<()> {
        self.node.step.undo(&self.context().undoing(), plan).await
    }

    /// Plans with the outputs of other steps that `from` has.
    pub(super) async fn plan_with(&self, from: &[(&str, &str)]) -> Result<StepPlan> {
        let known = from.iter().map(|(name, value)| ((*name).to_owned(), Known::Value((*value).to_owned())));
        self.node.step.plan(&self.context(), &known.collect()).await
    }

    pub(super) async fn call(&self, operation: &'static str, input: Value) -> Element {
        self.aws.elbv2().await.unwrap().call(operation, input).await.unwrap()
    }

    /// The fields of the target group, as people read them: of its rule, too.
    pub(super) async fn there(&self) -> Option<Element> {
        let groups = self.call("DescribeTargetGroups", json!({})).await;
        groups.items("TargetGroups").find(|group| group.text_of("TargetGroupName") == Some(NAME)).cloned()
    }

    pub(super) async fn group(&self) -> String {
        self.there().await.unwrap().text_of("TargetGroupArn").unwrap().to_owned()
    }

    /// The rules of the listener, without the default one.
    pub(super) async fn rules(&self) -> Vec<Element> {
        let rules = self.call("DescribeRules", json!({ "ListenerArn": self.listener })).await;
        let rules = rules.items("Rules").filter(|rule| rule.text_of("Priority") != Some("default"));
        rules.cloned().collect()
    }

    pub(super) async fn rule(&self) -> String {
        self.rules().await[0].text_of("RuleArn").unwrap().to_owned()
    }

    pub(super) async fn listen(&self, port: u16) -> String {
        listen(&self.aws, &self.balancer, port).await
    }

    /// A rule of others that forwards to a group.
    pub(super) async fn others_rule(&self, priority: u32, group: &str) -> String {
        let input = json!({
            "ListenerArn": self.listener,
            "Priority": priority,
            "Conditions": [{ "Field": "path-pattern", "Values": ["/others"] }],
            "Actions": [{ "Type": "forward", "TargetGroupArn": group }],
        });
        first(&self.aws, "CreateRule", input, ("Rules", "RuleArn")).await
    }

    /// A target group of others.
    pub(super) async fn others_group(&self, name: &str) -> String {
        let input = json!({
            "Name": name, "Protocol": "HTTP", "Port": 80, "TargetType": "ip", "VpcId": self.vpc,
        });
        first(&self.aws, "CreateTargetGroup", input, ("TargetGroups", "TargetGroupArn")).await
    }

    /// Lets `times` calls of `operation` go wrong.
    pub(super) fn fault(&self, operation: &str, times: u32, effect: Effect) {
        let operation = format!("elasticloadbalancing:{operation}");
        self.cloud.inject(Fault { operation, after: 0, times, effect });
    }

    pub(super) fn refuse(&self, operation: &str, code: &str, message: &str) {
        self.fault(operation, 1, Effect::Refuse(ApiError::new(code, message)));
    }
}

async fn first(aws: &Aws, operation: &'static str, input: Value, (list, arn): (&str, &str)) -> String {
    let made = aws.elbv2().await.unwrap().call(operation, input).await.unwrap();
    made.items(list).next().unwrap().text_of(arn).unwrap().to_owned()
}

async fn listen(aws: &Aws, balancer: &str, port: u16) -> String {
    let input = json!({
        "LoadBalancerArn": balancer,
        "Protocol": "HTTP",
        "Port": port,
        "DefaultActions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } }],
    });
    first(aws, "CreateListener", input, ("Listeners", "ListenerArn")).await
}

fn merged(base: &Value, changes: &Value) -> Value {
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
