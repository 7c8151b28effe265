//! Services with the scheduling strategy DAEMON.

use serde_json::{Value, json};

use super::harness::Sim;

const DAEMON: &str = "DAEMON";

/// A host-networked agent on each container instance, with more members.
fn deploy(sim: &mut Sim, members: Value) -> Value {
    let mut definition = sim.definition_on_instances("ghcr.io/acme/api:1");
    definition["networkMode"] = json!("host");
    let mut all = json!({ "schedulingStrategy": DAEMON });
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    sim.deploy_on_instances(definition, all)
}

fn instances(sim: &mut Sim, count: usize) -> Vec<String> {
    (0..count).map(|_| sim.instance(1024, 2048, json!({}))).collect()
}

fn counts(sim: &mut Sim) -> [u64; 2] {
    let service = sim.describe();
    ["desiredCount", "runningCount"].map(|count| service[count].as_u64().unwrap())
}

#[test]
fn daemon_follows_the_instances() {
    let mut sim = Sim::new();
    let two = instances(&mut sim, 2);
    let made = deploy(&mut sim, json!({}));
    assert_eq!(made["schedulingStrategy"], DAEMON);
    assert_eq!(made["desiredCount"], 2);
    assert_eq!(made["deploymentConfiguration"]["minimumHealthyPercent"], 0);
    assert_eq!(made["deploymentConfiguration"]["maximumPercent"], 100);
    sim.pass(90);
    assert_eq!(counts(&mut sim), [2, 2]);
    assert_eq!(sim.service_deployment()["status"], "SUCCESSFUL");
    instances(&mut sim, 1);
    sim.pass(60);
    assert_eq!(counts(&mut sim), [3, 3]);
    let drain = json!({ "cluster": "main", "containerInstances": [two[0]], "status": "DRAINING" });
    sim.ecs("UpdateContainerInstancesState", drain).unwrap();
    sim.pass(60);
    assert_eq!(counts(&mut sim), [2, 2]);
    let on: Vec<Value> =
        sim.tasks("RUNNING").iter().map(|task| task["containerInstanceArn"].clone()).collect();
    assert!(on.iter().all(|arn| !arn.as_str().unwrap().ends_with(&two[0])), "{on:?}");
}

#[test]
fn daemon_without_instances_is_steady() {
    let mut sim = Sim::new();
    deploy(&mut sim, json!({}));
    sim.pass(60);
    assert_eq!(counts(&mut sim), [0, 0]);
    assert_eq!(sim.describe()["deployments"][0]["rolloutState"], "COMPLETED");
}

#[test]
fn daemon_respects_constraints() {
    let mut sim = Sim::new();
    instances(&mut sim, 1);
    sim.instance(1024, 2048, json!({ "stage": "production" }));
    let expression = "attribute:stage == production";
    deploy(&mut sim, json!({ "placementConstraints": [{ "type": "memberOf", "expression": expression }] }));
    sim.pass(60);
    assert_eq!(counts(&mut sim), [1, 1]);
}

#[test]
fn daemon_is_replaced_within_its_minimum() {
    for (minimum, expected) in [(0, 0), (50, 2)] {
        let mut sim = Sim::new();
        instances(&mut sim, 4);
        let configuration = json!({ "minimumHealthyPercent": minimum, "maximumPercent": 100 });
        deploy(&mut sim, json!({ "deploymentConfiguration": configuration }));
        sim.pass(90);
        let mut definition = sim.definition_on_instances("ghcr.io/acme/api:2");
        definition["networkMode"] = json!("host");
        let definition = sim.register_definition(definition);
        sim.update(json!({ "taskDefinition": definition }));
        let (mut least, mut most) = (4, 0);
        sim.pass_while(400, |sim| {
            let service = sim.describe();
            let running = service["runningCount"].as_u64().unwrap();
            least = least.min(running);
            most = most.max(running + service["pendingCount"].as_u64().unwrap());
        });
        assert_eq!((least, most), (expected, 4), "{minimum} %");
        assert_eq!(counts(&mut sim), [4, 4]);
        assert_eq!(sim.service_deployment()["status"], "SUCCESSFUL");
    }
}

#[test]
fn daemon_lacks_room_on_one_instance() {
    let mut sim = Sim::new();
    instances(&mut sim, 1);
    sim.instance(128, 2048, json!({}));
    deploy(&mut sim, json!({}));
    sim.pass(90);
    assert_eq!(counts(&mut sim), [2, 1]);
    let said = sim.messages();
    let unplaced = said.iter().find(|message| message.contains("unable to place")).unwrap();
    assert!(unplaced.contains("has insufficient CPU units available"), "{unplaced}");
}

#[test]
fn daemons_have_no_count() {
    let mut sim = Sim::new();
    instances(&mut sim, 1);
    let definition = sim.definition_on_instances("ghcr.io/acme/api:1");
    let definition = sim.register_definition(definition);
    let mut refused = |members: Value| {
        let mut input = json!({
            "cluster": "main", "serviceName": "agent", "taskDefinition": definition, "launchType": "EC2",
            "schedulingStrategy": DAEMON,
        });
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        sim.refused("CreateService", input)
    };
    let lines = [
        refused(json!({ "desiredCount": 1 })),
        refused(json!({ "placementStrategy": [{ "type": "random" }] })),
        refused(json!({ "deploymentConfiguration": { "maximumPercent": 200 } })),
        refused(json!({ "deploymentConfiguration": { "minimumHealthyPercent": 100 } })),
    ];
    insta::assert_snapshot!(lines.join("\n"));
    deploy(&mut sim, json!({}));
    let scale = json!({ "cluster": "main", "service": "api", "desiredCount": 3 });
    assert!(sim.refused("UpdateService", scale).contains("does not support a desired count"));
    let listed = |sim: &mut Sim, strategy: &str| {
        let input = json!({ "cluster": "main", "schedulingStrategy": strategy });
        sim.ecs("ListServices", input).unwrap()["serviceArns"].as_array().unwrap().len()
    };
    assert_eq!((listed(&mut sim, DAEMON), listed(&mut sim, "REPLICA")), (1, 0));
}
