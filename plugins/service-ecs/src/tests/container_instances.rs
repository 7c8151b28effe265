//! Services on container instances: daemons, and tasks with ports and places of their own.

use longshore_model::{Action, Effect, Options};
use serde_json::{Value, json};

use super::bench::{Bench, Seed, name, seed};
use crate::declaration::{LaunchType, TaskSize};

/// The seed on container instances, with AWS's fields.
fn on_instances(aws: Value) -> Seed {
    let mut service = seed();
    service.launch_type = LaunchType::Ec2;
    service.size = Some(TaskSize { cpu: 256, memory: 768 });
    service.logs = None;
    service.options = Options {
        key: "services.api".to_owned(),
        values: json!({ "aws": aws }).as_object().unwrap().clone(),
        ..Options::default()
    };
    service
}

fn daemon(more: &Value) -> Seed {
    let mut of_service = json!({ "schedulingStrategy": "DAEMON" });
    of_service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut service =
        on_instances(json!({ "task-definition": { "networkMode": "host" }, "service": of_service }));
    service.desired_count = None;
    service
}

/// Registers a container instance with the cluster `main`.
async fn register_instance(bench: &Bench, number: u32) {
    let ecs = bench.aws.ecs().await.unwrap();
    ecs.create_cluster().cluster_name("main").send().await.unwrap();
    let identity = json!({ "instanceId": format!("i-{number:017}"), "availabilityZone": "eu-central-1a" });
    let resource = |name: &str, value: i32| {
        let resource = aws_sdk_ecs::types::Resource::builder().name(name).r#type("INTEGER");
        resource.integer_value(value).build()
    };
    let attribute = |name: &str| aws_sdk_ecs::types::Attribute::builder().name(name).build().unwrap();
    let call = ecs.register_container_instance().cluster("main");
    let call = call.instance_identity_document(identity.to_string());
    let call = call.total_resources(resource("CPU", 2048)).total_resources(resource("MEMORY", 4096));
    let call = call.attributes(attribute("com.amazonaws.ecs.capability.docker-remote-api.1.18"));
    let call = call.attributes(attribute("ecs.capability.private-registry-authentication.secretsmanager"));
    call.send().await.unwrap();
}

async fn with_instances(count: u32) -> Bench {
    let bench = Bench::settled().await;
    for number in 0..count {
        register_instance(&bench, number).await;
    }
    bench
}

async fn counts(bench: &Bench, service: &Seed) -> [u32; 2] {
    let status = bench.status(service).await;
    [status.desired, status.running]
}

#[tokio::test(start_paused = true)]
async fn daemon_runs_on_each_instance() {
    let bench = with_instances(2).await;
    let service = daemon(&json!({}));
    let plans = bench.deploy(&service).await.unwrap();
    let created: Vec<_> = plans.of("service.api").changes.iter().map(|it| it.field.as_str()).collect();
    assert!(created.contains(&"schedulingStrategy") && !created.contains(&"desiredCount"), "{created:?}");
    assert_eq!(counts(&bench, &service).await, [2, 2]);
    assert!(bench.plan(&service).await.unwrap().is_quiet());

    register_instance(&bench, 2).await;
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    assert_eq!(counts(&bench, &service).await, [3, 3]);
    let plans = bench.plan(&service).await.unwrap();
    assert!(plans.is_quiet(), "{}", plans.shown());

    let mut changed = service.clone();
    changed.containers.get_mut(&name("api")).unwrap().image = "ghcr.io/acme/api:2".parse().unwrap();
    let plans = bench.deploy(&changed).await.unwrap();
    assert_eq!(plans.of("service.api").effect, Effect::RollingUpdate);
    assert_eq!(counts(&bench, &changed).await, [3, 3]);
    assert!(bench.plan(&changed).await.unwrap().is_quiet());
    bench.destroy(&changed).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn plan_notes_a_cluster_without_instances() {
    let bench = Bench::settled().await;
    let service = daemon(&json!({}));
    let note = "no container instance is registered with the cluster main: tasks start when one is";
    assert_eq!(bench.plan(&service).await.unwrap().of("service.api").notes.join("\n"), note);
    let bench = with_instances(1).await;
    assert!(bench.plan(&service).await.unwrap().of("service.api").notes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn daemon_that_cannot_start_is_explained() {
    let bench = with_instances(1).await;
    let mut service = daemon(&json!({}));
    service.size = Some(TaskSize { cpu: 4096, memory: 1024 });
    let failure = bench.deploy(&service).await.map(drop).unwrap_err();
    assert!(failure.message.contains("has insufficient CPU units available"), "{failure}");
    assert!(failure.help.as_ref().is_some_and(|help| help.contains("has room")), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn daemon_settings_that_contradict_are_refused() {
    let bench = Bench::settled().await;
    let mut service = daemon(&json!({ "placementStrategy": [{ "type": "random" }] }));
    service.desired_count = Some(2);
    service.deployment.maximum_percent = 150;
    service.options.taken = json!({
        "deployment": { "maximum-percent": 150, "minimum-healthy-percent": 100 },
    })
    .as_object()
    .unwrap()
    .clone();
    let mut problems = bench.refused(&service);
    let mut on_fargate = daemon(&json!({}));
    on_fargate.launch_type = LaunchType::Fargate;
    problems.extend(bench.refused(&on_fargate));
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn another_scheduling_strategy_replaces_the_service() {
    let bench = with_instances(2).await;
    let daemon = daemon(&json!({}));
    bench.deploy(&daemon).await.unwrap();
    let mut replica = on_instances(json!({ "task-definition": { "networkMode": "host" } }));
    replica.desired_count = Some(1);
    let refused = bench.plan(&replica).await.map(drop).unwrap_err();
    assert!(refused.message.contains("schedulingStrategy"), "{refused}");
    replica.options.values.insert("replace".to_owned(), true.into());
    let plans = bench.deploy(&replica).await.unwrap();
    assert_eq!(plans.of("service.api").action, Action::Replace);
    assert!(bench.plan(&replica).await.unwrap().is_quiet());
    assert_eq!(counts(&bench, &replica).await, [1, 1]);

    let mut back = daemon;
    back.options.values.insert("replace".to_owned(), true.into());
    let plans = bench.deploy(&back).await.unwrap();
    assert_eq!(plans.of("service.api").action, Action::Replace);
    assert_eq!(counts(&bench, &back).await, [2, 2]);
}

#[tokio::test(start_paused = true)]
async fn placement_is_compared_and_changed() {
    let bench = with_instances(2).await;
    let placed = |expression: &str, field: &str| {
        on_instances(json!({
            "task-definition": { "networkMode": "bridge" },
            "service": {
                "placementConstraints": [{ "type": "memberOf", "expression": expression }],
                "placementStrategy": [{ "type": "binpack", "field": field }],
            },
        }))
    };
    let linux = "attribute:ecs.os-type == linux";
    let before = placed(linux, "memory");
    bench.deploy(&before).await.unwrap();
    assert!(bench.plan(&before).await.unwrap().is_quiet());
    for after in [placed("attribute:ecs.os-type exists", "memory"), placed(linux, "cpu")] {
        let changes = bench.plan(&after).await.unwrap().of("service.api").changes.clone();
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert!(changes[0].field.starts_with("placement"), "{changes:?}");
        bench.deploy(&after).await.unwrap();
        assert!(bench.plan(&after).await.unwrap().is_quiet());
        bench.deploy(&before).await.unwrap();
    }
    let ecs = bench.aws.ecs().await.unwrap();
    let arns = ecs.list_tasks().cluster("main").send().await.unwrap().task_arns.unwrap();
    let tasks = ecs.describe_tasks().cluster("main").set_tasks(Some(arns)).send().await.unwrap();
    let containers = tasks.tasks().iter().flat_map(|task| task.containers());
    let mut ports: Vec<_> =
        containers.flat_map(|it| it.network_bindings()).filter_map(|it| it.host_port).collect();
    ports.sort_unstable();
    assert_eq!(ports, [32768, 32769], "both tasks are on one instance");
}
