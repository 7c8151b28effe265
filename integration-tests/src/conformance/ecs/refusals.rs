//! Task definitions that ECS refuses.

use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, LogConfiguration, LogDriver, NetworkMode, RepositoryCredentials,
    Secret,
};

use super::{IMAGE, container, definition, fargate_definition};
use crate::conformance::{Account, Answer, MOTO, Operation, Refused, answer::refusal, iam};

/// Adds the cases of what is refused.
pub(super) fn add(register: Operation) -> Operation {
    register
        .case("without containers", "ClientException", no_containers)
        .but(
            &[MOTO],
            "accepted",
            "A task definition has at least one container; the request is one that ECS cannot carry out: a \
                 ClientException.",
            api!(ecs "RegisterTaskDefinition"),
        )
        .case("a container without memory", "ClientException", no_memory)
        .case("a container without an image", "ClientException", no_image)
        .case("two containers of one name", "ClientException", same_name)
        .but(
            &[MOTO],
            "accepted",
            "Containers are told apart by their names, within a task definition.",
            api!(ecs "ContainerDefinition"),
        )
        .case("no essential container", "ClientException", none_essential)
        .but(
            &[MOTO],
            "accepted",
            "“All tasks must have at least one essential container.”",
            api!(ecs "ContainerDefinition"),
        )
        .case("Fargate with a size that there is not", "ClientException", fargate_size)
        .but(
            &[MOTO],
            "accepted",
            "On Fargate, cpu decides which values memory can have: 256 units go with 512, 1024 or 2048 MiB.",
            api!(ecs "RegisterTaskDefinition"),
        )
        .case("Fargate without a size", "ClientException", fargate_no_size)
        .but(
            &[MOTO],
            "accepted",
            "“If you use the Fargate launch type, this field is required”, of cpu and of memory.",
            api!(ecs "RegisterTaskDefinition"),
        )
        .case("Fargate with the network mode bridge", "ClientException", fargate_bridge)
        .but(
            &[MOTO],
            "accepted",
            "“For Amazon ECS tasks on Fargate, the awsvpc network mode is required.”",
            api!(ecs "RegisterTaskDefinition"),
        )
        .case("secrets without an execution role", "ClientException", secrets_without_role)
        .but(
            &[MOTO],
            "accepted",
            "The agent reads secrets with the execution role, so that there has to be one.",
            "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html",
        )
        .case("repository credentials without an execution role", "ClientException", credentials_without_role)
        .but(
            &[MOTO],
            "accepted",
            "The agent reads the registry's credential with the execution role, so that there has to be one.",
            "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html",
        )
        .case("repository credentials for an image in ECR", "ClientException", credentials_for_ecr)
        .but(
            &[MOTO],
            "accepted",
            "Private registry authentication is for registries other than ECR, where the execution role \
                 itself may pull.",
            "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html",
        )
        .case("logs on Fargate without an execution role", "ClientException", logs_without_role)
        .but(
            &[MOTO],
            "accepted",
            "On Fargate, the awslogs driver writes with the execution role, so that there has to be one.",
            "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html",
        )
        .case("a family with a space", "ClientException", bad_family)
        .but(
            &[MOTO],
            "accepted",
            "A family has up to 255 letters, digits, underscores and hyphens.",
            api!(ecs "RegisterTaskDefinition"),
        )
}

/// A role that tasks may have, once ECS sees it: it refuses one that it does not see yet.
pub(super) async fn execution_role(a: &Account) -> Result<String, Refused> {
    let role = iam::role(a, &a.name("execution")).await?;
    a.until("a role that ECS sees", || async {
        let register = fargate_definition(a, &a.name("probe")).execution_role_arn(&role);
        let answer = refusal(register.container_definitions(container().build()).send().await)?;
        Ok((answer == "accepted").then_some(()))
    })
    .await?;
    Ok(role)
}

async fn no_containers(a: Account) -> Answer {
    let register = a.ecs.register_task_definition().family(a.name("none"));
    refusal(register.set_container_definitions(Some(Vec::new())).send().await)
}

async fn no_memory(a: Account) -> Answer {
    let container = ContainerDefinition::builder().name("api").image(IMAGE).essential(true).build();
    let register = a.ecs.register_task_definition().family(a.name("memory")).container_definitions(container);
    refusal(register.send().await)
}

async fn no_image(a: Account) -> Answer {
    let container = ContainerDefinition::builder().name("api").essential(true).memory(128).build();
    let register =
        a.ecs.register_task_definition().family(a.name("no-image")).container_definitions(container);
    refusal(register.send().await)
}

async fn same_name(a: Account) -> Answer {
    refusal(definition(&a, &a.name("same")).container_definitions(container().build()).send().await)
}

async fn none_essential(a: Account) -> Answer {
    let container = container().essential(false).build();
    let register = a.ecs.register_task_definition().family(a.name("essential"));
    refusal(register.container_definitions(container).send().await)
}

async fn fargate_size(a: Account) -> Answer {
    let register = fargate_definition(&a, &a.name("sized")).memory("4096");
    refusal(register.container_definitions(container().build()).send().await)
}

async fn fargate_no_size(a: Account) -> Answer {
    let register = definition(&a, &a.name("unsized")).network_mode(NetworkMode::Awsvpc);
    refusal(register.requires_compatibilities(Compatibility::Fargate).send().await)
}

async fn fargate_bridge(a: Account) -> Answer {
    let register = fargate_definition(&a, &a.name("bridge")).network_mode(NetworkMode::Bridge);
    refusal(register.container_definitions(container().build()).send().await)
}

const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:longshore/pull-AbCdEf";

fn credentials() -> Result<RepositoryCredentials, Refused> {
    let credentials = RepositoryCredentials::builder().credentials_parameter(SECRET).build();
    credentials.map_err(|_| Refused::Missing("credentials"))
}

async fn secrets_without_role(a: Account) -> Answer {
    let secret = Secret::builder().name("TOKEN").value_from(SECRET).build();
    let container = container().secrets(secret.map_err(|_| Refused::Missing("secret"))?).build();
    refusal(fargate_definition(&a, &a.name("secrets")).container_definitions(container).send().await)
}

async fn credentials_without_role(a: Account) -> Answer {
    let container = container().image("ghcr.io/acme/api:1").repository_credentials(credentials()?).build();
    refusal(fargate_definition(&a, &a.name("roleless")).container_definitions(container).send().await)
}

async fn credentials_for_ecr(a: Account) -> Answer {
    let image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api:1";
    let container = container().image(image).repository_credentials(credentials()?).build();
    let register = fargate_definition(&a, &a.name("of-ecr")).container_definitions(container);
    refusal(register.execution_role_arn(execution_role(&a).await?).send().await)
}

async fn logs_without_role(a: Account) -> Answer {
    let logs = LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .options("awslogs-group", "/conformance")
        .options("awslogs-region", "eu-central-1")
        .options("awslogs-stream-prefix", "api");
    let logs = logs.build().map_err(|_| Refused::Missing("logs"))?;
    let container = container().log_configuration(logs).build();
    refusal(fargate_definition(&a, &a.name("logs")).container_definitions(container).send().await)
}

async fn bad_family(a: Account) -> Answer {
    refusal(definition(&a, &a.name("a space")).send().await)
}
