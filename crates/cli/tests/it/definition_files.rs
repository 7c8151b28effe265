//! Services that are declared by files in ECS's own JSON.

use std::time::Duration;

use aws_sdk_ecs::types::ServiceField;
use longshore_aws::Aws;
use longshore_cli::Exit;

use crate::{
    assert_shown,
    hand::by_hand,
    project::{LOCAL, Project},
};

const ROLE: &str = "arn:aws:iam::123456789012:role/legacy-execution";

/// As `aws ecs describe-task-definition` prints it, with templates.
const TASK_DEFINITION: &str = r#"{
  "taskDefinition": {
    "taskDefinitionArn": "arn:aws:ecs:eu-central-1:123456789012:task-definition/legacy-api:7",
    "containerDefinitions": [
      {
        "name": "Web_App",
        "image": "ghcr.io/acme/{{ must_env "IMAGE" }}:{{ env "TAG" "1" }}",
        "cpu": 0,
        "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
        "essential": true,
        "environment": [
          {"name": "spring.profiles.active", "value": "production"},
          {"name": "LEVEL", "value": "info"}
        ],
        "mountPoints": [],
        "volumesFrom": [],
        "stopTimeout": 60,
        "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}],
        "systemControls": []
      }
    ],
    "family": "legacy-api",
    "executionRoleArn": "arn:aws:iam::123456789012:role/legacy-execution",
    "networkMode": "awsvpc",
    "revision": 7,
    "volumes": [],
    "status": "ACTIVE",
    "requiresAttributes": [{"name": "ecs.capability.task-eni"}],
    "placementConstraints": [],
    "compatibilities": ["EC2", "FARGATE"],
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "512",
    "memory": "1024",
    "registeredAt": "2026-03-01T12:00:00.000000+00:00",
    "registeredBy": "arn:aws:iam::123456789012:user/anna"
  },
  "tags": [{"key": "team", "value": "legacy"}]
}
"#;

/// As ecspresso keeps it.
const SERVICE: &str = r#"{
  "serviceName": "legacy",
  "launchType": "FARGATE",
  "platformVersion": "LATEST",
  "schedulingStrategy": "REPLICA",
  "desiredCount": 2,
  "deploymentConfiguration": {
    "deploymentCircuitBreaker": {"enable": false, "rollback": false},
    "maximumPercent": 150,
    "minimumHealthyPercent": 50
  },
  "enableECSManagedTags": false,
  "propagateTags": "TASK_DEFINITION",
  "healthCheckGracePeriodSeconds": 0
}
"#;

const BASE: &str = r#"
stack = "shop"
aws.region = "eu-central-1"

[services.api]
task-definition = "ecs/task-def.json"
service-definition = "ecs/service-def.json"
"#;

const REGISTRY: &str = r#"
[registries.ghcr]
use = "ghcr"
username = "acme-bot"
token = { file = "token" }
"#;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const READS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Action":["secretsmanager:GetSecretValue","ssm:GetParameters","logs:*"],"Resource":"*"}]}"#;

/// A project with both files, in an account with the role that they name.
fn project(image: &str, registry: &str) -> Project {
    let project = Project::new().variable("IMAGE", image);
    std::fs::create_dir(project.path("configs/ecs")).unwrap();
    project.write("configs/base.toml", &format!("{BASE}{registry}"));
    project.write("configs/ecs/task-def.json", TASK_DEFINITION);
    project.write("configs/ecs/service-def.json", SERVICE);
    by_hand(&project, async |aws: &Aws| {
        let iam = aws.iam().await.unwrap();
        let call = iam.create_role().role_name("legacy-execution").assume_role_policy_document(TRUST);
        call.send().await.unwrap();
        let call = iam.put_role_policy().role_name("legacy-execution").policy_name("reads");
        call.policy_document(READS).send().await.unwrap();
        // Until IAM knows it everywhere.
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
    project
}

fn done(project: &Project, arguments: &[&str]) -> String {
    let ran = project.run(arguments);
    assert_eq!(ran.exit, Exit::Done, "{arguments:?}\n{}\n{}", ran.stdout, ran.stderr);
    ran.stdout
}

#[test]
fn service_is_deployed_from_its_files() {
    let project = project("api", REGISTRY);
    assert_shown!(done(&project, &["config"]));
    done(&project, &["deploy"]);
    done(&project, &["plan", "--detailed-exitcode"]);
    by_hand(&project, async |aws: &Aws| {
        let ecs = aws.ecs().await.unwrap();
        let found =
            ecs.describe_services().services("legacy").include(ServiceField::Tags).send().await.unwrap();
        let service = &found.services()[0];
        assert_eq!((service.running_count, service.platform_version()), (2, Some("LATEST")));
        let found = ecs.describe_task_definition().task_definition("legacy-api").send().await.unwrap();
        let definition = found.task_definition().unwrap();
        assert_eq!(definition.execution_role_arn(), Some(ROLE));
        let container = &definition.container_definitions()[0];
        assert_eq!((container.name(), container.stop_timeout), (Some("Web_App"), Some(60)));
        assert!(container.log_configuration.is_none() && container.repository_credentials.is_some());
    });
    // Every layer can change one value of the files.
    let change = "services.api.containers.Web_App.aws.ulimits.nofile.softLimit=2048";
    let plan = done(
        &project,
        &["plan", "--set", change, "--set", "services.api.containers.Web_App.environment.LEVEL=debug"],
    );
    assert_shown!(plan);
    done(&project, &["destroy", "--yes"]);
}

#[test]
fn service_moves_in_with_its_files() {
    // A service of others: without tags, by the same files.
    let project = project("internal", "");
    project.write("configs/local.toml", &format!("{LOCAL}visibility = \"public\"\n"));
    done(&project, &["deploy"]);
    by_hand(&project, async |aws: &Aws| {
        let ecs = aws.ecs().await.unwrap();
        let definition = ecs.describe_task_definition().task_definition("legacy-api").send().await.unwrap();
        let definition = definition.task_definition.unwrap().task_definition_arn.unwrap();
        let service = ecs.describe_services().services("legacy").send().await.unwrap();
        let service = service.services.unwrap().remove(0).service_arn.unwrap();
        for arn in [definition, service] {
            let tags = ecs.list_tags_for_resource().resource_arn(&arn).send().await.unwrap().tags.unwrap();
            let keys = tags.into_iter().filter_map(|tag| tag.key).collect();
            ecs.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send().await.unwrap();
        }
    });
    let adopted = "[adopt]\n\"service.api\" = true\n\"task-definition.api\" = true\n";
    project.write("configs/base.toml", &format!("{BASE}{adopted}").replace("\"shop\"", "\"moved\""));
    assert_shown!(done(&project, &["plan"]));
    done(&project, &["deploy"]);
    done(&project, &["plan", "--detailed-exitcode"]);
}

#[test]
fn faults_of_files_are_reported_with_their_lines() {
    let project = project("api", REGISTRY);
    let mut shown = String::new();
    for (from, to) in [
        ("\"stopTimeout\": 60", "\"stop-timeout\": 60"),
        ("\"stopTimeout\": 60", "\"stopTimeout\": \"soon\""),
        ("\"name\": \"LEVEL\"", "\"name\": \"spring.profiles.active\""),
        ("\"name\": \"Web_App\",", ""),
        ("\"mountPoints\": [],", "\"secrets\": [{\"name\": \"KEY\", \"valueFrom\": \"/shop/key\"}],"),
        ("must_env \"IMAGE\"", "must_env \"NONE\""),
        ("must_env \"IMAGE\"", "ssm `/shop/image`"),
        ("\"essential\": true,", "\"essential\": true"),
        ("\"taskDefinition\": {", "\"taskDefinition\": null, \"rest\": {"),
    ] {
        project.write("configs/ecs/task-def.json", &TASK_DEFINITION.replace(from, to));
        let plan = project.run(&["plan"]);
        assert_eq!(plan.exit, Exit::Failed, "{to}: {}", plan.stderr);
        shown += &format!("{to}\n{}\n", plan.stderr);
    }
    let missing = project.run(&["plan", "--set", "services.api.task-definition=\"nowhere.json\""]);
    let directory = project.directory.path().to_str().unwrap();
    insta::assert_snapshot!((shown + &missing.stderr).replace(directory, "project"));
}

#[test]
fn private_image_of_file_needs_a_registry() {
    let project = project("api", "");
    let private = "\"repositoryCredentials\": {\"credentialsParameter\": \"arn:aws:secretsmanager:eu-central-1:\
                   123456789012:secret:pull-AbCdEf\"},\n\"mountPoints\": [],";
    project.write("configs/ecs/task-def.json", &TASK_DEFINITION.replace("\"mountPoints\": [],", private));
    let plan = project.run(&["plan"]);
    assert_eq!(plan.exit, Exit::Failed);
    assert!(plan.stderr.contains("needs a credential, and no registry is declared"), "{}", plan.stderr);
}

/// A definition for container instances, as consoles and tools in Go write it.
const ON_INSTANCES: &str = r#"{
  "family": "legacy-agent",
  "pidMode": "",
  "executionRoleArn": "",
  "taskRoleArn": null,
  "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": null},
  "requiresCompatibilities": ["EC2"],
  "containerDefinitions": [{
    "name": "agent",
    "image": "ghcr.io/acme/api:arm",
    "memoryReservation": 64,
    "portMappings": [{"containerPort": 80, "hostPort": null, "appProtocol": ""}],
    "logConfiguration": {"logDriver": "fluentd", "options": {"tag": "{{.Name}}"}, "secretOptions": null}
  }]
}
"#;

#[test]
fn unset_members_of_files_are_left_out() {
    let project = project("api", REGISTRY);
    project.write("configs/ecs/task-def.json", ON_INSTANCES);
    project.write(
        "configs/ecs/service-def.json",
        r#"{"serviceName": "agent", "launchType": "EC2", "desiredCount": 0}"#,
    );
    // The image of the task's platform is pulled.
    assert_shown!(done(&project, &["plan"]));
    done(&project, &["deploy"]);
    done(&project, &["plan", "--detailed-exitcode"]);
    let of_windows = ON_INSTANCES.replace(
        "\"operatingSystemFamily\": null",
        "\"operatingSystemFamily\": \"WINDOWS_SERVER_2022_CORE\"",
    );
    project.write("configs/ecs/task-def.json", &of_windows.replace("ARM64", "X86_64"));
    let plan = project.run(&["plan"]);
    assert!(plan.stderr.contains("the task runs on windows/amd64"), "{}", plan.stderr);
}

#[test]
fn role_gets_what_the_log_drivers_of_a_file_need() {
    let project = project("api", REGISTRY);
    let logs = r#""logConfiguration": {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "/ecs/legacy", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "ecs",
                    "awslogs-create-group": "true"},
        "secretOptions": [{"name": "token", "valueFrom": "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/logs"}]
    }, "mountPoints": [],"#;
    let definition = TASK_DEFINITION.replace("\"mountPoints\": [],", logs);
    let definition = definition.replace(&format!("\"executionRoleArn\": \"{ROLE}\","), "");
    project.write("configs/ecs/task-def.json", &definition);
    by_hand(&project, async |aws: &Aws| {
        let call = aws.ssm().await.unwrap().put_parameter().name("/shop/logs").value("hunter2");
        call.r#type("SecureString".into()).send().await.unwrap();
    });
    let plan = done(&project, &["plan"]);
    assert!(plan.contains("parameter/shop/logs"), "{plan}");
    let deployed = done(&project, &["deploy"]);
    assert!(deployed.contains("api: 2 of 2 tasks running"), "{deployed}");
}

#[test]
fn parameter_of_file_lies_in_the_declared_account() {
    let project = project("api", REGISTRY);
    let secret = "\"secrets\": [{\"name\": \"KEY\", \"valueFrom\": \"/shop/key\"}], \"mountPoints\": [],";
    project.write("configs/ecs/task-def.json", &TASK_DEFINITION.replace("\"mountPoints\": [],", secret));
    let config = done(&project, &["config", "--set", "aws.account=\"123456789012\""]);
    assert!(config.contains("secrets.KEY.arn = \"/shop/key\""), "{config}");
    let plan = project.run(&["plan", "--set", "aws.account=\"123456789012\""]);
    let missing = "there is no parameter arn:aws:ssm:eu-central-1:123456789012:parameter/shop/key";
    assert!(plan.stderr.contains(missing), "{}", plan.stderr);
}
