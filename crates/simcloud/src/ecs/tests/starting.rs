//! Tests of a task's start, and of each reason for which it fails.

use serde_json::json;

use super::harness::{ROLE, Sim, TOKEN};
use crate::dispatch::Service;

#[test]
fn a_task_goes_from_provisioning_to_running_on_the_clock() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:1", 1);
    let mut seen = Vec::new();
    sim.pass_while(60, |sim| {
        if let [task] = &sim.tasks("RUNNING")[..] {
            let status = task["lastStatus"].as_str().unwrap().to_owned();
            if seen.last() != Some(&status) {
                seen.push(status);
            }
        }
    });
    assert_eq!(seen, ["PROVISIONING", "PENDING", "RUNNING"]);

    let task = &sim.tasks("RUNNING")[0];
    let container = &task["containers"][0];
    assert_eq!(container["lastStatus"], "RUNNING");
    assert!(container["imageDigest"].as_str().unwrap().starts_with("sha256:"));
    assert!(container["networkInterfaces"][0]["privateIpv4Address"].as_str().unwrap().starts_with("172.31."));
    assert_eq!(task["attachments"][0]["status"], "ATTACHED");
    let time = |member: &str| task[member].as_f64().unwrap();
    assert!(time("createdAt") < time("connectivityAt"));
    assert!(time("pullStartedAt") < time("pullStoppedAt"));
    assert!(time("pullStoppedAt") < time("startedAt"));
}

/// Lets a service try to start a task and answers the stopped reason, without what is random in it.
fn reason(sim: &mut Sim, image: &str) -> String {
    sim.deploy(image, 1);
    sim.pass(300);
    let task = &sim.tasks("STOPPED")[0];
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    assert!(task.get("startedAt").is_none());
    let reason = task["stoppedReason"].as_str().unwrap().to_owned();
    let (reason, _) = reason.split_once(", request id: ").unwrap_or((&reason, ""));
    super::harness::mask(reason).replace(&sim.secret, "SECRET")
}

#[test]
fn without_the_secrets_statement_the_agent_says_what_aws_says() {
    let mut sim = Sim::new();
    sim.allow(json!([{ "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*" }]));
    sim.pass(10);
    insta::assert_snapshot!(reason(&mut sim, "ghcr.io/acme/api:1"));
}

#[test]
fn a_secret_that_is_gone_is_not_found() {
    let mut sim = Sim::new();
    let input = json!({ "SecretId": sim.secret, "ForceDeleteWithoutRecovery": true });
    sim.call(Service::SecretsManager, "DeleteSecret", input).unwrap();
    sim.pass(600);
    insta::assert_snapshot!(reason(&mut sim, "ghcr.io/acme/api:1"));
}

#[test]
fn a_secret_must_be_json_with_a_user_name_and_a_password() {
    for (value, why) in [
        ("ghp_plain", "asm fetching authorization data: unable to unmarshal secret value, invalid schema"),
        (
            r#"{"username":"octocat","password":7}"#,
            "asm fetching authorization data: unable to unmarshal secret value, invalid schema",
        ),
        (r#"{"username":"octocat"}"#, "asm fetching password: AuthorizationData is malformed, empty field"),
        (
            r#"{"username":"","password":"x"}"#,
            "asm fetching username: AuthorizationData is malformed, empty field",
        ),
    ] {
        let mut sim = Sim::new();
        sim.write_secret(value);
        assert_eq!(
            reason(&mut sim, "ghcr.io/acme/api:1"),
            format!(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to get registry auth from asm: service call has been retried 1 time(s): {why}"
            ),
        );
    }
}

#[test]
fn a_role_that_does_not_trust_ecs_cannot_be_assumed() {
    let mut sim = Sim::new();
    sim.trust("UpdateAssumeRolePolicy", "PolicyDocument", "lambda.amazonaws.com");
    sim.pass(10);
    let text = format!(
        "ECS was unable to assume the role '{ROLE}' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role."
    );
    assert_eq!(reason(&mut sim, "ghcr.io/acme/api:1"), text);
    assert!(sim.messages().contains(&format!("(service api) failed to launch a task with (error {text}).")));
}

#[test]
fn the_registry_refuses_in_its_own_words() {
    let mut reasons = Vec::new();
    for (user, password, image) in [
        ("octocat", TOKEN, "ghcr.io/acme/api:9"),
        ("octocat", "ghp_wrong", "ghcr.io/acme/api:1"),
        ("octocat", "github_pat_fine", "ghcr.io/acme/api:1"),
        ("stranger", "ghp_strangers", "ghcr.io/acme/api:1"),
        ("octocat", TOKEN, "ghcr.io/acme/none:1"),
        ("octocat", TOKEN, "ghcr.io/acme/api:arm"),
        ("octocat", TOKEN, "ghcr.io/acme/api:arm-index"),
        ("octocat", TOKEN, "acme/none:1"),
        ("octocat", TOKEN, "registry.invalid/acme/api:1"),
    ] {
        let mut sim = Sim::new();
        sim.write_secret(&json!({ "username": user, "password": password }).to_string());
        let reason = reason(&mut sim, image);
        assert!(!reason.contains(password));
        reasons.push(format!("{user} {image}: {reason}"));
    }
    insta::assert_snapshot!(reasons.join("\n"));
}

#[test]
fn without_credentials_only_public_images_are_pulled() {
    let mut sim = Sim::new();
    for (image, runs) in [("ghcr.io/acme/public", true), ("nginx", true), ("ghcr.io/acme/api:1", false)] {
        let mut definition = sim.definition(image);
        definition["containerDefinitions"][0].as_object_mut().unwrap().remove("repositoryCredentials");
        let definition = sim.register_definition(definition);
        let network = sim.network();
        let input = json!({ "cluster": "main", "taskDefinition": definition, "launchType": "FARGATE", "networkConfiguration": network });
        let task = sim.ecs("RunTask", input).unwrap()["tasks"][0]["taskArn"].clone();
        sim.pass(60);
        let described = sim.ecs("DescribeTasks", json!({ "cluster": "main", "tasks": [task] })).unwrap();
        let task = &described["tasks"][0];
        assert_eq!(task["lastStatus"] == "RUNNING", runs, "{task}");
        if !runs {
            assert_eq!(
                task["stoppedReason"],
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref ghcr.io/acme/api:1: failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token?scope=repository%3Aacme%2Fapi%3Apull&service=ghcr.io: 401 Unauthorized: authentication required"
            );
        }
    }
}

#[test]
fn an_arm_image_runs_on_arm() {
    let mut sim = Sim::new();
    let mut definition = sim.definition("ghcr.io/acme/api:arm");
    definition["runtimePlatform"] = json!({ "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" });
    let definition = sim.register_definition(definition);
    let input = sim.service(&definition, 1);
    sim.ecs("CreateService", input).unwrap();
    sim.pass(60);
    assert_eq!(sim.tasks("RUNNING")[0]["lastStatus"], "RUNNING");
}

#[test]
fn a_container_that_exits_ends_its_task() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:crash", 1);
    sim.pass(60);
    let task = &sim.tasks("STOPPED")[0];
    assert_eq!(task["stoppedReason"], "Essential container in task exited");
    assert_eq!(task["stopCode"], "EssentialContainerExited");
    assert_eq!(task["containers"][0]["exitCode"], 1);
}

#[test]
fn a_container_that_takes_more_memory_than_it_has_is_killed() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:hungry", 1);
    sim.pass(60);
    let container = &sim.tasks("STOPPED")[0]["containers"][0];
    assert_eq!(container["exitCode"], 137);
    assert_eq!(container["reason"], "OutOfMemoryError: Container killed due to memory usage");
}

#[test]
fn logs_go_to_a_stream_of_a_group_that_must_exist() {
    let mut sim = Sim::new();
    let secret = sim.secret.clone();
    sim.allow(json!([
        { "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret },
        { "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*" },
    ]));
    sim.pass(10);
    let mut definition = sim.definition("ghcr.io/acme/api:1");
    definition["containerDefinitions"][0]["logConfiguration"] = json!({
        "logDriver": "awslogs",
        "options": { "awslogs-group": "/ecs/api", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "ecs" },
    });
    let definition = sim.register_definition(definition);
    let input = sim.service(&definition, 1);
    sim.ecs("CreateService", input).unwrap();
    sim.pass(60);
    assert_eq!(
        sim.stopped_reason(),
        "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1"
    );

    sim.call(Service::Logs, "CreateLogGroup", json!({ "logGroupName": "/ecs/api" })).unwrap();
    sim.pass(300);
    let task = sim.tasks("RUNNING")[0]["taskArn"].as_str().unwrap().to_owned();
    let stream = format!("ecs/api/{}", task.rsplit('/').next().unwrap());
    let group = sim.world.logs.group("eu-central-1", "/ecs/api").unwrap();
    assert_eq!(group.streams[&stream].events[0].message, "api started from ghcr.io/acme/api:1");

    sim.allow(json!([{ "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret }]));
    sim.update(json!({ "forceNewDeployment": true }));
    sim.pass(60);
    assert!(sim.tasks("STOPPED").iter().any(|task| {
        let reason = task["stoppedReason"].as_str().unwrap();
        reason.contains("AccessDeniedException") && reason.contains("logs:CreateLogStream")
    }));
}

#[test]
fn a_roles_new_policy_counts_when_it_has_spread() {
    let mut sim = Sim::new();
    sim.world.iam.set_propagation(std::time::Duration::from_secs(45));
    let secret = sim.secret.clone();
    sim.allow(json!([{ "Effect": "Allow", "Action": "ecr:*", "Resource": "*" }]));
    sim.pass(60);
    sim.allow(json!([{ "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret }]));
    sim.deploy("ghcr.io/acme/api:1", 1);
    sim.pass(300);
    assert!(sim.stopped_reason().contains("AccessDeniedException"));
    assert_eq!(sim.describe()["runningCount"], 1);
}

#[test]
fn container_secrets_are_read_with_the_execution_role() {
    let mut sim = Sim::new();
    let mut definition = sim.definition("ghcr.io/acme/api:1");
    let value_from = format!("{}:nothing::", sim.secret);
    definition["containerDefinitions"][0]["secrets"] = json!([{ "name": "X", "valueFrom": value_from }]);
    let definition = sim.register_definition(definition);
    let input = sim.service(&definition, 1);
    sim.ecs("CreateService", input).unwrap();
    sim.pass(60);
    assert_eq!(
        sim.stopped_reason(),
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): retrieved secret from Secrets Manager did not contain json key nothing"
    );
}

#[test]
fn parameters_are_read_with_the_execution_role() {
    let mut sim = Sim::new();
    let arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/db";
    let mut definition = sim.definition("ghcr.io/acme/api:1");
    definition["containerDefinitions"][0]["secrets"] =
        json!([{ "name": "X", "valueFrom": arn }, { "name": "Y", "valueFrom": "/shop/other" }]);
    let definition = sim.register_definition(definition);
    let input = sim.service(&definition, 1);
    sim.ecs("CreateService", input).unwrap();
    sim.pass(60);
    let start = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): ";
    let reason = sim.stopped_reason();
    let why = reason.strip_prefix(start).unwrap();
    assert!(
        why.starts_with("AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/execution/")
    );
    assert!(
        why.contains(&format!("is not authorized to perform: ssm:GetParameters on resource: {arn} because"))
    );

    let secret = sim.secret.clone();
    sim.allow(json!([
        { "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret },
        { "Effect": "Allow", "Action": "ssm:GetParameters", "Resource": [arn, arn.replace("db", "other")] },
    ]));
    let put = |name: &str| json!({ "Name": name, "Value": "v", "Type": "SecureString" });
    sim.call(Service::Ssm, "PutParameter", put("/shop/db")).unwrap();
    sim.update(json!({ "forceNewDeployment": true }));
    sim.pass(60);
    let tasks = sim.tasks("STOPPED");
    let reasons: Vec<_> = tasks.iter().map(|task| task["stoppedReason"].as_str().unwrap()).collect();
    assert!(reasons.contains(&format!("{start}invalid ssm parameters: /shop/other").as_str()), "{reasons:?}");

    sim.call(Service::Ssm, "PutParameter", put("/shop/other")).unwrap();
    sim.update(json!({ "forceNewDeployment": true }));
    sim.pass(300);
    assert_eq!(sim.describe()["runningCount"], 1);
}

#[test]
fn in_a_public_subnet_a_task_without_a_public_address_reaches_nothing() {
    let mut sim = Sim::new();
    let definition = sim.register("ghcr.io/acme/api:1");
    let mut input = sim.service(&definition, 1);
    input["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = json!("DISABLED");
    sim.ecs("CreateService", input).unwrap();
    sim.pass(60);
    assert!(sim.tasks("STOPPED").is_empty(), "the retries take minutes");
    sim.pass(240);
    let reason = sim.stopped_reason().replace(&sim.secret, "SECRET");
    assert_eq!(
        reason,
        r#"ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to get registry auth from asm: service call has been retried 5 time(s): asm fetching secret from the service for SECRET: RequestError: send request failed caused by: Post "https://secretsmanager.eu-central-1.amazonaws.com/": dial tcp 198.51.100.1:443: i/o timeout. Please check your task network configuration."#
    );
}

#[test]
fn a_task_with_a_health_check_counts_when_it_is_healthy() {
    let mut sim = Sim::new();
    let mut definition = sim.definition("ghcr.io/acme/api:1");
    definition["containerDefinitions"][0]["healthCheck"] =
        json!({ "command": ["CMD", "true"], "interval": 60 });
    let definition = sim.register_definition(definition);
    let input = sim.service(&definition, 1);
    sim.ecs("CreateService", input).unwrap();
    sim.pass(60);
    let running = sim.tasks("RUNNING")[0].clone();
    assert_eq!((&running["lastStatus"], &running["healthStatus"]), (&json!("RUNNING"), &json!("UNKNOWN")));
    assert_eq!(sim.describe()["deployments"][0]["rolloutState"], "IN_PROGRESS");
    sim.pass(60);
    assert_eq!(sim.tasks("RUNNING")[0]["healthStatus"], "HEALTHY");
    assert_eq!(sim.describe()["deployments"][0]["rolloutState"], "COMPLETED");
}

#[test]
fn an_errand_shows_nothing_of_its_credentials() {
    let mut sim = Sim::new();
    sim.deploy("127.0.0.1:5000/acme/api:1", 1);
    let until = sim.now + std::time::Duration::from_secs(60);
    let errand = loop {
        let (at, due) = sim.world.agenda.pop(until).unwrap();
        if let crate::Due::Ecs(due) = due
            && let Some(errand) = crate::ecs::happen(&mut sim.world, at, due)
        {
            break errand;
        }
    };
    let shown = format!("{errand:?}");
    assert!(shown.contains("acme/api") && !shown.contains(TOKEN) && !shown.contains("octocat"), "{shown}");
}
