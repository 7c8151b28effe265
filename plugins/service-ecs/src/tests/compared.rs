//! Declared and registered definitions compared by what they mean.

use std::collections::BTreeMap;

use longshore_model::{Arn, ContainerSecret, FailureKind, Inputs, Known, Name, Shown};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::bench::{Seed, name, seed};
use crate::declaration::{Container, ImageUpdates, TaskSize};
use crate::{
    aws_fields::AwsFields,
    fields::fields_of,
    render::{Declared, digests_input},
};

fn names() -> impl Strategy<Value = Name> {
    "[a-z][a-z0-9-]{0,8}".prop_map(|text| Name::new(text).unwrap())
}

fn containers() -> impl Strategy<Value = BTreeMap<Name, Container>> {
    let registry = prop::option::of(Just(name("ghcr")));
    let environment = prop::collection::btree_map("[A-Z_]{1,6}", "[ -~]{0,8}", 0..4);
    let ports = prop::collection::btree_map(names(), 1_u16.., 0..4);
    let command = prop::option::of(prop::collection::vec("[ -~]{0,6}", 1..3));
    let arn: Arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/there".parse().unwrap();
    let secret = ContainerSecret::Existing { arn, kms_key: None };
    let secrets = prop::collection::btree_map("[a-z_]{1,6}", Just(secret), 0..3);
    let container =
        (registry, environment, secrets, ports, command, prop::option::of(6_u32..4096), any::<bool>());
    let container =
        container.prop_map(|(registry, environment, secrets, ports, command, memory, essential)| Container {
            image: "ghcr.io/acme/api:1".parse().unwrap(),
            image_updates: ImageUpdates::Redeploy,
            registry,
            cpu: memory.filter(|memory| memory % 2 == 0),
            memory,
            ports,
            environment: environment.into_iter().map(|(name, text)| (name, text.into())).collect(),
            secrets,
            command,
            essential,
        });
    prop::collection::btree_map(names(), container, 1..4)
}

prop_compose! {
    fn services()(containers in containers(), has_logs in any::<bool>(), has_role in any::<bool>()) -> Seed {
        let mut service = seed();
        service.containers = containers;
        service.logs = service.logs.take().filter(|_| has_logs);
        service.task_role = has_role.then(|| "arn:aws:iam::123456789012:role/task".into());
        service
    }
}

fn render(service: &Seed) -> Value {
    let inputs: Inputs = [("role-arn", "arn:role"), ("secret.ghcr", "arn:secret"), ("log-group", "/logs")]
        .map(|(name, value)| (name.to_owned(), Known::Value(value.to_owned())))
        .into_iter()
        .collect();
    let size = Some(TaskSize { cpu: 256, memory: 1024 });
    let fields = &AwsFields::default();
    Declared { family: "f", service, fields, size, region: "r", inputs: &inputs }.render()
}

/// Returns AWS's form of a definition: defaults filled in, lists in another order, and AWS's own additions.
fn normalised(definition: &Value, rotation: usize) -> Value {
    fn rotate(value: &mut Value, by: usize) {
        let Some(items) = value.as_array_mut().filter(|items| !items.is_empty()) else { return };
        let by = by % items.len();
        items.rotate_left(by);
    }
    fn fill(value: &mut Value, field: &str, default: Value) {
        value.as_object_mut().unwrap().entry(field).or_insert(default);
    }
    let mut registered = definition.clone();
    registered["taskDefinitionArn"] = json!("arn:aws:ecs:r:1:task-definition/f:7");
    registered["revision"] = json!(7);
    registered["status"] = json!("ACTIVE");
    registered["compatibilities"] = json!(["EC2", "FARGATE"]);
    registered["volumes"] = json!([]);
    registered["placementConstraints"] = json!([]);
    registered["enableFaultInjection"] = json!(false);
    let containers = &mut registered["containerDefinitions"];
    rotate(containers, rotation);
    for container in containers.as_array_mut().unwrap() {
        for list in ["environment", "secrets", "portMappings"] {
            fill(container, list, json!([]));
            rotate(&mut container[list], rotation);
        }
        for list in ["mountPoints", "volumesFrom", "systemControls", "command"] {
            fill(container, list, json!([]));
        }
        fill(container, "cpu", json!(0));
        fill(container, "essential", json!(true));
        if let Some(logs) = container.get_mut("logConfiguration") {
            logs["secretOptions"] = json!([]);
        }
    }
    registered
}

/// A change of one field: its name, the member that it is in (`*` is the first container), and what it gets.
type Change = (&'static str, &'static str, fn(&mut Value));

fn first(definition: &mut Value) -> &mut Value {
    &mut definition["containerDefinitions"][0]
}

fn push(list: &mut Value, item: Value) {
    list.as_array_mut().unwrap().push(item);
}

const CHANGES: &[Change] = &[
    ("cpu", "cpu", |value| *value = json!("512")),
    ("memory", "memory", |value| *value = json!("2048")),
    ("executionRoleArn", "executionRoleArn", |value| *value = json!("arn:other")),
    ("taskRoleArn", "taskRoleArn", |value| *value = json!("arn:other")),
    ("networkMode", "networkMode", |value| *value = json!("host")),
    ("requiresCompatibilities", "requiresCompatibilities", |value| push(value, json!("EC2"))),
    ("runtimePlatform.cpuArchitecture", "runtimePlatform", |value| {
        *value = json!({"cpuArchitecture": "ARM64"})
    }),
    ("volumes.data", "volumes", |value| push(value, json!({"name": "data"}))),
    ("pidMode", "pidMode", |value| *value = json!("task")),
    ("*.image", "*.image", |value| *value = json!("ghcr.io/acme/api:2")),
    ("*.memory", "*.memory", |value| *value = json!(5000)),
    ("*.cpu", "*.cpu", |value| *value = json!(5001)),
    ("*.memoryReservation", "*.memoryReservation", |value| *value = json!(5)),
    ("*.repositoryCredentials.credentialsParameter", "*.repositoryCredentials", |value| {
        *value = json!({"credentialsParameter": "arn:other"});
    }),
    ("*.essential", "*.essential", |value| *value = json!(*value == json!(false))),
    ("*.command", "*.command", |value| *value = json!(["something else"])),
    ("*.environment.new", "*.environment", |value| push(value, json!({"name": "new", "value": "x"}))),
    ("*.secrets.new", "*.secrets", |value| push(value, json!({"name": "new", "valueFrom": "arn:other"}))),
    ("*.portMappings.New.containerPort", "*.portMappings", |value| {
        push(value, json!({"name": "New", "containerPort": 1}));
    }),
    ("*.user", "*.user", |value| *value = json!("root")),
    ("*.readonlyRootFilesystem", "*.readonlyRootFilesystem", |value| *value = json!(true)),
    ("*.healthCheck.command", "*.healthCheck", |value| *value = json!({"command": ["CMD"]})),
];

/// Makes the change, and returns the name of its field.
fn apply((field, member, change): &Change, definition: &mut Value) -> String {
    let container = first(definition)["name"].as_str().unwrap().to_owned();
    match member.strip_prefix("*.") {
        Some(member) => change(&mut first(definition)[member]),
        None => change(&mut definition[*member]),
    }
    field.replace('*', &format!("containerDefinitions.{container}"))
}

proptest! {
    #[test]
    fn what_aws_made_of_a_definition_is_no_difference(service in services(), rotation in 0_usize..5) {
        let declared = render(&service);
        let registered = normalised(&declared, rotation);
        prop_assert_eq!(fields_of(&registered).changes_to(&fields_of(&declared)), []);
    }

    #[test]
    fn one_change_is_exactly_one_difference(
        service in services(), rotation in 0_usize..5, change in prop::sample::select(CHANGES),
    ) {
        let declared = render(&service);
        let mut registered = normalised(&declared, rotation);
        let field = apply(&change, &mut registered);
        let changes = fields_of(&registered).changes_to(&fields_of(&declared));
        prop_assert_eq!(changes.iter().map(|change| &change.field).collect::<Vec<_>>(), [&field]);
        prop_assert_ne!(&changes[0].old, &changes[0].new);
    }
}

#[test]
fn log_options_are_compared_one_by_one() {
    let declared = render(&seed());
    let mut registered = normalised(&declared, 0);
    first(&mut registered)["logConfiguration"]["options"] = json!({
        "awslogs-group": "/other",
        "awslogs-region": "r",
        "awslogs-stream-prefix": "ecs",
        "mode": "non-blocking",
    });
    let changes = fields_of(&registered).changes_to(&fields_of(&declared));
    let fields: Vec<_> = changes.iter().map(|change| change.field.rsplit('.').next().unwrap()).collect();
    assert_eq!(fields, ["awslogs-group", "mode"]);
    assert_eq!((&changes[1].old, &changes[1].new), (&Some(Shown::text("non-blocking")), &None));
}

#[test]
fn inputs_that_are_not_known_yet_are_shown_so() {
    let registered = normalised(&render(&seed()), 0);
    let service = seed();
    let inputs = Inputs::default();
    let size = Some(TaskSize { cpu: 256, memory: 1024 });
    let fields = &AwsFields::default();
    let declared = Declared { family: "f", service: &service, fields, size, region: "r", inputs: &inputs };
    let declared = declared.render();
    let changes = fields_of(&registered).changes_to(&fields_of(&declared));
    assert_eq!(changes.len(), 3);
    assert!(changes.iter().all(|change| change.new == Some(Shown::AfterApply)), "{changes:?}");
}

#[test]
fn unread_digests_cannot_be_pinned() {
    let service = seed();
    let container = service.containers.keys().next().unwrap();
    let inputs: Inputs = [(digests_input(container), Known::Value(String::new()))].into_iter().collect();
    let fields = &AwsFields::default();
    let declared =
        Declared { family: "f", service: &service, fields, size: None, region: "r", inputs: &inputs };
    let failure = declared.require_digests().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.help.unwrap().contains("ecr:BatchGetImage"));
}
