//! Every member of a task definition that AWS's model has: declared, registered, recognised, changed, and changed by hand.

use longshore_aws_shapes::{Model, Shape};
use longshore_model::{Action, Options, StepPlan};
use longshore_plugin::Node;
use serde_json::{Map, Value, json};

use super::bench::{Bench, Seed, name, seed};
use crate::declaration::{LaunchType, TaskSize};
use crate::{aws_fields::AwsFields, fields::shape, render::registration};

/// Members that a short word or Longshore itself sets, or that the simulated cloud judges by more than their shape.
const OTHERS: [&str; 10] = [
    "proxyConfiguration",
    "containerDefinitions",
    "cpu",
    "executionRoleArn",
    "family",
    "memory",
    "requiresCompatibilities",
    "tags",
    "taskRoleArn",
    "networkMode",
];
const OTHERS_OF_CONTAINERS: [&str; 9] = [
    "cpu",
    "dependsOn",
    "healthCheck",
    "image",
    "memory",
    "memoryReservation",
    "name",
    "repositoryCredentials",
    "secrets",
];

/// The volumes and the other container that the generated values name.
const NAMED: [&str; 2] = ["text-0", "text-1"];

/// The same of services; the last ones need a semantics that the simulated cloud does not play.
const OTHERS_OF_SERVICES: [&str; 21] = [
    "clientToken",
    "cluster",
    "desiredCount",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "launchType",
    "networkConfiguration",
    "platformVersion",
    "propagateTags",
    "serviceName",
    "tags",
    "taskDefinition",
    "capacityProviderStrategy",
    "deploymentConfiguration",
    "deploymentController",
    "healthCheckGracePeriodSeconds",
    "loadBalancers",
    "placementConstraints",
    "placementStrategy",
    "role",
    "schedulingStrategy",
];

/// A member, and the values that declare it before and after a change.
struct Case {
    path: Vec<String>,
    before: Value,
    after: Value,
}

/// A value of the shape; another one for another `variant`.
fn value(shape: Shape<'_>, variant: usize) -> Value {
    if let Some(choice) = shape.values().iter().rev().cycle().nth(variant) {
        return json!(choice);
    }
    match shape.kind() {
        "true or false" => json!(variant == 0),
        "a whole number" => json!(23 + variant),
        "a number" => json!(17.5 + variant as f64),
        "a text" => json!(format!("text-{variant}")),
        "a table" if shape.item().is_some() => json!({ "entry": value(shape.item().unwrap(), variant) }),
        "a table" => required(shape, variant),
        "a value" => json!({ "entry": variant }),
        _ => json!([value(shape.item().unwrap(), variant)]),
    }
}

/// A structure with no more than AWS requires, and the members by which a list tells its items apart.
fn required(shape: Shape<'_>, variant: usize) -> Value {
    let members = shape.members().filter(|member| member.is_required);
    members.map(|member| (member.name.to_owned(), value(member.shape, variant))).collect::<Map<_, _>>().into()
}

/// The cases of everything in `shape`, of which `wrap` makes the whole value.
fn cases(shape: Shape<'_>, path: &[String], wrap: &dyn Fn(Value) -> Value, found: &mut Vec<Case>) {
    let item = shape.item();
    let is_structure = |shape: &Shape<'_>| shape.members().next().is_some();
    if let Some(item) = item.filter(is_structure) {
        let key = shape.key();
        let is_pair = shape.value().is_some();
        let at = [path, &["item".to_owned()]].concat();
        let wrap_item = |value: Value| {
            let mut value = value;
            if let Some(key) = key {
                let of_key = item.member(key).unwrap().shape;
                value.as_object_mut().unwrap().entry(key).or_insert_with(|| self::value(of_key, 0));
            }
            if item.name() == "PortMapping" && value.get("containerPortRange").is_none() {
                value.as_object_mut().unwrap().entry("containerPort").or_insert(json!(80));
            }
            if item.name() == "MountPoint" {
                value.as_object_mut().unwrap().entry("sourceVolume").or_insert(json!(NAMED[0]));
            }
            if item.name() == "TaskDefinitionPlacementConstraint" {
                value["type"] = json!("memberOf");
            }
            wrap(json!([value]))
        };
        for member in item.members().filter(|member| Some(member.name) != key) {
            let base = required(item, 0);
            let wrap_member = |value: Value| {
                let mut base = base.clone();
                base[member.name] = value;
                wrap_item(base)
            };
            let at = if is_pair { at.clone() } else { [&at[..], &[member.name.to_owned()]].concat() };
            cases(member.shape, &at, &wrap_member, found);
        }
        return;
    }
    if is_structure(&shape) {
        for member in shape.members() {
            let base = required(shape, 0);
            let wrap_member = |value: Value| {
                let mut base = base.clone();
                base[member.name] = value;
                wrap(base)
            };
            cases(member.shape, &[path, &[member.name.to_owned()]].concat(), &wrap_member, found);
        }
        return;
    }
    let [before, after] = [0, 1].map(|variant| match path.last().map(String::as_str) {
        Some("expression") => wrap(json!(format!("attribute:stage == text-{variant}"))),
        _ => wrap(value(shape, variant)),
    });
    // An enumeration may have one text only.
    if before != after {
        found.push(Case { path: path.to_vec(), before, after });
    }
}

/// All cases of a structure, by the names of its members.
fn all(shape: Shape<'_>, others: &[&str]) -> Vec<(String, Case)> {
    let mut all = Vec::new();
    for member in shape.members().filter(|member| !others.contains(&member.name)) {
        let mut found = Vec::new();
        cases(member.shape, &[member.name.to_owned()], &|value| value, &mut found);
        all.extend(found.into_iter().map(|case| (member.name.to_owned(), case)));
    }
    all
}

/// A service on container instances, which take everything, with `fields` in the table `aws.TABLE`.
fn declaring(table: &str, member: &str, fields: &Value) -> Seed {
    let mut service = seed();
    service.launch_type = LaunchType::Ec2;
    service.size = Some(TaskSize { cpu: 1024, memory: 4096 });
    service.logs = None;
    service.containers.values_mut().for_each(|container| container.ports.clear());
    let mut side = service.containers[&name("api")].clone();
    side.registry = None;
    service.containers.insert(name(NAMED[0]), side);
    let aws = match table {
        "task-definition" | "service" => json!({ "aws": { table: { member: fields } } }),
        // In others than `bridge`, the ports of the host are those of the container.
        _ => json!({
            "aws": { "task-definition": {
                "networkMode": "bridge",
                "volumes": NAMED.map(|name| json!({ "name": name })),
            } },
            "containers": { "api": { "aws": { member: fields } } },
        }),
    };
    service.options = Options {
        key: "services.api".to_owned(),
        values: aws.as_object().unwrap().clone(),
        ..Options::default()
    };
    service
}

/// Plans the task definition alone.
async fn plan(bench: &Bench, service: &Seed) -> (Node, StepPlan) {
    let mut nodes = bench.nodes(service).into_iter();
    let node = nodes.find(|node| node.id.as_str() == "task-definition.api").unwrap();
    let plan = node.step.plan(&bench.context(&node.id), &bench.known(&node)).await;
    let plan = plan.unwrap_or_else(|failure| panic!("{:?}: {failure}", service.options));
    (node, plan)
}

async fn register(bench: &Bench, service: &Seed) {
    let (node, plan) = plan(bench, service).await;
    let applied = node.step.apply(&bench.context(&node.id), &bench.known(&node), &plan).await;
    applied.unwrap_or_else(|failure| panic!("{:?}: {failure}", service.options));
}

/// The definition of `service` registered by another client, with the stack's tags.
async fn register_by_hand(bench: &Bench, service: &Seed) {
    let ecs = bench.aws.ecs().await.unwrap();
    let newest = ecs.describe_task_definition().task_definition("shop-api").include("TAGS".into());
    let tags = newest.send().await.unwrap().tags.unwrap();
    let definition = bench.rendered(service);
    let call = ecs.register_task_definition().family("shop-api").set_container_definitions(Some(Vec::new()));
    let request = registration(&definition, &tags);
    call.customize().interceptor(request).send().await.unwrap();
}

async fn follow(bench: &Bench, table: &str, member: &str, case: &Case) {
    let [before, after] = [&case.before, &case.after].map(|fields| declaring(table, member, fields));
    let shown = format!("{table}.{}: {} → {}", case.path.join("."), case.before, case.after);
    register(bench, &before).await;
    let unchanged = plan(bench, &before).await.1;
    assert_eq!(unchanged.action, Action::NoChange, "{shown}: {:#?}", unchanged.changes);

    let changed = plan(bench, &after).await.1;
    let fields: Vec<_> = changed.changes.iter().map(|change| change.field.as_str()).collect();
    assert!(fields.len() == 1 && fields[0].contains(member), "{shown}: {fields:?}");

    register_by_hand(bench, &after).await;
    let drifted = plan(bench, &before).await.1;
    let back: Vec<_> = drifted.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(back, fields, "{shown}");
    assert_eq!(drifted.changes[0].old, changed.changes[0].new, "{shown}");
}

#[tokio::test(start_paused = true)]
async fn every_member_of_a_definition_is_followed() {
    let bench = Bench::settled().await;
    let all = all(shape(), &OTHERS);
    assert!(all.len() > 25, "{}", all.len());
    for (member, case) in &all {
        follow(&bench, "task-definition", member, case).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_member_of_a_container_is_followed() {
    let bench = Bench::settled().await;
    let all = all(Model::ecs().shape("ContainerDefinition").unwrap(), &OTHERS_OF_CONTAINERS);
    assert!(all.len() > 50, "{}", all.len());
    for (member, case) in &all {
        follow(&bench, "container", member, case).await;
    }
}

#[tokio::test(start_paused = true)]
async fn members_that_name_others_are_followed() {
    let bench = Bench::settled().await;
    let check = |retries: u32| json!({ "command": ["CMD", "check"], "retries": retries });
    for (table, member, before, after) in [
        (
            "task-definition",
            "proxyConfiguration",
            json!({ "containerName": "api" }),
            json!({ "containerName": NAMED[0] }),
        ),
        ("container", "healthCheck", check(2), check(3)),
    ] {
        let case = Case { path: vec![member.to_owned()], before, after };
        follow(&bench, table, member, &case).await;
    }
}

/// The seed with `fields` in the table `aws.service`.
fn with_service_fields(fields: &Value) -> Seed {
    let mut service = seed();
    service.deployment.minimum_healthy_percent = 50;
    let values = json!({ "aws": { "service": fields } }).as_object().unwrap().clone();
    service.options = Options { key: "services.api".to_owned(), values, ..Options::default() };
    service
}

/// Follows the only member that differs between two tables of a service.
async fn follow_of_service(bench: &Bench, path: &str, tables: [&Value; 2]) {
    let [before, after] = tables.map(with_service_fields);
    let shown = format!("{path}: {} → {}", tables[0], tables[1]);
    bench.deploy(&before).await.unwrap_or_else(|failure| panic!("{shown}: {failure}"));
    let unchanged = bench.plan(&before).await.unwrap();
    assert!(unchanged.is_quiet(), "{shown}: {}", unchanged.shown());

    let fields_of = |plans: &super::bench::Plans| -> Vec<String> {
        let changes = &plans.of("service.api").changes;
        changes.iter().map(|change| change.field.clone()).collect()
    };
    let changed = bench.plan(&after).await.unwrap();
    let fields = fields_of(&changed);
    assert!(fields.len() == 1 && fields[0].contains(path), "{shown}: {fields:?}");

    let ecs = bench.aws.ecs().await.unwrap();
    let declared = AwsFields::read(&after.options).unwrap();
    let mut by_hand = declared.service().clone();
    if let Some(breaker) =
        by_hand.get_mut("deploymentConfiguration").and_then(|it| it.get_mut("deploymentCircuitBreaker"))
    {
        // AWS requires what short words declare.
        breaker["enable"] = true.into();
        breaker["rollback"] = true.into();
    }
    let by_hand = longshore_aws::JsonRequest(by_hand);
    let call = ecs.update_service().cluster("main").service("api").customize().interceptor(by_hand);
    call.send().await.unwrap_or_else(|failure| panic!("{shown}: {failure:?}"));
    let unchanged = bench.plan(&after).await.unwrap();
    assert!(unchanged.of("service.api").changes.is_empty(), "{shown}: {}", unchanged.shown());
    let drifted = bench.plan(&before).await.unwrap();
    assert_eq!(fields_of(&drifted), fields, "{shown}");
}

#[tokio::test(start_paused = true)]
async fn every_member_of_a_service_is_followed() {
    let bench = Bench::settled().await;
    let all = all(crate::fields::input("CreateService"), &OTHERS_OF_SERVICES);
    assert!(all.len() > 50, "{}", all.len());
    for (member, case) in &all {
        let [before, after] = [&case.before, &case.after].map(|fields| json!({ member: fields }));
        follow_of_service(&bench, member, [&before, &after]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn members_with_rules_of_their_own_are_followed() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let ecs = bench.aws.ecs().await.unwrap();
    let providers = ecs.put_cluster_capacity_providers().cluster("main").capacity_providers("FARGATE");
    providers.set_default_capacity_provider_strategy(Some(Vec::new())).send().await.unwrap();
    let balancer = json!([{ "targetGroupArn": bench.target_group().await, "containerName": "api", "containerPort": 8098 }]);
    let rollout = |member: &str, value: Value| json!({ "deploymentConfiguration": { member: value } });
    let alarms = |names: [&str; 1], enable: bool, rollback: bool| {
        rollout("alarms", json!({ "alarmNames": names, "enable": enable, "rollback": rollback }))
    };
    let breaker = |kind: &str, value: u32, reset: bool| {
        let threshold = json!({ "type": kind, "value": value });
        let breaker = json!({ "thresholdConfiguration": threshold, "resetOnHealthyTask": reset });
        rollout("deploymentCircuitBreaker", breaker)
    };
    let early = |percent: u32, cleanup: &str| {
        let criteria =
            json!({ "enable": true, "healthyPercent": percent, "sourceServiceRevisionCleanup": cleanup });
        rollout("earlySuccessCriteria", criteria)
    };
    let balanced =
        |seconds: u32| json!({ "loadBalancers": balancer, "healthCheckGracePeriodSeconds": seconds });
    let provider = |weight: u32| json!({ "capacityProviderStrategy": [{ "capacityProvider": "FARGATE", "weight": weight }] });
    for (path, before, after) in [
        (
            "enableECSManagedTags",
            json!({ "enableECSManagedTags": false }),
            json!({ "enableECSManagedTags": true }),
        ),
        (
            "propagateTags",
            json!({ "propagateTags": "TASK_DEFINITION" }),
            json!({ "propagateTags": "SERVICE" }),
        ),
        ("platformVersion", json!({ "platformVersion": "1.4.0" }), json!({ "platformVersion": "1.3.0" })),
        ("alarms.alarmNames", alarms(["5xx"], true, true), alarms(["4xx"], true, true)),
        ("alarms.enable", alarms(["5xx"], true, true), alarms(["5xx"], false, true)),
        ("alarms.rollback", alarms(["5xx"], true, true), alarms(["5xx"], true, false)),
        ("thresholdConfiguration.value", breaker("COUNT", 5, true), breaker("COUNT", 6, true)),
        ("thresholdConfiguration.type", breaker("COUNT", 50, true), breaker("BOUNDED_PERCENT", 50, true)),
        ("resetOnHealthyTask", breaker("COUNT", 5, true), breaker("COUNT", 5, false)),
        ("earlySuccessCriteria.healthyPercent", early(50, "BLOCKING"), early(60, "BLOCKING")),
        ("sourceServiceRevisionCleanup", early(50, "BLOCKING"), early(50, "DEFERRED")),
        ("healthCheckGracePeriodSeconds", balanced(30), balanced(60)),
        ("capacityProviderStrategy", provider(1), provider(2)),
    ] {
        follow_of_service(&bench, path, [&before, &after]).await;
    }
}
