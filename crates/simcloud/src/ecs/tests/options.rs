//! Tests of task options beside the definition: tags, commands that are executed in tasks, a platform version.

use serde_json::{Value, json};

use super::harness::{ROLE, Sim};

/// A service whose containers have a role of their own, with a task.
fn deployed() -> Sim {
    let mut sim = Sim::new();
    let mut definition = sim.definition("ghcr.io/acme/api:1");
    definition["taskRoleArn"] = json!(ROLE);
    let definition = sim.register_definition(definition);
    let input = sim.service(&definition, 1);
    sim.ecs("CreateService", input).unwrap();
    sim.pass(120);
    sim
}

fn options(service: &Value) -> [&Value; 4] {
    ["enableECSManagedTags", "propagateTags", "enableExecuteCommand", "platformVersion"]
        .map(|name| &service[name])
}

#[test]
fn tags_and_the_execution_of_commands_are_for_tasks_that_start_from_then_on() {
    let mut sim = deployed();
    assert_eq!(options(&sim.describe()), [&json!(false), &json!("NONE"), &json!(false), &json!("LATEST")]);
    let changed = sim.update(json!({
        "enableECSManagedTags": true, "propagateTags": "SERVICE", "enableExecuteCommand": true,
    }));
    assert_eq!(options(&changed), [&json!(true), &json!("SERVICE"), &json!(true), &json!("LATEST")]);
    assert_eq!(changed["deployments"].as_array().unwrap().len(), 1, "no deployment begins");
    sim.pass(120);
    assert_eq!(sim.tasks("RUNNING")[0]["enableExecuteCommand"], json!(false));
    sim.update(json!({ "forceNewDeployment": true }));
    sim.pass(200);
    let tasks = sim.tasks("RUNNING");
    assert_eq!((tasks.len(), &tasks[0]["enableExecuteCommand"]), (1, &json!(true)));
    let input = json!({ "resourceArn": tasks[0]["taskArn"] });
    let tags = sim.ecs("ListTagsForResource", input).unwrap()["tags"].clone();
    assert_eq!(tags[0]["key"], "aws:ecs:clusterName", "{tags}");
}

#[test]
fn another_platform_version_begins_a_deployment() {
    let mut sim = deployed();
    let same = sim.update(json!({ "platformVersion": "LATEST" }));
    assert_eq!(same["deployments"].as_array().unwrap().len(), 1);
    let changed = sim.update(json!({ "platformVersion": "1.3.0" }));
    assert_eq!(changed["platformVersion"], "1.3.0");
    assert_eq!(changed["deployments"].as_array().unwrap().len(), 2);
    sim.pass(200);
    assert_eq!(sim.tasks("RUNNING")[0]["platformVersion"], "1.3.0");
    let back = sim.update(json!({ "platformVersion": "LATEST" }));
    assert_eq!(
        (&back["platformVersion"], &back["deployments"][0]["platformVersion"]),
        (&json!("LATEST"), &json!("1.4.0"))
    );
}

#[test]
fn what_ecs_refuses() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:1", 1);
    let definition = sim.describe()["taskDefinition"].as_str().unwrap().to_owned();
    let mut refused = Vec::new();
    for change in [
        json!({ "enableExecuteCommand": true }),
        json!({ "propagateTags": "CLUSTER" }),
        json!({ "platformVersion": "9.9.9" }),
    ] {
        let mut update = json!({ "cluster": "main", "service": "api" });
        update.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        refused.push(sim.refused("UpdateService", update));
        let mut create = sim.service(&definition, 1);
        create["serviceName"] = json!("other");
        create.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        refused.push(sim.refused("CreateService", create));
        let mut run = sim.service(&definition, 1);
        run.as_object_mut()
            .unwrap()
            .retain(|member, _| !["desiredCount", "serviceName"].contains(&member.as_str()));
        run.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        refused.push(sim.refused("RunTask", run));
    }
    insta::assert_snapshot!(refused.join("\n"));
    assert_eq!(options(&sim.describe()), [&json!(false), &json!("NONE"), &json!(false), &json!("LATEST")]);
}

#[test]
fn commands_are_refused_as_ecs_does() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:1", 1);
    sim.pass(120);
    let task = sim.tasks("RUNNING")[0]["taskArn"].clone();
    let execute = |task: &Value, interactive: bool| json!({ "cluster": "main", "task": task, "command": "sh", "interactive": interactive });
    let refused = sim.refused("ExecuteCommand", execute(&task, true));
    assert!(
        refused.starts_with(
            "InvalidParameterException: The execute command failed because execute command was not enabled"
        ),
        "{refused}"
    );
    let refused = sim.refused("ExecuteCommand", execute(&task, false));
    assert_eq!(refused, "InvalidParameterException: Interactive is the only mode supported currently.");
    let refused = sim.refused("ExecuteCommand", execute(&json!("0"), true));
    assert_eq!(refused, "InvalidParameterException: The referenced task was not found.");
}
