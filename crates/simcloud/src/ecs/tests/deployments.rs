//! Deployments: their course, their end, and what is said of them.

use serde_json::json;

use super::harness::{Sim, mask};

#[test]
fn a_first_deployment_completes_when_its_tasks_run() {
    let mut sim = Sim::new();
    let created = sim.deploy("ghcr.io/acme/api:1", 2);
    assert_eq!(created["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert_eq!(sim.service_deployment()["status"], "PENDING");
    sim.pass(5);
    assert_eq!(sim.service_deployment()["status"], "IN_PROGRESS");
    assert_eq!(sim.describe()["pendingCount"], 2);
    sim.pass(115);

    let service = sim.describe();
    assert_eq!((service["runningCount"].clone(), service["pendingCount"].clone()), (json!(2), json!(0)));
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    let deployment = sim.service_deployment();
    assert_eq!(deployment["status"], "SUCCESSFUL");
    assert!(deployment["startedAt"].as_f64() < deployment["finishedAt"].as_f64());
    assert_eq!(deployment["targetServiceRevision"]["runningTaskCount"], 2);
    insta::assert_snapshot!(sim.messages().join("\n"));
}

#[test]
fn an_update_replaces_the_tasks_and_keeps_the_minimum() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:1", 3);
    sim.pass(120);
    let definition = sim.register("ghcr.io/acme/api:2");
    let updated = sim.update(json!({ "taskDefinition": definition }));
    let states = |service: &serde_json::Value| -> Vec<String> {
        let deployments = service["deployments"].as_array().unwrap().iter();
        deployments
            .map(|deployment| format!("{} {}", deployment["status"], deployment["rolloutState"]))
            .collect()
    };
    assert_eq!(states(&updated), [r#""PRIMARY" "IN_PROGRESS""#, r#""ACTIVE" "COMPLETED""#]);
    let mut least = 3;
    sim.pass_while(200, |sim| least = least.min(sim.describe()["runningCount"].as_u64().unwrap()));
    assert_eq!(least, 3);
    let service = sim.describe();
    assert_eq!(states(&service), [r#""PRIMARY" "COMPLETED""#]);
    assert!(sim.tasks("RUNNING").iter().all(|task| task["taskDefinitionArn"] == definition.as_str()));
    assert_eq!(sim.tasks("STOPPED").len(), 3);
    let reason = sim.stopped_reason();
    assert_eq!(mask(&reason), "Scaling activity initiated by (deployment ecs-svc/…)");
}

#[test]
fn without_a_change_no_deployment_begins() {
    let mut sim = Sim::new();
    let first = sim.deploy("ghcr.io/acme/api:1", 1);
    sim.pass(120);
    let definition = first["taskDefinition"].clone();
    let same = sim.update(json!({ "taskDefinition": definition, "desiredCount": 2 }));
    assert_eq!(same["deployments"].as_array().unwrap().len(), 1);
    sim.pass(120);
    assert_eq!(sim.describe()["runningCount"], 2);
    let forced = sim.update(json!({ "forceNewDeployment": true }));
    assert_eq!(forced["deployments"].as_array().unwrap().len(), 2);
    sim.update(json!({ "desiredCount": 0 }));
    sim.pass(200);
    let service = sim.describe();
    assert_eq!(
        (service["runningCount"].clone(), service["deployments"][0]["rolloutState"].clone()),
        (json!(0), json!("COMPLETED"))
    );
}

fn with_breaker(sim: &mut Sim, rollback: bool) {
    sim.update(json!({
        "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": rollback } },
    }));
}

#[test]
fn the_circuit_breaker_rolls_back_to_the_last_completed_revision() {
    let mut sim = Sim::new();
    let first = sim.deploy("ghcr.io/acme/api:1", 2);
    with_breaker(&mut sim, true);
    sim.pass(120);
    let broken = sim.register("ghcr.io/acme/api:arm");
    sim.update(json!({ "taskDefinition": broken }));
    let mut statuses = vec![sim.service_deployment()["status"].as_str().unwrap().to_owned()];
    sim.pass_while(600, |sim| {
        let status = sim.service_deployment()["status"].as_str().unwrap().to_owned();
        if statuses.last() != Some(&status) {
            statuses.push(status);
        }
        assert!(sim.describe()["runningCount"].as_u64() >= Some(2));
    });
    assert_eq!(statuses, ["PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL"]);
    let service = sim.describe();
    assert_eq!(service["taskDefinition"], first["taskDefinition"]);
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    let deployment = sim.service_deployment();
    assert_eq!(
        deployment["deploymentCircuitBreaker"],
        json!({ "status": "TRIGGERED", "failureCount": 3, "threshold": 3 })
    );
    assert_eq!(
        deployment["rollback"]["reason"],
        "Service deployment rolled back because the circuit breaker threshold was exceeded."
    );
    insta::assert_snapshot!(sim.messages().join("\n"));
}

#[test]
fn without_something_to_go_back_to_the_rollback_fails() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:arm", 2);
    with_breaker(&mut sim, true);
    // The breaker of a service deployment is the one that it began with.
    sim.update(json!({ "forceNewDeployment": true }));
    sim.pass(600);
    assert_eq!(sim.service_deployment()["status"], "ROLLBACK_FAILED");
    let service = sim.describe();
    assert_eq!(service["deployments"][0]["rolloutState"], "FAILED");
    assert_eq!(
        service["deployments"][0]["rolloutStateReason"],
        "ECS deployment circuit breaker: tasks failed to start."
    );
    let before = sim.tasks("STOPPED").len();
    sim.pass(600);
    assert_eq!(sim.tasks("STOPPED").len(), before, "a failed deployment starts no tasks");
}

#[test]
fn without_a_circuit_breaker_ecs_retries_ever_more_slowly() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:arm", 1);
    let mut starts = Vec::new();
    sim.pass_while(3 * 3600, |sim| {
        for task in sim.tasks("RUNNING") {
            let created = task["createdAt"].as_f64().unwrap();
            if starts.last() != Some(&created) {
                starts.push(created);
            }
        }
    });
    let pauses: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses[0] < 60.0 && *pauses.last().unwrap() > 900.0, "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause < 1000.0), "{pauses:?}");
    let service = sim.describe();
    assert_eq!(service["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert!(service["deployments"][0]["failedTasks"].as_u64().unwrap() > 10);
    assert!(sim.messages().iter().any(|message| message.contains("unable to consistently start tasks")));
}

#[test]
fn the_deployment_succeeds_once_its_cause_of_failure_is_gone() {
    let mut sim = Sim::new();
    sim.write_secret("broken");
    sim.deploy("ghcr.io/acme/api:1", 2);
    sim.pass(90);
    assert!(sim.describe()["deployments"][0]["failedTasks"].as_u64() >= Some(2));
    sim.write_secret(&json!({ "username": "octocat", "password": super::harness::TOKEN }).to_string());
    sim.pass(600);
    let service = sim.describe();
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    assert_eq!(service["deployments"][0]["failedTasks"], 0);
}

#[test]
fn a_deployment_can_be_stopped_by_hand() {
    let mut sim = Sim::new();
    let first = sim.deploy("ghcr.io/acme/api:1", 1);
    sim.pass(120);
    let definition = sim.register("ghcr.io/acme/api:2");
    sim.update(json!({ "taskDefinition": definition }));
    sim.pass(8);
    let arn = sim.service_deployment()["serviceDeploymentArn"].clone();
    sim.ecs("StopServiceDeployment", json!({ "serviceDeploymentArn": arn })).unwrap();
    assert_eq!(sim.service_deployment()["status"], "ROLLBACK_REQUESTED");
    sim.pass(3);
    assert_eq!(sim.service_deployment()["status"], "ROLLBACK_IN_PROGRESS");
    sim.ecs("StopServiceDeployment", json!({ "serviceDeploymentArn": arn })).unwrap();
    sim.pass(120);
    assert_eq!(sim.service_deployment()["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(sim.describe()["taskDefinition"], first["taskDefinition"]);
    assert!(
        sim.refused("StopServiceDeployment", json!({ "serviceDeploymentArn": arn }))
            .starts_with("ConflictException")
    );
}

#[test]
fn a_newer_deployment_takes_the_place_of_one_in_progress() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:arm", 1);
    sim.pass(30);
    let good = sim.register("ghcr.io/acme/api:1");
    sim.update(json!({ "taskDefinition": good }));
    sim.pass(200);
    let list = sim.ecs("ListServiceDeployments", json!({ "cluster": "main", "service": "api" })).unwrap();
    let statuses: Vec<&str> = list["serviceDeployments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|brief| brief["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["SUCCESSFUL", "STOPPED"]);
    assert_eq!(sim.describe()["runningCount"], 1);
}

#[test]
fn the_current_deployment_is_the_last_that_has_begun() {
    let mut sim = Sim::new();
    let current = |service: &serde_json::Value| service["currentServiceDeployment"].clone();
    let created = sim.deploy("ghcr.io/acme/api:1", 1);
    assert!(current(&created).is_null());
    sim.pass(120);
    let first = current(&sim.describe());
    // It stays when it is over.
    assert_eq!((sim.service_deployment()["status"].clone(), first.is_string()), (json!("SUCCESSFUL"), true));
    let definition = sim.register("ghcr.io/acme/api:2");
    assert_eq!(current(&sim.update(json!({ "taskDefinition": definition }))), first);
    sim.pass(5);
    let second = current(&sim.describe());
    assert_ne!(second, first);
    assert_eq!(sim.service_deployment()["serviceDeploymentArn"], second);
}

#[test]
fn tags_are_resolved_once_per_deployment() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:1", 1);
    sim.pass(60);
    let digest = sim.tasks("RUNNING")[0]["containers"][0]["imageDigest"].clone();
    let moved = serde_json::from_value(json!({ "ghcr.io": {
        "users": { "octocat": { "password": super::harness::TOKEN } },
        "repositories": { "acme/api": { "readers": ["octocat"], "tags": { "1": { "platforms": ["linux/amd64"] } } } },
    } }))
    .unwrap();
    sim.world.registries.apply(&moved).unwrap();
    sim.update(json!({ "desiredCount": 2 }));
    sim.pass(60);
    let digests = |sim: &mut Sim| -> Vec<_> {
        sim.tasks("RUNNING").iter().map(|task| task["containers"][0]["imageDigest"].clone()).collect()
    };
    assert_eq!(digests(&mut sim), [digest.clone(), digest.clone()]);
    sim.update(json!({ "forceNewDeployment": true }));
    sim.pass(200);
    let after = digests(&mut sim);
    assert!(after.len() == 2 && after[0] == after[1] && after[0] != digest, "{after:?}");
    let revision = sim.describe()["currentServiceRevisions"][0]["arn"].clone();
    let described =
        sim.ecs("DescribeServiceRevisions", json!({ "serviceRevisionArns": [revision] })).unwrap();
    assert_eq!(described["serviceRevisions"][0]["containerImages"][0]["imageDigest"], after[0]);
}

#[test]
fn a_stopped_task_is_replaced_and_forgotten_after_an_hour() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:1", 1);
    sim.pass(120);
    let task = sim.tasks("RUNNING")[0]["taskArn"].clone();
    sim.ecs("StopTask", json!({ "cluster": "main", "task": task, "reason": "because" })).unwrap();
    sim.pass(120);
    let stopped = sim.tasks("STOPPED");
    assert_eq!(
        (&stopped[0]["stopCode"], &stopped[0]["stoppedReason"]),
        (&json!("UserInitiated"), &json!("because"))
    );
    assert_eq!(sim.describe()["runningCount"], 1);
    let steady = sim.messages().iter().filter(|message| message.contains("steady state")).count();
    assert_eq!(steady, 2, "said again after it was left");
    sim.pass(3600);
    assert!(sim.tasks("STOPPED").is_empty());
}

#[test]
fn a_deleted_service_drains_and_is_inactive() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:1", 2);
    sim.pass(120);
    let delete = json!({ "cluster": "main", "service": "api" });
    assert_eq!(
        sim.refused("DeleteService", delete.clone()),
        "InvalidParameterException: The service cannot be stopped while it is scaled above 0."
    );
    assert!(
        sim.refused("DeleteCluster", json!({ "cluster": "main" }))
            .starts_with("ClusterContainsServicesException")
    );
    let deleted =
        sim.ecs("DeleteService", json!({ "cluster": "main", "service": "api", "force": true })).unwrap();
    assert_eq!(deleted["service"]["status"], "DRAINING");
    let create = sim.service("api", 1);
    assert_eq!(
        sim.refused("CreateService", create.clone()),
        "InvalidParameterException: Unable to Start a service that is still Draining."
    );
    assert!(
        sim.refused("DeleteCluster", json!({ "cluster": "main" }))
            .starts_with("ClusterContainsTasksException")
    );
    sim.pass(60);
    assert_eq!(sim.describe()["status"], "INACTIVE");
    assert_eq!(sim.ecs("ListServices", json!({ "cluster": "main" })).unwrap()["serviceArns"], json!([]));
    sim.ecs("CreateService", create).unwrap();
    sim.pass(120);
    assert_eq!(sim.describe()["runningCount"], 2 / 2);
    sim.ecs("DeleteService", json!({ "cluster": "main", "service": "api", "force": true })).unwrap();
    sim.pass(2 * 3600);
    let answer = sim.ecs("DescribeServices", json!({ "cluster": "main", "services": ["api"] })).unwrap();
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
    sim.ecs("DeleteCluster", json!({ "cluster": "main" })).unwrap();
    assert!(sim.world.agenda.next().is_none(), "nothing is left to happen");
}

#[test]
fn without_instances_an_ec2_task_cannot_be_placed() {
    let mut sim = Sim::new();
    let definition = sim.register("ghcr.io/acme/api:1");
    let mut input = sim.service(&definition, 1);
    input.as_object_mut().unwrap().remove("launchType");
    input["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = json!("DISABLED");
    sim.ecs("CreateService", input).unwrap();
    sim.pass(30);
    assert!(sim.messages()[0].starts_with(
        "(service api) was unable to place a task because no container instance met all of its requirements."
    ));
}

#[test]
fn the_state_survives_a_file() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:1", 2);
    sim.pass(9);
    let text = serde_json::to_string(&sim.world).unwrap();
    assert_eq!(text.matches(super::harness::TOKEN).count(), 1, "only the secret's own value");
    let registries = std::mem::take(&mut sim.world.registries);
    sim.world = serde_json::from_str(&text).unwrap();
    sim.world.registries = registries;
    sim.pass(120);
    assert_eq!(sim.describe()["deployments"][0]["rolloutState"], "COMPLETED");
}
