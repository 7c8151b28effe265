//! Registered definitions, and their recognition.

use longshore_model::{Architecture, Inputs, Known};

use super::bench::{Bench, Seed, name, seed};
use crate::declaration::{Container, LaunchType, TaskSize};
use crate::{
    aws_fields::AwsFields,
    check::check,
    render::{Declared, registration},
};

/// The request of a registration.
fn request(service: &Seed) -> serde_json::Value {
    let inputs: Inputs = [
        ("role-arn", "arn:aws:iam::123456789012:role/shop-api-execution"),
        (
            "secret.ghcr",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:longshore/shop/ghcr/pull-AbCdEf",
        ),
        ("log-group", "/longshore/shop/api"),
    ]
    .map(|(name, value)| (name.to_owned(), Known::Value(value.to_owned())))
    .into_iter()
    .collect();
    let size = check(&name("api"), service, &AwsFields::default()).unwrap();
    let fields = &AwsFields::default();
    let declared =
        Declared { family: "shop-api", service, fields, size, region: "eu-central-1", inputs: &inputs };
    let tags = crate::tags::of(&longshore_aws::Ownership::new("shop", "production", "task-definition.api"));
    registration(&declared.render(), &tags).0.into()
}

#[test]
fn the_seeds_definition_is_what_ecs_documents() {
    let mut service = seed();
    let container = service.containers.remove(&name("api")).unwrap();
    let image = "ghcr.io/jonashackt/microservice-api-spring-boot-private:latest".parse().unwrap();
    let container = Container { image, ..container };
    service.containers.insert(name("microservice-api-spring-boot"), container);
    insta::assert_json_snapshot!(request(&service));
}

/// A service that uses everything.
fn rich() -> Seed {
    let mut service = seed();
    service.platform.architecture = Architecture::Amd64;
    service.task_role = Some("arn:aws:iam::123456789012:role/shop-api".into());
    service.size = Some(TaskSize { cpu: 512, memory: 2048 });
    let api = service.containers.get_mut(&name("api")).unwrap();
    api.environment = [("B".to_owned(), "2".into()), ("A".to_owned(), "".into())].into();
    api.command = Some(vec!["serve".to_owned(), "--port=8098".to_owned()]);
    api.cpu = Some(256);
    api.ports.insert(name("metrics"), 9000);
    let side = Container {
        image: "ghcr.io/acme/api:2".parse().unwrap(),
        memory: None,
        cpu: None,
        ports: [(name("admin"), 9001)].into(),
        essential: false,
        environment: [("A".to_owned(), "x".into())].into(),
        command: None,
        ..api.clone()
    };
    service.containers.insert(name("side"), side);
    service
}

#[test]
fn everything_that_can_be_declared_is_rendered() {
    insta::assert_json_snapshot!(request(&rich()));
}

#[tokio::test(start_paused = true)]
async fn everything_that_can_be_declared_is_recognised_again() {
    let bench = Bench::settled().await;
    bench.deploy(&rich()).await.unwrap();
    let plans = bench.plan(&rich()).await.unwrap();
    assert!(plans.is_quiet(), "{}", plans.shown());
}

#[test]
fn what_ecs_would_refuse_is_refused_before() {
    let mut service = seed();
    service.launch_type = LaunchType::Ec2;
    service.network.assign_public_ip = Some(true);
    let api = service.containers.get_mut(&name("api")).unwrap();
    api.memory = None;
    api.essential = false;
    api.image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api:1".parse().unwrap();
    let mut problems = check(&name("api"), &service, &AwsFields::default()).unwrap_err();
    let mut service = seed();
    service.size = Some(TaskSize { cpu: 256, memory: 768 });
    problems.extend(check(&name("web"), &service, &AwsFields::default()).unwrap_err());
    service.size = None;
    service.containers.get_mut(&name("api")).unwrap().memory = Some(200_000);
    problems.extend(check(&name("api"), &service, &AwsFields::default()).unwrap_err());
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}
