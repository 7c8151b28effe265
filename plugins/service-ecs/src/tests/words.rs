//! The short words of a service: how they are read, and what is wrong with them.

use longshore_model::{Architecture, Name, Options, Plugin, Problem, Reference, Text};
use serde_json::{Value, json};

use super::bench::of_stack;
use crate::{
    aws_fields::AwsFields,
    declaration::{ImageUpdates, LaunchType, LoadBalancer, Service, defaults},
};

const TOKEN: &str = "ghp_R1ght0123456789abcdefghijklmnopqrstuv";

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn options(values: &Value) -> Options {
    let values = values.as_object().unwrap().clone();
    Options { key: "services.api".to_owned(), values, ..Options::default() }
}

/// The service with the containers `containers`, or else with itself as its container.
fn declared(values: &Value) -> Result<Service, Vec<Problem>> {
    let mut service = of_stack("main", "api", "ghcr", options(values));
    if let Some(containers) = values.get("containers").and_then(Value::as_object) {
        let container = service.containers[&name("api")].clone();
        service.containers = containers.keys().map(|key| (name(key), container.clone())).collect();
    }
    if values.get("load-balancer").is_some() {
        service.load_balancer = Some(Plugin::default());
    }
    AwsFields::read(&service.deployer.options)?.service_of(&name("api"), &service)
}

fn wrong(values: &Value) -> String {
    let problems = declared(values).unwrap_err();
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn words_of_single_container_stand_on_service() {
    let service = declared(&json!({
        "ports": { "http": 80 },
        "architecture": "aarch64",
        "launch-type": "ec2",
        "environment": { "URL": { "from": "steps.web", "output": "url" } },
        "task-role": { "from": "steps.role", "output": "arn" },
        "pin": true,
    }))
    .unwrap();
    let container = &service.containers[&name("api")];
    assert_eq!(container.ports, [(name("http"), 80)].into());
    assert!(container.essential);
    assert_eq!(container.image_updates, ImageUpdates::Pin);
    assert_eq!(container.environment["URL"].reference().unwrap().output, "url");
    assert_eq!((service.platform.architecture, service.launch_type), (Architecture::Arm64, LaunchType::Ec2));
    let role = service.task_role.as_ref().and_then(Text::reference).map(Reference::input);
    assert!(role.is_some_and(|input| input.contains("steps.role")));
}

#[test]
fn container_overrides_words_of_service() {
    let service = declared(&json!({
        "image-updates": "ignore",
        "containers": {
            "web": { "memory": 64, "essential": false },
            "app": { "pin": true, "command": ["serve"] },
        },
    }))
    .unwrap();
    let web = &service.containers[&name("web")];
    assert_eq!((web.memory, web.essential, web.image_updates), (Some(64), false, ImageUpdates::Ignore));
    let app = &service.containers[&name("app")];
    assert_eq!((app.essential, app.image_updates), (true, ImageUpdates::Pin));
    assert_eq!(app.command.as_deref(), Some(["serve".to_owned()].as_slice()));
}

#[test]
fn defaults_are_those_without_configuration() {
    let default = declared(&json!({ "logs": true })).unwrap();
    let mut table = json!({ "containers": { "web": {} } });
    for (path, value) in defaults(&table.as_object().unwrap().clone()) {
        let mut at = &mut table;
        for part in path {
            at = &mut at[part];
        }
        *at = value;
    }
    let role = table.as_object_mut().unwrap().remove("execution-role").unwrap();
    assert_eq!(role["managed-policies"].as_object().unwrap().len(), 1);
    table.as_object_mut().unwrap().remove("containers");
    assert_eq!(declared(&table).unwrap(), default);
    // A role that is there already is used as it is.
    for role in [json!({ "arn": "arn:aws:iam::123456789012:role/there" }), json!({ "managed-policies": {} })]
    {
        let table = json!({ "execution-role": role, "logs": false });
        let found = defaults(table.as_object().unwrap());
        let others = ["execution-role", "logs"];
        assert!(found.iter().all(|(path, _)| !others.contains(&path[0].as_str())), "{found:?}");
    }
}

#[test]
fn logs_are_a_table_or_a_flag() {
    assert_eq!(declared(&json!({ "logs": false })).unwrap().logs, None);
    for on in [json!(true), json!({})] {
        assert_eq!(declared(&json!({ "logs": on })).unwrap().logs.unwrap().retention_days, 30);
    }
}

#[test]
fn wrong_words_are_reported_at_once() {
    let first = wrong(&json!({
        "memory": "768",
        "cpu": 0,
        "desired-count": -1,
        "launch-type": "Fargate",
        "architecture": "x86",
        "size": { "memory": 512 },
        "ports": { "http": 70000, "HTTPS": 443, "a b": 1 },
        "environment": { "PORT": ["8080"], "A=B": "c" },
        "command": "run",
        "network": { "subnets": ["subnet-1", "sn-2"], "security-groups": "sg-1", "assign-public-ip": "yes", "vpc": 1 },
        "task-role": "arn:aws:iam::123456789012:user/api",
        "execute-command": "yes",
        "logs": { "group": "a b", "retention-days": 31 },
        "deployment": { "minimum-healthy-percent": 150, "timeout": "15", "circuit-breaker": 1, "rollback": "yes" },
        "memroy": 3,
    }));
    let second = wrong(&json!({
        "execute-command": true,
        "logs": 3,
        "deployment": { "minimum-healthy-percent": 100, "maximum-percent": 100 },
        "pin": true,
        "image-updates": "ignore",
    }));
    insta::assert_snapshot!(format!("{first}\n{second}"));
}

#[test]
fn containers_that_do_not_fit_are_refused() {
    insta::assert_snapshot!(wrong(&json!({
        "size": { "cpu": 256, "memory": 512 },
        "memory": 100,
        "containers": {
            "web": { "ports": { "http": 80 }, "memory": 400, "cpu": 200, "essential": false },
            "log": { "ports": { "in": 80 }, "memory": 400, "cpu": 300, "essential": false },
        },
    })));
}

#[test]
fn containers_with_networks_of_their_own_share_ports() {
    let with = |mode: &str| {
        json!({
            "aws": { "task-definition": { "networkMode": mode } },
            "containers": { "web": { "ports": { "http": 80 } }, "log": { "ports": { "in": 80 } } },
        })
    };
    declared(&with("bridge")).unwrap();
    assert!(wrong(&with("host")).contains("port 80 is taken"));
}

#[test]
fn rollout_without_room_is_refused() {
    let rollout = |desired: u32, least: u32, most: u32| {
        let deployment = json!({ "minimum-healthy-percent": least, "maximum-percent": most });
        json!({ "desired-count": desired, "deployment": deployment })
    };
    for (desired, least, most) in [(1, 100, 200), (1, 0, 100), (2, 50, 100), (2, 100, 150), (0, 50, 150)] {
        declared(&rollout(desired, least, most)).unwrap();
    }
    for (desired, least, most) in [(1, 50, 150), (1, 1, 199), (3, 70, 130)] {
        let errors = wrong(&rollout(desired, least, most));
        assert!(errors.contains("no rollout gets under way"), "{errors}");
    }
    insta::assert_snapshot!(wrong(&rollout(1, 50, 150)));
    // The configuration does not state the number of tasks that an autoscaling policy runs.
    let deployment = json!({ "minimum-healthy-percent": 50, "maximum-percent": 150 });
    declared(&json!({ "deployment": deployment })).unwrap();
}

#[test]
fn load_balancer_finds_container_and_port() {
    let with = |balancer: &Value| {
        json!({
            "containers": {
                "web": { "ports": { "http": 80, "admin": 81 } },
                "app": { "ports": { "http": 82 } },
                "log": {},
            },
            "load-balancer": balancer,
        })
    };
    let single = declared(&json!({ "ports": { "http": 8080 }, "load-balancer": {} })).unwrap();
    assert_eq!(single.load_balancer, Some(LoadBalancer { container: name("api"), port: 8080 }));
    for (balancer, container, port) in [
        (json!({ "container": "app" }), "app", 82),
        (json!({ "container": "web", "container-port": "admin" }), "web", 81),
        (json!({ "container": "log", "container-port": 90 }), "log", 90),
    ] {
        let found = declared(&with(&balancer)).unwrap().load_balancer;
        assert_eq!(found, Some(LoadBalancer { container: name(container), port }));
    }
    let refused = [
        json!({}),
        json!({ "container": "wbe" }),
        json!({ "container": "web" }),
        json!({ "container": "web", "container-port": "https" }),
        json!({ "container": "log" }),
        json!({ "container": "app", "container-port": 0 }),
    ];
    let shown: Vec<_> = refused.map(|balancer| format!("{balancer}\n{}", wrong(&with(&balancer)))).into();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn no_error_repeats_a_token() {
    let errors = wrong(&json!({
        "memory": TOKEN,
        "ports": { "http": TOKEN },
        "command": TOKEN,
        "architecture": TOKEN,
        "launch-type": TOKEN,
        "network": { "subnets": [TOKEN] },
        "task-role": format!("{TOKEN} {TOKEN}"),
        "deployment": { "timeout": TOKEN },
        "logs": { "group": format!("{TOKEN} {TOKEN}") },
        "load-balancer": { "container": TOKEN },
    }));
    assert!(!errors.contains(TOKEN), "{errors}");
    assert!(errors.lines().count() >= 8, "{errors}");
}
