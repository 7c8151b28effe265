//! A step in a simulated cloud with its default VPC.

use std::sync::Arc;

use longshore_aws::{Aws, Embedded, Target, untyped::Element};
use longshore_model::{Action, Inputs, Known, Name, Options, Outputs, Plugin, Problem, StepId, StepPlan};
use longshore_plugin::{Context, Extensions, Node, Plugins, Result, RunContext, StepDeclaration, StepPlugin};
use longshore_simcloud::{Blueprint, Cloud, Effect, Fault, Moment, TokioClock};
use longshore_testkit::Told;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The name of the load balancer.
pub(super) const NAME: &str = "shop-front";

pub(super) struct Harness {
    pub(super) cloud: Cloud,
    pub(super) aws: Aws,
    pub(super) vpc: String,
    pub(super) subnets: Vec<String>,
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
    let options = Options { key: "steps.front".into(), ..Options::default() };
    let plugin = Plugin { name: "load-balancer".into(), options };
    plugins.step_plugin(&plugin, &Extensions::default().with(aws.clone())).unwrap()
}

/// The node of the step `front` of a stack with options.
pub(super) fn node_of(aws: &Aws, stack: &str, options: &Value) -> std::result::Result<Node, Vec<Problem>> {
    let name = |text: &str| Name::new(text).unwrap();
    let stack = longshore_testkit::stack(&name(stack));
    let values = options.as_object().unwrap().clone();
    let options = Options { key: "steps.front".into(), values, ..Options::default() };
    plugin(aws).node(&StepDeclaration { stack: &stack, name: &name("front"), options: &options })
}

fn node(aws: &Aws, options: &Value) -> Node {
    node_of(aws, "shop", options).unwrap()
}

/// The ARN of a certificate.
pub(super) fn certificate(id: u32) -> String {
    format!("arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-{id:012}")
}

impl Harness {
    /// A step in two subnets, with more options.
    pub(super) async fn new(options: Value) -> Self {
        let clock = Arc::new(TokioClock::starting_at(Moment(1_795_000_000_000)));
        let cloud = Cloud::new(&Blueprint::default(), clock).unwrap();
        let embedded = Embedded::new(cloud.connector(), cloud.clone());
        let target = Target { region: Some("eu-central-1".into()), ..Target::default() };
        let aws = Aws::connect(target, Some(embedded));
        let found = aws.ec2().await.unwrap().call("DescribeSubnets", json!({})).await.unwrap();
        let found: Vec<_> = found.items("subnetSet").collect();
        let vpc = found[0].text_of("vpcId").unwrap().to_owned();
        let subnets: Vec<_> =
            found.iter().map(|subnet| subnet.text_of("subnetId").unwrap().to_owned()).collect();
        let merged = merged(&json!({ "subnets": subnets[..2] }), &options);
        let node = node(&aws, &merged);
        let told = Arc::default();
        Self { cloud, aws, vpc, subnets, adopts: false, protects: false, options: merged, node, told }
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
        self.node = node(&self.aws, &self.options);
        self.told.begin_run();
    }

    /// Another node of the step, with changed options.
    pub(super) fn node_with(&self, options: &Value) -> Node {
        node(&self.aws, &merged(&self.options, options))
    }

    pub(super) fn context_of(&self, stack: &str, step: &str) -> Context {
        let (stack, environment) = (Name::new(stack).unwrap(), Name::new("production").unwrap());
        let token = CancellationToken::new();
        let run = RunContext::new(stack, environment, token, self.told.clone(), self.told.kept());
        let context = Context::in_run(Arc::new(run), StepId::named(step));
        context.adopting(self.adopts).protecting(self.protects)
    }

    fn context(&self) -> Context {
        self.context_of("shop", "steps.front")
    }

    pub(super) async fn plan(&self) -> Result<StepPlan> {
        self.node.step.plan(&self.context(), &Inputs::default()).await
    }

    pub(super) async fn plan_with(&self, from: &[(&str, &str)]) -> Result<StepPlan> {
        let known = from.iter().map(|(name, value)| ((*name).to_owned(), Known::Value((*value).to_owned())));
        self.node.step.plan(&self.context(), &known.collect()).await
    }

    pub(super) async fn apply(&self) -> Result<Outputs> {
        let plan = self.plan().await?;
        self.node.step.apply(&self.context(), &Inputs::default(), &plan).await
    }

    pub(super) async fn action(&self) -> Action {
        self.plan().await.unwrap().action
    }

    /// The fields that the plan changes.
    pub(super) async fn fields(&self) -> Vec<String> {
        self.plan().await.unwrap().changes.into_iter().map(|change| change.field).collect()
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

    pub(super) async fn elb(&self, operation: &'static str, input: Value) -> Element {
        self.aws.elbv2().await.unwrap().call(operation, input).await.unwrap()
    }

    pub(super) async fn ec2(&self, operation: &'static str, input: Value) -> Element {
        self.aws.ec2().await.unwrap().call(operation, input).await.unwrap()
    }

    /// The load balancer.
    pub(super) async fn there(&self) -> Option<Element> {
        let balancers = self.elb("DescribeLoadBalancers", json!({})).await;
        let mut balancers = balancers.items("LoadBalancers");
        balancers.find(|balancer| balancer.text_of("LoadBalancerName") == Some(NAME)).cloned()
    }

    pub(super) async fn arn(&self) -> String {
        self.there().await.unwrap().text_of("LoadBalancerArn").unwrap().to_owned()
    }

    /// The listeners, as `HTTP 80 fixed-response`, by port.
    pub(super) async fn listeners(&self) -> Vec<String> {
        let listeners = self.elb("DescribeListeners", json!({ "LoadBalancerArn": self.arn().await })).await;
        let mut shown: Vec<_> = listeners
            .items("Listeners")
            .map(|listener| {
                let text = |name| listener.text_of(name).unwrap();
                let action = listener.items("DefaultActions").next().unwrap().text_of("Type").unwrap();
                format!("{} {} {action}", text("Protocol"), text("Port"))
            })
            .collect();
        shown.sort();
        shown
    }

    /// The ARN of the listener on a port.
    pub(super) async fn listener_on(&self, port: &str) -> String {
        let listeners = self.elb("DescribeListeners", json!({ "LoadBalancerArn": self.arn().await })).await;
        let mut listeners = listeners.items("Listeners");
        let listener = listeners.find(|listener| listener.text_of("Port") == Some(port)).unwrap();
        listener.text_of("ListenerArn").unwrap().to_owned()
    }

    /// Names and ids of the security groups that the step has made.
    pub(super) async fn groups(&self) -> Vec<(String, String)> {
        let filter = json!({ "Filter": [{ "Name": "group-name", "Value": ["shop-front*"] }] });
        let groups = self.ec2("DescribeSecurityGroups", filter).await;
        let mut groups: Vec<_> = groups
            .items("securityGroupInfo")
            .map(|group| {
                let text = |name| group.text_of(name).unwrap().to_owned();
                (text("groupName"), text("groupId"))
            })
            .collect();
        groups.sort();
        groups
    }

    /// The id of the load balancer's own group.
    pub(super) async fn group(&self) -> String {
        self.groups().await[0].1.clone()
    }

    /// A group of others.
    pub(super) async fn others_group(&self, name: &str) -> String {
        let input = json!({ "GroupName": name, "GroupDescription": "x", "VpcId": self.vpc });
        self.ec2("CreateSecurityGroup", input).await.text_of("groupId").unwrap().to_owned()
    }

    /// A load balancer of others with the name of the step's.
    pub(super) async fn others_balancer(&self) -> String {
        let input = json!({ "Name": NAME, "Subnets": self.subnets[..2] });
        let made = self.elb("CreateLoadBalancer", input).await;
        made.items("LoadBalancers").next().unwrap().text_of("LoadBalancerArn").unwrap().to_owned()
    }

    /// A listener of others.
    pub(super) async fn others_listener(&self, port: u16) -> String {
        let answer = json!([{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "503" } }]);
        let arn = self.arn().await;
        let input =
            json!({ "LoadBalancerArn": arn, "Protocol": "HTTP", "Port": port, "DefaultActions": answer });
        let made = self.elb("CreateListener", input).await;
        made.items("Listeners").next().unwrap().text_of("ListenerArn").unwrap().to_owned()
    }

    /// Lets `times` calls of `operation`, such as `ec2:CreateSecurityGroup`, go wrong.
    pub(super) fn fault(&self, operation: &str, times: u32, effect: Effect) {
        self.cloud.inject(Fault { operation: operation.to_owned(), after: 0, times, effect });
    }
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
