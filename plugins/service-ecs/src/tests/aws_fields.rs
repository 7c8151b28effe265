//! AWS's own fields in the configuration: what is wrong with them, and what they mean with the short words.

use longshore_model::{Options, Problem};
use serde_json::{Value, json};

use super::bench::{Bench, Seed, name, seed};
use crate::{aws_fields::AwsFields, declaration::TaskSize};

fn options(values: &Value) -> Options {
    let values = values.as_object().unwrap().clone();
    Options { key: "services.api".to_owned(), values, ..Options::default() }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The seed with AWS's fields.
fn seed_with(values: &Value) -> Seed {
    let mut service = seed();
    service.options = options(values);
    service
}

#[test]
fn wrong_fields_are_reported_with_their_keys() {
    let problems = AwsFields::read(&options(&json!({
        "aws": {
            "task-definition": {
                "networkMode": "awsvcp",
                "volumes": { "data": { "efsVolumeConfiguration": { "file-system-id": "fs-1" } } },
            },
            "container": { "stopTimeout": "soon", "secrets": {}, "ulimits": { "nofile": 3 } },
            "service": {
                "desiredCount": 3,
                "deploymentConfiguration": { "maximumPercent": 100, "bakeTimeInMinutes": 5 },
            },
            "task": {},
        },
        "replace": "yes",
    })))
    .unwrap_err();
    insta::assert_snapshot!(lines(&problems));
}

#[test]
fn field_of_short_word_and_table_names_both() {
    let mut service = seed_with(&json!({ "aws": {
        "task-definition": { "cpu": 256, "memory": 1024, "runtimePlatform": { "cpuArchitecture": "ARM64" } },
        "container": {
            "memory": 512,
            "environment": { "A": "1", "B": "2" },
            "portMappings": { "http": { "containerPort": 80, "appProtocol": "http2" } },
        },
    } }));
    service.size = Some(TaskSize { cpu: 256, memory: 1024 });
    let api = service.containers.get_mut(&name("api")).unwrap();
    api.environment.insert("A".to_owned(), "0".into());
    let fields = AwsFields::read(&service.options).unwrap();
    insta::assert_snapshot!(lines(&fields.applied(&name("api"), service.service().clone()).unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn required_field_of_neither_is_missed_before_anything_is_read() {
    let bench = Bench::settled().await;
    let service = seed_with(&json!({ "aws": {
        "task-definition": { "volumes": { "data": { "efsVolumeConfiguration": { "rootDirectory": "/" } } } },
        "container": { "healthCheck": { "interval": 10 } },
    } }));
    let problems = bench.refused(&service);
    assert_eq!(
        lines(&problems),
        "services.api.aws.container.healthCheck.command: is missing (AWS requires it)\n\
         services.api.aws.task-definition.volumes.data.efsVolumeConfiguration.fileSystemId: is missing (AWS requires it)"
    );
}

#[tokio::test(start_paused = true)]
async fn tables_complete_what_short_words_make() {
    let bench = Bench::settled().await;
    let service = seed_with(&json!({ "aws": {
        "task-definition": { "ephemeralStorage": { "sizeInGiB": 50 } },
        "container": {
            "portMappings": { "http": { "appProtocol": "http2" } },
            "logConfiguration": { "options": { "mode": "non-blocking" } },
            "stopTimeout": 60,
        },
    } }));
    bench.deploy(&service).await.unwrap();
    assert!(bench.plan(&service).await.unwrap().is_quiet());
    let rendered = bench.rendered(&service);
    let container = &rendered["containerDefinitions"][0];
    assert_eq!(
        container["portMappings"],
        json!([{ "name": "http", "containerPort": 8098, "hostPort": 8098, "protocol": "tcp", "appProtocol": "http2" }])
    );
    assert_eq!(container["logConfiguration"]["options"]["awslogs-stream-prefix"], "ecs");

    let longer = seed_with(&json!({ "aws": { "container": { "stopTimeout": 90 } } }));
    let plans = bench.plan(&longer).await.unwrap();
    insta::assert_snapshot!(plans.shown());
}

#[tokio::test(start_paused = true)]
async fn another_log_driver_replaces_that_of_the_logs() {
    let bench = Bench::settled().await;
    let driver = json!({ "logDriver": "splunk", "options": { "splunk-url": "https://splunk.example.com" } });
    let service = seed_with(&json!({ "aws": { "container": { "logConfiguration": driver } } }));
    assert_eq!(bench.rendered(&service)["containerDefinitions"][0]["logConfiguration"], driver);
}
