//! The stock aws command line reads back, over HTTP, what Longshore made in the simulated cloud.

use serde_json::{Value, json};

use super::tool;
use crate::longshore::{Project, SERVICE, Server, TOKEN};

struct Aws<'a> {
    project: &'a Project,
    url: &'a str,
}

impl Aws<'_> {
    fn run(&self, arguments: &str) -> std::process::Output {
        let mut command = self.project.command(tool("aws"));
        command.args(["--endpoint-url", self.url, "--region", "eu-central-1", "--output", "json"]);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.args(arguments.split(' ')).output().unwrap()
    }

    fn read(&self, arguments: &str) -> Value {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "aws {arguments}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("aws {arguments}: {error}"))
    }

    fn refused(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "aws {arguments} was not refused");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn reads_back_what_was_deployed() {
    let project = Project::new();
    let server = Server::simulated_cloud(&project);
    let deployed = Project::new()
        .variable("AWS_ENDPOINT_URL", &server.url)
        .longshore(&["deploy", "--set", &format!("services.{SERVICE}.deployment.timeout=3m")])
        .code(0);
    assert!(deployed.stdout.contains("2 of 2 tasks"), "{}", deployed.stdout);
    let aws = Aws { project: &project, url: &server.url };

    let secret = aws.read("secretsmanager get-secret-value --secret-id longshore/microservice-api/ghcr/pull");
    let value: Value = serde_json::from_str(secret["SecretString"].as_str().unwrap()).unwrap();
    assert_eq!(value, json!({"username": "jonashackt", "password": TOKEN.trim()}));
    let secret_arn = secret["ARN"].as_str().unwrap();

    let services = aws.read(&format!("ecs describe-services --cluster default --services {SERVICE}"));
    let service = &services["services"][0];
    assert_eq!(service["runningCount"], 2);
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");

    let tasks = aws.read(&format!("ecs list-tasks --cluster default --service-name {SERVICE}"));
    let arns: Vec<_> =
        tasks["taskArns"].as_array().unwrap().iter().map(|arn| arn.as_str().unwrap()).collect();
    let tasks = aws.read(&format!("ecs describe-tasks --cluster default --tasks {}", arns.join(" ")));
    let states: Vec<_> = tasks["tasks"].as_array().unwrap().iter().map(|task| &task["lastStatus"]).collect();
    assert_eq!(states, ["RUNNING", "RUNNING"]);

    let family = service["taskDefinition"].as_str().unwrap();
    let definition = aws.read(&format!("ecs describe-task-definition --task-definition {family}"));
    let definition = &definition["taskDefinition"];
    let container = &definition["containerDefinitions"][0];
    assert_eq!(container["repositoryCredentials"]["credentialsParameter"], secret_arn);
    assert_eq!(container["memory"], 768);
    assert_eq!(container["portMappings"][0]["containerPort"], 8080);

    let role = definition["executionRoleArn"].as_str().unwrap().rsplit('/').next().unwrap();
    let trust = aws.read(&format!("iam get-role --role-name {role}"));
    let statement = &trust["Role"]["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(statement["Principal"], json!({"Service": "ecs-tasks.amazonaws.com"}));
    let policies = aws.read(&format!("iam list-role-policies --role-name {role}"));
    let policy = policies["PolicyNames"][0].as_str().unwrap();
    let policy = aws.read(&format!("iam get-role-policy --role-name {role} --policy-name {policy}"));
    let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
    assert_eq!(statements.len(), 1, "without a key, the secret is all that the role may read");
    assert_eq!(statements[0]["Action"], "secretsmanager:GetSecretValue");
    assert_eq!(statements[0]["Resource"], secret_arn);
    let attached = aws.read(&format!("iam list-attached-role-policies --role-name {role}"));
    assert_eq!(attached["AttachedPolicies"].as_array().unwrap().len(), 2);

    aws.read("logs describe-log-groups --log-group-name-prefix /longshore/");
    aws.read("sts get-caller-identity");
    aws.read("ec2 describe-subnets --filters Name=default-for-az,Values=true");
}

#[test]
fn shows_awss_own_error_codes_and_names_what_is_not_simulated() {
    let project = Project::new();
    let server = Server::simulated_cloud(&project);
    let aws = Aws { project: &project, url: &server.url };
    for (arguments, code) in [
        ("secretsmanager get-secret-value --secret-id nothing", "ResourceNotFoundException"),
        ("iam get-role --role-name nobody", "NoSuchEntity"),
        ("ecs describe-task-definition --task-definition none", "ClientException"),
        ("ecs describe-services --cluster none --services api", "ClusterNotFoundException"),
        ("ecs create-task-set --cluster c --service s --task-definition t", "CreateTaskSet"),
        ("iam list-users", "ListUsers"),
    ] {
        let message = aws.refused(arguments);
        assert!(message.contains(code), "aws {arguments}: {message}");
    }
}
