//! A simulated cloud with a private image, its secret and its role, and a small engine.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_ecs::types::Tag;
use aws_smithy_async::time::{SharedTimeSource, StaticTimeSource};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use longshore_aws::{Aws, Embedded, Target};
use longshore_model::{
    Action, ExecutionRole, Failure, Inputs, Known, Name, Options, Outputs, Platform, Plugin, Problem,
    Service as OfStack, ServiceStatus, StepId, StepPlan,
};
use longshore_plugin::{Context, Kept, Node, PullCheck, Reporter, RunContext, ServiceDeployer, Step, Wires};
use longshore_simcloud::{Blueprint, Cloud, Moment, TokioClock};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    aws_fields::AwsFields,
    check::check,
    declaration::{Container, Deployment, ImageUpdates, LaunchType, LogRemoval, Logs, Network, Service},
    deployer::EcsDeployer,
    render::Declared,
};

/// 2026-11-23T00:00:00Z
const START: Moment = Moment(1_795_392_000_000);
const TOKEN: &str = "ghp_token-of-the-simulation";

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A service and the options of its deployer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seed {
    service: Service,
    pub(super) options: Options,
}

impl Seed {
    pub(super) fn service(&self) -> &Service {
        &self.service
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Service)) -> Self {
        change(&mut self.service);
        self
    }
}

impl Deref for Seed {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl DerefMut for Seed {
    fn deref_mut(&mut self) -> &mut Service {
        &mut self.service
    }
}

/// The service of the seed: one private image, 768 MiB, two tasks, one port.
pub(crate) fn seed() -> Seed {
    let container = Container {
        image: "ghcr.io/acme/api:1".parse().unwrap(),
        image_updates: ImageUpdates::Redeploy,
        registry: Some(name("ghcr")),
        cpu: None,
        memory: Some(768),
        ports: [(name("http"), 8098)].into(),
        environment: BTreeMap::new(),
        secrets: BTreeMap::new(),
        command: None,
        essential: true,
    };
    let service = Service {
        cluster: "main".into(),
        name: "api".into(),
        desired_count: Some(2),
        launch_type: LaunchType::Fargate,
        platform: Platform::default(),
        size: None,
        containers: [(name("api"), container)].into(),
        network: Network::default(),
        task_role: None,
        execute_command: false,
        logs: Some(Logs { group: None, retention_days: 30, removal: LogRemoval::Delete }),
        load_balancer: None,
        deployment: Deployment::default(),
    };
    Seed { service, options: Options::default() }
}

/// As the stack declares a service of this cluster and name with `options`, and with the image of the seed.
pub(super) fn of_stack(cluster: &str, service: &str, registry: &str, options: Options) -> OfStack {
    let container = longshore_model::Container {
        image: "ghcr.io/acme/api:1".parse().unwrap(),
        registry: Some(name(registry)),
        secrets: BTreeMap::new(),
    };
    OfStack {
        deployer: Plugin { name: "ecs".into(), options },
        cluster: cluster.into(),
        name: service.into(),
        containers: [(name("api"), container)].into(),
        execution_role: ExecutionRole {
            builder: Plugin::default(),
            name: None,
            managed_policies: BTreeMap::new(),
        },
        load_balancer: None,
        after: Vec::new(),
        tags: BTreeMap::new(),
        protect: false,
    }
}

/// The seed with its container changed.
pub(super) fn seed_with(change: impl FnOnce(&mut Container)) -> Seed {
    seed().with(|service| change(service.containers.get_mut(&name("api")).unwrap()))
}

pub(super) fn wires() -> Wires {
    Wires {
        after: Vec::new(),
        stack: name("shop"),
        role: StepId::new("role", "api"),
        secrets: [(name("ghcr"), StepId::new("credential", "ghcr"))].into(),
        variables: BTreeMap::new(),
        images: BTreeMap::new(),
    }
}

/// Keeps what steps tell.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Reporter for Told {
    fn progress(&self, _: &StepId, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }

    fn warning(&self, _: &StepId, message: &str) {
        self.0.lock().unwrap().push(format!("warning: {message}"));
    }
}

/// The plans of a run, in the order of the steps, and the values that the steps keep in it.
pub(super) struct Plans(pub(super) Vec<(Node, StepPlan)>, pub(super) Kept);

impl Plans {
    pub(super) fn of(&self, step: &str) -> &StepPlan {
        &self.0.iter().find(|(node, _)| node.id.as_str() == step).unwrap().1
    }

    pub(super) fn actions(&self) -> Vec<(String, Action)> {
        self.0.iter().map(|(node, plan)| (node.id.to_string(), plan.action)).collect()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.0.iter().all(|(_, plan)| !plan.is_change())
    }

    /// Everything that a person would see.
    pub(super) fn shown(&self) -> String {
        let mut lines = Vec::new();
        for (_, plan) in &self.0 {
            let reason = plan.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            lines.push(format!("{} {}{reason} effect {:?}", plan.action, plan.resource, plan.effect));
            for change in &plan.changes {
                let side = |side: &Option<longshore_model::Shown>| {
                    side.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
                };
                lines.push(format!("  {}: {} → {}", change.field, side(&change.old), side(&change.new)));
            }
            lines.extend(plan.notes.iter().map(|note| format!("  note: {note}")));
        }
        lines.join("\n")
    }
}

pub(super) struct Bench {
    pub(super) cloud: Cloud,
    pub(super) aws: Aws,
    pub(super) interrupt: CancellationToken,
    pub(super) role: String,
    pub(super) secret: String,
    pub(super) stack: Name,
    pub(super) environment: Name,
    /// True if resources without an owner are adopted.
    pub(super) adopts: bool,
    /// The digests of images, by the outputs of the steps that would find them.
    digests: Mutex<BTreeMap<String, String>>,
    told: Arc<Told>,
}

impl Bench {
    /// A cloud in which the seed's image can be pulled.
    pub(super) async fn new() -> Self {
        let cloud = cloud();
        let mut bench = Self::empty(cloud.clone(), connect(&cloud));
        let value = json!({ "username": "octocat", "password": TOKEN }).to_string();
        let secrets = bench.aws.secretsmanager().await.unwrap();
        let created =
            secrets.create_secret().name("longshore/shop/ghcr/pull").secret_string(value).send().await;
        bench.secret = created.unwrap().arn.unwrap();
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "ecs-tasks.amazonaws.com" },
        }] });
        let iam = bench.aws.iam().await.unwrap();
        let created = iam.create_role().role_name("shop-api").assume_role_policy_document(trust.to_string());
        bench.role = created.send().await.unwrap().role.unwrap().arn;
        bench.allow(&[("secretsmanager:GetSecretValue", &bench.secret), ("logs:*", "*")]).await;
        bench
    }

    /// The same, when IAM has told everybody of the role.
    pub(super) async fn settled() -> Self {
        let bench = Self::new().await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        bench
    }

    pub(super) fn empty(cloud: Cloud, aws: Aws) -> Self {
        Self {
            cloud,
            aws,
            interrupt: CancellationToken::new(),
            role: "arn:aws:iam::123456789012:role/shop-api".to_owned(),
            secret: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:longshore/shop/ghcr/pull-AbCdEf"
                .to_owned(),
            stack: name("shop"),
            environment: name("production"),
            adopts: false,
            digests: Mutex::default(),
            told: Arc::default(),
        }
    }

    /// Replaces the role's policy.
    pub(super) async fn allow(&self, statements: &[(&str, &str)]) {
        let statements: Vec<Value> = statements
            .iter()
            .map(|(action, resource)| json!({ "Effect": "Allow", "Action": action, "Resource": resource }))
            .collect();
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let iam = self.aws.iam().await.unwrap();
        let put = iam.put_role_policy().role_name("shop-api").policy_name("pull").policy_document(policy);
        put.send().await.unwrap();
    }

    pub(super) async fn write_secret(&self, value: &str) {
        let put = self.aws.secretsmanager().await.unwrap().put_secret_value().secret_id(&self.secret);
        put.secret_string(value).send().await.unwrap();
    }

    /// Pushes an image of this kind under the seed's tag, and returns its digest.
    pub(super) async fn push(&self, image: Value) -> String {
        let pushed = serde_json::from_value(json!({ "ghcr.io": {
            "users": { "octocat": { "password": TOKEN } },
            "repositories": { "acme/api": { "readers": ["octocat"], "tags": { "1": image } } },
        } }));
        let pushed = pushed.unwrap();
        let digest = self.cloud.edit(|world| {
            world.registries.apply(&pushed).unwrap();
            world.registries.digest("ghcr.io", "acme/api", "1").unwrap().to_owned()
        });
        let digest = digest.await;
        let output = <dyn PullCheck>::digests_output(&"ghcr.io/acme/api:1".parse().unwrap());
        self.digests.lock().unwrap().insert(output, digest.clone());
        digest
    }

    /// The digests that tasks run, each once.
    pub(super) async fn running(&self) -> Vec<String> {
        let ecs = self.aws.ecs().await.unwrap();
        let arns = ecs.list_tasks().cluster("main").send().await.unwrap().task_arns.unwrap();
        let tasks = ecs.describe_tasks().cluster("main").set_tasks(Some(arns)).send().await.unwrap();
        let containers = tasks.tasks().iter().flat_map(|task| task.containers());
        let mut digests: Vec<_> = containers.filter_map(|it| it.image_digest.clone()).collect();
        digests.dedup();
        digests
    }

    /// Protects what a plan is about, as a run with `protect = true` would.
    pub(super) async fn protect(&self, plan: &StepPlan) {
        let (kind, id) = plan.resource.rsplit_once(' ').unwrap();
        if kind == "log group" {
            let group = format!("arn:aws:logs:eu-central-1:123456789012:log-group:{id}");
            let logs = self.aws.cloudwatchlogs().await.unwrap();
            let tag = json!({ "resourceArn": group, "tags": { "longshore:protected": "true" } });
            logs.call("TagResource", tag).await.unwrap();
            return;
        }
        let arn = format!("arn:aws:ecs:eu-central-1:123456789012:{kind}/{id}");
        let tag = Tag::builder().key("longshore:protected").value("true").build();
        let ecs = self.aws.ecs().await.unwrap();
        ecs.tag_resource().resource_arn(arn).tags(tag).send().await.unwrap();
    }

    /// Makes a load balancer that forwards to a target group, and returns the group's ARN.
    pub(super) async fn target_group(&self) -> String {
        let subnets = self.aws.ec2().await.unwrap().call("DescribeSubnets", json!({})).await.unwrap();
        let subnets: Vec<_> = subnets.items("subnetSet").collect();
        let vpc = subnets[0].text_of("vpcId");
        let ids: Vec<_> = subnets.iter().map(|subnet| subnet.text_of("subnetId")).collect();
        let create = async |operation: &'static str, input: Value, list: &str, arn: &str| {
            let made = self.aws.elbv2().await.unwrap().call(operation, input).await.unwrap();
            made.items(list).next().unwrap().text_of(arn).unwrap().to_owned()
        };
        let input = json!({ "Name": "shop", "Subnets": ids });
        let balancer = create("CreateLoadBalancer", input, "LoadBalancers", "LoadBalancerArn").await;
        let input =
            json!({ "Name": "shop", "Protocol": "HTTP", "Port": 80, "TargetType": "ip", "VpcId": vpc });
        let group = create("CreateTargetGroup", input, "TargetGroups", "TargetGroupArn").await;
        let input = json!({
            "LoadBalancerArn": balancer,
            "Protocol": "HTTP",
            "Port": 80,
            "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group }],
        });
        create("CreateListener", input, "Listeners", "ListenerArn").await;
        group
    }

    pub(super) fn deployer(&self, service: &Seed) -> EcsDeployer {
        let fields = AwsFields::read(&service.options).unwrap();
        EcsDeployer { aws: self.aws.clone(), fields: Arc::new(fields) }
    }

    /// The context of a step in another run.
    pub(super) fn context(&self, step: &StepId) -> Context {
        self.context_in(&Kept::default(), step)
    }

    /// The context of a step in the run that keeps `kept`.
    pub(super) fn context_in(&self, kept: &Kept, step: &StepId) -> Context {
        let (stack, environment, token) =
            (self.stack.clone(), self.environment.clone(), self.interrupt.clone());
        let run = RunContext::new(stack, environment, token, self.told.clone(), kept.clone());
        Context::in_run(Arc::new(run), step.clone()).adopting(self.adopts)
    }

    pub(super) fn nodes(&self, service: &Seed) -> Vec<Node> {
        let known = self.digests.lock().unwrap();
        let images = service.containers.values().map(|container| container.image.clone());
        let images = images.filter(|image| known.contains_key(&<dyn PullCheck>::digests_output(image)));
        let images = images.map(|image| (image, StepId::new("image", "api"))).collect();
        let wires = Wires { stack: self.stack.clone(), images, ..wires() };
        self.steps(service, &wires).unwrap()
    }

    /// The problems for which the deployer refuses `service`.
    pub(super) fn refused(&self, service: &Seed) -> Vec<Problem> {
        let wires = Wires { stack: self.stack.clone(), ..wires() };
        self.steps(service, &wires).map(drop).unwrap_err()
    }

    fn steps(&self, service: &Seed, wires: &Wires) -> Result<Vec<Node>, Vec<Problem>> {
        let deployer = self.deployer(service);
        let applied = deployer.fields.applied(&name("api"), service.service.clone())?;
        deployer.steps(&name("api"), applied, wires)
    }

    pub(super) fn rollback(&self, service: &Seed, to: Option<&str>) -> Arc<dyn Step> {
        self.deployer(service).rollback_step(&self.stack, &name("api"), service.service.clone(), to)
    }

    pub(super) fn restart(&self, service: &Seed) -> Arc<dyn Step> {
        self.deployer(service).restart_step(&self.stack, &name("api"), service.service.clone())
    }

    /// The inputs of a step that depends on none of the service's own.
    pub(super) fn known(&self, node: &Node) -> Inputs {
        self.inputs(node, &BTreeMap::<StepId, ()>::new(), |(), _| Known::AfterApply)
    }

    /// The task definition of `service`, as it is registered.
    pub(super) fn rendered(&self, service: &Seed) -> Value {
        let fields = AwsFields::read(&service.options).unwrap();
        let service = fields.applied(&name("api"), service.service.clone()).unwrap();
        let size = check(&name("api"), &service, &AwsFields::default()).unwrap();
        let inputs: Inputs = [("role-arn", &self.role), ("secret.ghcr", &self.secret)]
            .map(|(name, value)| (name.to_owned(), Known::Value(value.clone())))
            .into_iter()
            .collect();
        let (family, region) = ("shop-api", "eu-central-1");
        Declared { family, service: &service, fields: &fields, size, region, inputs: &inputs }.render()
    }

    fn inputs<T>(
        &self,
        node: &Node,
        outputs: &BTreeMap<StepId, T>,
        find: impl Fn(&T, &str) -> Known,
    ) -> Inputs {
        let input = |from: &StepId, output: &str| match from.as_str() {
            "role.api" => Known::Value(self.role.clone()),
            "credential.ghcr" => Known::Value(self.secret.clone()),
            "image.api" => Known::Value(self.digests.lock().unwrap()[output].clone()),
            _ => find(&outputs[from], output),
        };
        node.inputs.iter().map(|wire| (wire.name.clone(), input(&wire.from, &wire.output))).collect()
    }

    pub(super) async fn plan(&self, service: &Seed) -> Result<Plans, Failure> {
        let (mut planned, kept) = (BTreeMap::<StepId, StepPlan>::new(), Kept::default());
        let mut plans = Vec::new();
        for node in self.nodes(service) {
            let find = |plan: &StepPlan, output: &str| {
                plan.outputs.get(output).cloned().unwrap_or(Known::AfterApply)
            };
            let inputs = self.inputs(&node, &planned, find);
            let plan = node.step.plan(&self.context_in(&kept, &node.id), &inputs).await?;
            planned.insert(node.id.clone(), plan.clone());
            plans.push((node, plan));
        }
        Ok(Plans(plans, kept))
    }

    pub(super) async fn apply(&self, plans: &Plans) -> Result<BTreeMap<StepId, Outputs>, Failure> {
        let mut applied = BTreeMap::<StepId, Outputs>::new();
        for (node, plan) in &plans.0 {
            let inputs = self
                .inputs(node, &applied, |outputs: &Outputs, output| Known::Value(outputs[output].clone()));
            let outputs = if plan.is_change() {
                node.step.apply(&self.context_in(&plans.1, &node.id), &inputs, plan).await?
            } else {
                let known = plan.outputs.iter();
                known.map(|(name, known)| (name.clone(), known.value().unwrap().to_owned())).collect()
            };
            for output in &node.outputs {
                assert!(outputs.contains_key(&output.name), "{} yields {}", node.id, output.name);
            }
            applied.insert(node.id.clone(), outputs);
        }
        Ok(applied)
    }

    /// Plans and applies.
    pub(super) async fn deploy(&self, service: &Seed) -> Result<Plans, Failure> {
        let plans = self.plan(service).await?;
        self.apply(&plans).await?;
        Ok(plans)
    }

    /// Plans the removal of everything and removes it.
    pub(super) async fn destroy(&self, service: &Seed) -> Result<Plans, Failure> {
        let mut plans = Vec::new();
        for node in self.nodes(service) {
            let plan = node.step.plan_removal(&self.context(&node.id)).await?;
            plans.push((node, plan));
        }
        for (node, plan) in plans.iter().rev().filter(|(_, plan)| plan.is_change()) {
            assert_eq!(plan.action, Action::Delete);
            node.step.remove(&self.context(&node.id)).await?;
        }
        Ok(Plans(plans, Kept::default()))
    }

    pub(super) async fn status(&self, service: &Seed) -> ServiceStatus {
        let declared = of_stack(&service.cluster, &service.name, "ghcr", Options::default());
        self.deployer(service)
            .status(&self.context(&StepId::new("service", "api")), &name("api"), &declared)
            .await
            .unwrap()
    }

    /// Returns the steps' messages since the last call.
    pub(super) fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.0.lock().unwrap())
    }

    pub(super) fn calls(&self, operation: &str) -> u64 {
        self.cloud.calls().get(operation).copied().unwrap_or_default()
    }
}

pub(super) fn cloud() -> Cloud {
    let registries = serde_json::from_value(json!({ "ghcr.io": {
        "users": { "octocat": { "password": TOKEN } },
        "repositories": { "acme/api": { "readers": ["octocat"], "tags": {
            "1": {}, "2": {}, "arm": { "platforms": ["linux/arm64"], "index": true }, "crash": { "exits": 1 },
            "alarming": { "alarms": ["api-5xx"] },
        } } },
    } }));
    let blueprint = Blueprint { registries: registries.unwrap(), ..Blueprint::default() };
    Cloud::new(&blueprint, Arc::new(TokioClock::starting_at(START))).unwrap()
}

/// Clients that talk to `client` and nothing else, as to an emulator.
pub(crate) fn connect_to(client: SharedHttpClient) -> Aws {
    connect_at(Some("http://emulator.example.com"), client)
}

pub(super) fn connect(cloud: &Cloud) -> Aws {
    connect_at(None, SharedHttpClient::new(cloud.connector()))
}

fn connect_at(endpoint: Option<&str>, http_client: SharedHttpClient) -> Aws {
    let time_source = SharedTimeSource::new(StaticTimeSource::from_secs(START.0 / 1000));
    let (region, endpoint) = (Some("eu-central-1".to_owned()), endpoint.map(str::to_owned));
    let target = Target { region, endpoint, ..Target::default() };
    Aws::connect(target, Some(Embedded { http_client, time_source }))
}

/// A text without what differs from run to run: ids of at least eight digits or letters with digits.
pub(super) fn masked(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let mut masked = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if is_part(c) {
            word.push(c);
            continue;
        }
        let is_id = word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit()) && word != "123456789012";
        masked.push_str(if is_id { "*" } else { &word });
        word.clear();
        masked.push(c);
    }
    masked.truncate(masked.len() - 1);
    masked
}
