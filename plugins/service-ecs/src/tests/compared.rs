//! Declared and registered definitions compared by what they mean.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, CpuArchitecture, KeyValuePair, LogConfiguration, LogDriver,
    PortMapping, RepositoryCredentials, RuntimePlatform, Secret, TaskDefinition, TaskDefinitionStatus,
    TransportProtocol,
};
use longshore_model::{
    Arn, Container, ContainerSecret, FailureKind, ImageUpdates, Inputs, Known, Name, Service, Shown, TaskSize,
};
use proptest::prelude::*;

use super::bench::{name, seed};
use crate::{
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
            environment,
            secrets,
            command,
            essential,
        });
    prop::collection::btree_map(names(), container, 1..4)
}

prop_compose! {
    fn services()(containers in containers(), has_logs in any::<bool>(), has_role in any::<bool>()) -> Service {
        let mut service = seed();
        service.containers = containers;
        service.logs = service.logs.filter(|_| has_logs);
        service.task_role = has_role.then(|| "arn:aws:iam::123456789012:role/task".to_owned());
        service
    }
}

fn render(service: &Service) -> TaskDefinition {
    let inputs: Inputs = [("role-arn", "arn:role"), ("secret.ghcr", "arn:secret"), ("log-group", "/logs")]
        .map(|(name, value)| (name.to_owned(), Known::Value(value.to_owned())))
        .into_iter()
        .collect();
    let size = Some(TaskSize { cpu: 256, memory: 1024 });
    Declared { family: "f", service, size, region: "r", inputs: &inputs }.render().unwrap()
}

/// What AWS makes of a definition: defaults filled in, lists in another order, and what it adds by itself.
fn normalised(definition: &TaskDefinition, rotation: usize) -> TaskDefinition {
    fn rotated<T: Clone>(items: &[T], by: usize) -> Vec<T> {
        let mut items = items.to_vec();
        let by = if items.is_empty() { 0 } else { by % items.len() };
        items.rotate_left(by);
        items
    }
    let mut registered = definition.clone();
    registered.task_definition_arn = Some("arn:aws:ecs:r:1:task-definition/f:7".to_owned());
    registered.revision = 7;
    registered.status = Some(TaskDefinitionStatus::Active);
    registered.compatibilities = Some(vec![Compatibility::Ec2, Compatibility::Fargate]);
    registered.volumes = Some(Vec::new());
    registered.placement_constraints = Some(Vec::new());
    registered.enable_fault_injection = Some(false);
    let mut containers = rotated(definition.container_definitions(), rotation);
    for container in &mut containers {
        container.environment = Some(rotated(container.environment(), rotation));
        container.secrets = Some(rotated(container.secrets(), rotation));
        container.port_mappings = Some(rotated(container.port_mappings(), rotation));
        container.mount_points = Some(Vec::new());
        container.volumes_from = Some(Vec::new());
        container.system_controls = Some(Vec::new());
        container.command = Some(container.command().to_vec());
        container.essential = container.essential.or(Some(true));
        for port in container.port_mappings.iter_mut().flatten() {
            port.host_port = port.host_port.or(port.container_port);
            port.protocol = port.protocol.clone().or(Some(TransportProtocol::Tcp));
        }
        if let Some(logs) = &mut container.log_configuration {
            logs.secret_options = Some(Vec::new());
        }
    }
    registered.container_definitions = Some(containers);
    registered
}

/// A change of one field: its name, and what makes it in the task or its first container.
type Change = (&'static str, fn(&mut TaskDefinition));

fn first(definition: &mut TaskDefinition) -> &mut ContainerDefinition {
    definition.container_definitions.as_mut().unwrap().first_mut().unwrap()
}

const CHANGES: &[Change] = &[
    ("cpu", |definition| definition.cpu = Some("512".into())),
    ("memory", |definition| definition.memory = Some("2048".into())),
    ("executionRoleArn", |definition| definition.execution_role_arn = Some("arn:other".into())),
    ("taskRoleArn", |definition| definition.task_role_arn = Some("arn:other".into())),
    ("networkMode", |definition| definition.network_mode = Some("host".into())),
    ("requiresCompatibilities", |definition| {
        definition.requires_compatibilities = Some(vec![Compatibility::Fargate, Compatibility::Ec2]);
    }),
    ("runtimePlatform.cpuArchitecture", |definition| {
        definition.runtime_platform =
            Some(RuntimePlatform::builder().cpu_architecture(CpuArchitecture::Arm64).build());
    }),
    ("volumes", |definition| definition.volumes = Some(vec![aws_sdk_ecs::types::Volume::builder().build()])),
    ("pidMode", |definition| definition.pid_mode = Some("task".into())),
    ("*.image", |definition| first(definition).image = Some("ghcr.io/acme/api:2".into())),
    ("*.memory", |definition| first(definition).memory = Some(5000)),
    ("*.cpu", |definition| first(definition).cpu = 5001),
    ("*.memoryReservation", |definition| first(definition).memory_reservation = Some(5)),
    ("*.repositoryCredentials.credentialsParameter", |definition| {
        let other = RepositoryCredentials::builder().credentials_parameter("arn:other").build();
        first(definition).repository_credentials = Some(other.unwrap());
    }),
    ("*.essential", |definition| {
        let container = first(definition);
        container.essential = Some(container.essential == Some(false));
    }),
    ("*.command", |definition| first(definition).command = Some(vec!["something else".into()])),
    ("*.environment.new", |definition| {
        let new = KeyValuePair::builder().name("new").value("x").build();
        first(definition).environment.as_mut().unwrap().push(new);
    }),
    ("*.secrets.new", |definition| {
        let new = Secret::builder().name("new").value_from("arn:other").build();
        first(definition).secrets.as_mut().unwrap().push(new.unwrap());
    }),
    ("*.portMappings.New", |definition| {
        let new = PortMapping::builder().name("New").container_port(1).build();
        first(definition).port_mappings.as_mut().unwrap().push(new);
    }),
    ("*.user", |definition| first(definition).user = Some("root".into())),
    ("*.readonlyRootFilesystem", |definition| first(definition).readonly_root_filesystem = Some(true)),
    ("*.healthCheck", |definition| {
        let check = aws_sdk_ecs::types::HealthCheck::builder().command("CMD").build();
        first(definition).health_check = Some(check.unwrap());
    }),
];

proptest! {
    #[test]
    fn what_aws_made_of_a_definition_is_no_difference(service in services(), rotation in 0_usize..5) {
        let declared = render(&service);
        let registered = normalised(&declared, rotation);
        prop_assert_eq!(fields_of(&registered).changes_to(&fields_of(&declared)), []);
    }

    #[test]
    fn one_change_is_exactly_one_difference(
        service in services(), rotation in 0_usize..5, (field, change) in prop::sample::select(CHANGES),
    ) {
        let declared = render(&service);
        let mut registered = normalised(&declared, rotation);
        let container = first(&mut registered).name.clone().unwrap();
        change(&mut registered);
        let changes = fields_of(&registered).changes_to(&fields_of(&declared));
        let field = field.replace('*', &format!("containerDefinitions.{container}"));
        prop_assert_eq!(changes.iter().map(|change| &change.field).collect::<Vec<_>>(), [&field]);
        prop_assert_ne!(&changes[0].old, &changes[0].new);
    }
}

#[test]
fn log_options_are_compared_one_by_one() {
    let declared = render(&seed());
    let mut registered = normalised(&declared, 0);
    let other = LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .options("awslogs-group", "/other")
        .options("awslogs-region", "r")
        .options("awslogs-stream-prefix", "ecs")
        .options("mode", "non-blocking");
    first(&mut registered).log_configuration = Some(other.build().unwrap());
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
    let declared =
        Declared { family: "f", service: &service, size, region: "r", inputs: &inputs }.render().unwrap();
    let changes = fields_of(&registered).changes_to(&fields_of(&declared));
    assert_eq!(changes.len(), 3);
    assert!(changes.iter().all(|change| change.new == Some(Shown::AfterApply)), "{changes:?}");
}

#[test]
fn unread_digests_cannot_be_pinned() {
    let service = seed();
    let container = service.containers.keys().next().unwrap();
    let inputs: Inputs = [(digests_input(container), Known::Value(String::new()))].into_iter().collect();
    let declared = Declared { family: "f", service: &service, size: None, region: "r", inputs: &inputs };
    let failure = declared.render().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.help.unwrap().contains("ecr:BatchGetImage"));
}
