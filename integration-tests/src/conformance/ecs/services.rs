//! Making, changing and deleting services.

use aws_sdk_ecs::types::{NetworkMode, Service};

use super::{cluster, container_instances, definition, end, idle_service, options, registered, tag};
use crate::conformance::{
    Account, Answer, MOTO, Operation, Refused,
    answer::{Needed as _, either, refusal},
};

/// The page of AWS on the requirements for executing commands.
const EXEC: &str = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        container_instances::of_services(
        Operation::new("ecs:CreateService")
            .case("without tasks", "ACTIVE, service/CLUSTER/NAME, 0 of 0, EC2, 1 deployment", create)
            .case("what is filled in", "REPLICA; 100 to 200 %; ECS; NONE", filled_in)
            .but(
                &[MOTO],
                "no deployment configuration",
                "minimumHealthyPercent is 100 and maximumPercent 200 where a request says nothing, and the \
                 service has them.",
                api!(ecs "DeploymentConfiguration"),
            )
            .case("a circuit breaker", "with rollback", breaker)
            .but(
                &[MOTO],
                "no deployment configuration",
                "A service is described with its deployment configuration; moto forgets it.",
                api!(ecs "Service"),
            )
            .case("the same request with the same token", "the same service", same_token)
            .case("another request with the same token", "InvalidParameterException", other_token)
            .but(
                &[MOTO],
                "accepted",
                "A client token stands for one request: another one with it is not idempotent.",
                "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html",
            )
            .case("a name that is taken", "InvalidParameterException", taken)
            .but(
                &[MOTO],
                "accepted",
                "“Service names must be unique within a cluster.” moto puts the new service in the place of the \
                 old one.",
                api!(ecs "CreateService"),
            )
            .case("in a cluster that is not there", "ClusterNotFoundException", no_cluster)
            .case("in a cluster that was deleted", "ClientException", deleted_cluster)
            .but(
                &[MOTO],
                "accepted",
                "A deleted cluster is INACTIVE, and nothing can be made in it.",
                api!(ecs "DeleteCluster"),
            )
            .case("a task definition that is not there", "ClientException", no_definition)
            .case("awsvpc without a network", "InvalidParameterException", no_network)
            .but(
                &[MOTO],
                "accepted",
                "networkConfiguration “is required for task definitions that use the awsvpc network mode”.",
                api!(ecs "CreateService"),
            )
            .case(
                "after a service of the name was deleted",
                "ACTIVE, another service's creation",
                after_deletion,
            )
            .but(
                &[MOTO],
                "ACTIVE, the first one's creation",
                "The deleted service stays INACTIVE, and the new one is another: it was created now.",
                api!(ecs "DeleteService"),
            )
            .case("tags for its tasks", "true, SERVICE, false", options::create)
            .but(
                &[MOTO],
                "false, SERVICE, false",
                "A service is described with its managed tags; moto forgets them.",
                api!(ecs "Service"),
            )
            .case("commands in tasks without a role", "InvalidParameterException", options::create_executing)
            .but(
                &[MOTO],
                "accepted",
                "The agent that executes commands has its permissions from the task role.",
                EXEC,
            )
            .case("a platform version on instances", "InvalidParameterException", options::create_with_version)
            .but(
                &[MOTO],
                "accepted",
                "“A platform version is specified only for tasks using the Fargate launch type.”",
                api!(ecs "CreateService"),
            ),
        ),
        Operation::new("ecs:UpdateService")
            .case("the desired count", "0 to 1; the same deployment", count)
            .case("another task definition", "PRIMARY of NAME:2", redefine)
            .but(
                &[MOTO],
                "PRIMARY of NAME:1",
                "The new deployment is PRIMARY: “the most recent deployment of a service”. moto leaves the old \
                 one so.",
                api!(ecs "Deployment"),
            )
            .case("the same task definition", "the same deployment", same)
            .case("a new deployment by force", "another deployment", forced)
            .case("tags for its tasks", "true, TASK_DEFINITION, false; the same deployment", options::tags)
            .case("whose tags, in a word of its own", "InvalidParameterException", options::unknown_tags)
            .but(
                &[MOTO],
                "accepted",
                "propagateTags is one of TASK_DEFINITION, SERVICE and NONE.",
                api!(ecs "UpdateService"),
            )
            .case("commands in tasks without a role", "InvalidParameterException", options::executing)
            .but(
                &[MOTO],
                "accepted",
                "The agent that executes commands has its permissions from the task role.",
                EXEC,
            )
            .case("another platform version", "LATEST to 1.3.0; another deployment", options::version)
            .but(
                &[MOTO],
                "none to 1.3.0; the same deployment",
                "platformVersion is LATEST where a request says nothing, and “triggers a new service deployment”.",
                api!(ecs "UpdateService"),
            )
            .case("a task definition that is not there", "ClientException", update_no_definition)
            .case("what is not there", "ServiceNotFoundException", update_absent)
            .case("a service that was deleted", "ServiceNotActiveException", update_deleted)
            .but(
                &[MOTO],
                "accepted",
                "“You can't update a service that's inactive.”",
                api!(ecs "UpdateService"),
            )
            .case("in a cluster that is not there", "ClusterNotFoundException", update_no_cluster),
        Operation::new("ecs:DeleteService")
            .case("without tasks", "INACTIVE in the end", delete)
            .case("while it is scaled above 0", "InvalidParameterException", scaled)
            .case("while it is scaled above 0, by force", "INACTIVE in the end", by_force)
            .case("what is not there", "ServiceNotFoundException", delete_absent)
            .case("in a cluster that is not there", "ClusterNotFoundException", delete_no_cluster),
    ]
}

async fn create(a: Account) -> Answer {
    let name = a.name("create");
    let service = idle_service(&a, &name).await?;
    let arn = service.service_arn().unwrap_or_default();
    let right = arn.ends_with(&format!(":service/{name}/{name}"));
    Ok(format!(
        "{}, {}, {} of {}, {}, {} deployment",
        service.status().unwrap_or_default(),
        if right { "service/CLUSTER/NAME" } else { arn },
        service.running_count(),
        service.desired_count(),
        service.launch_type().map_or("no launch type", |kind| kind.as_str()),
        service.deployments().len(),
    ))
}

async fn filled_in(a: Account) -> Answer {
    let service = idle_service(&a, &a.name("filled")).await?;
    let configuration = service.deployment_configuration().needed("deployment configuration")?;
    Ok(format!(
        "{}; {} to {} %; {}; {}",
        service.scheduling_strategy().map_or("no strategy", |strategy| strategy.as_str()),
        configuration.minimum_healthy_percent().unwrap_or_default(),
        configuration.maximum_percent().unwrap_or_default(),
        service.deployment_controller().map_or("no controller", |controller| controller.r#type().as_str()),
        service.propagate_tags().map_or("NONE", |tags| tags.as_str()),
    ))
}

async fn breaker(a: Account) -> Answer {
    use aws_sdk_ecs::types::{DeploymentCircuitBreaker, DeploymentConfiguration};
    let name = a.name("breaker");
    cluster(&a, &name).await?;
    let definition = registered(&a, &name).await?;
    let breaker = DeploymentCircuitBreaker::builder().enable(true).rollback(true).build();
    let configuration = DeploymentConfiguration::builder().deployment_circuit_breaker(breaker).build();
    let create = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(definition);
    create.desired_count(0).deployment_configuration(configuration).send().await?;
    let service = described(&a, &name).await?;
    let configuration = service.deployment_configuration().needed("deployment configuration")?;
    let breaker = configuration.deployment_circuit_breaker();
    let on = breaker.is_some_and(|breaker| breaker.enable() && breaker.rollback());
    Ok(either(on, "with rollback", "without"))
}

/// The service of a cluster and name.
async fn described(a: &Account, name: &str) -> Result<Service, Refused> {
    let described = a.ecs.describe_services().cluster(name).services(name).send().await?;
    described.services.unwrap_or_default().into_iter().next().needed("service")
}

async fn same_token(a: Account) -> Answer {
    let name = a.name("token");
    cluster(&a, &name).await?;
    let definition = registered(&a, &name).await?;
    let create = || {
        let create = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(&definition);
        create.desired_count(0).client_token(&name).send()
    };
    let first = create().await?.service.needed("service")?;
    let second = create().await?.service.needed("service")?;
    Ok(either(first.service_arn == second.service_arn, "the same service", "another service"))
}

async fn other_token(a: Account) -> Answer {
    let name = a.name("token");
    cluster(&a, &name).await?;
    let definition = registered(&a, &name).await?;
    let create = |count: i32| {
        let create = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(&definition);
        create.desired_count(count).client_token(&name).send()
    };
    create(0).await?;
    refusal(create(1).await)
}

async fn taken(a: Account) -> Answer {
    let name = a.name("taken");
    idle_service(&a, &name).await?;
    let create = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(&name);
    refusal(create.desired_count(0).send().await)
}

async fn no_cluster(a: Account) -> Answer {
    let definition = registered(&a, &a.name("no-cluster")).await?;
    let create = a.ecs.create_service().cluster(a.name("absent")).service_name("api");
    refusal(create.task_definition(definition).desired_count(0).send().await)
}

async fn deleted_cluster(a: Account) -> Answer {
    let name = a.name("deleted");
    cluster(&a, &name).await?;
    a.ecs.delete_cluster().cluster(&name).send().await?;
    let definition = registered(&a, &name).await?;
    let create = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(definition);
    refusal(create.desired_count(0).send().await)
}

async fn no_definition(a: Account) -> Answer {
    let name = a.name("no-definition");
    cluster(&a, &name).await?;
    let create = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(&name);
    refusal(create.desired_count(0).send().await)
}

async fn no_network(a: Account) -> Answer {
    let name = a.name("no-network");
    cluster(&a, &name).await?;
    definition(&a, &name).network_mode(NetworkMode::Awsvpc).send().await?;
    let create = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(&name);
    refusal(create.desired_count(0).send().await)
}

async fn after_deletion(a: Account) -> Answer {
    let name = a.name("after");
    let first = idle_service(&a, &name).await?;
    a.ecs.delete_service().cluster(&name).service(&name).send().await?;
    let create = || a.ecs.create_service().cluster(&name).service_name(&name).task_definition(&name);
    // A service of that name that is still draining is in the way for a moment.
    let second = a
        .until("a service again", || async {
            match create().desired_count(0).send().await {
                Ok(answer) => Ok(answer.service),
                Err(error) => match Refused::from(error) {
                    Refused::Call { code, .. } if code == "InvalidParameterException" => Ok(None),
                    refused => Err(refused),
                },
            }
        })
        .await?;
    let status = second.status().unwrap_or_default();
    let newer = second.created_at().map(|at| at.as_nanos()) > first.created_at().map(|at| at.as_nanos());
    Ok(format!("{status}, {}", either(newer, "another service's creation", "the first one's creation")))
}

/// The deployment that a service's tasks are to be of.
fn primary(service: &Service) -> Result<&aws_sdk_ecs::types::Deployment, Refused> {
    service
        .deployments()
        .iter()
        .find(|deployment| deployment.status() == Some("PRIMARY"))
        .needed("deployment")
}

pub(super) fn same_deployment(before: &Service, after: &Service) -> Answer {
    let same = primary(before)?.id() == primary(after)?.id();
    Ok(either(same, "the same deployment", "another deployment"))
}

async fn count(a: Account) -> Answer {
    let name = a.name("count");
    let before = idle_service(&a, &name).await?;
    let update = a.ecs.update_service().cluster(&name).service(&name).desired_count(1);
    let after = update.send().await?.service.needed("service")?;
    let counts = format!("{} to {}", before.desired_count(), after.desired_count());
    Ok(format!("{counts}; {}", same_deployment(&before, &after)?))
}

async fn redefine(a: Account) -> Answer {
    let name = a.name("redefine");
    idle_service(&a, &name).await?;
    let definition = registered(&a, &name).await?;
    let update = a.ecs.update_service().cluster(&name).service(&name).task_definition(definition);
    let service = update.send().await?.service.needed("service")?;
    let deployment = primary(&service)?;
    let definition = end(deployment.task_definition().unwrap_or_default()).replace(&name, "NAME");
    Ok(format!("{} of {definition}", deployment.status().unwrap_or_default()))
}

async fn same(a: Account) -> Answer {
    let name = a.name("same");
    let before = idle_service(&a, &name).await?;
    let update = a.ecs.update_service().cluster(&name).service(&name).task_definition(&name);
    same_deployment(&before, &update.send().await?.service.needed("service")?)
}

async fn forced(a: Account) -> Answer {
    let name = a.name("forced");
    let before = idle_service(&a, &name).await?;
    let update = a.ecs.update_service().cluster(&name).service(&name).force_new_deployment(true);
    same_deployment(&before, &update.send().await?.service.needed("service")?)
}

async fn update_no_definition(a: Account) -> Answer {
    let name = a.name("no-definition");
    idle_service(&a, &name).await?;
    let update = a.ecs.update_service().cluster(&name).service(&name);
    refusal(update.task_definition(format!("{name}:7")).send().await)
}

async fn update_absent(a: Account) -> Answer {
    let name = a.name("absent");
    cluster(&a, &name).await?;
    refusal(a.ecs.update_service().cluster(&name).service(&name).desired_count(0).send().await)
}

/// Waits until a deleted service is inactive.
async fn gone(a: &Account, name: &str) -> Answer {
    a.settles("INACTIVE", || async {
        let described = a.ecs.describe_services().cluster(name).services(name).send().await?;
        let service = described.services().first();
        Ok(service.and_then(|service| service.status()).unwrap_or("not there").to_owned())
    })
    .await
}

async fn update_deleted(a: Account) -> Answer {
    let name = a.name("deleted");
    idle_service(&a, &name).await?;
    a.ecs.delete_service().cluster(&name).service(&name).send().await?;
    gone(&a, &name).await?;
    refusal(a.ecs.update_service().cluster(&name).service(&name).desired_count(0).send().await)
}

async fn update_no_cluster(a: Account) -> Answer {
    refusal(a.ecs.update_service().cluster(a.name("absent")).service("api").desired_count(0).send().await)
}

async fn delete(a: Account) -> Answer {
    let name = a.name("delete");
    idle_service(&a, &name).await?;
    a.ecs.delete_service().cluster(&name).service(&name).send().await?;
    Ok(format!("{} in the end", gone(&a, &name).await?))
}

/// A service that wants a task and cannot have one: the cluster has no instances.
async fn wanting(a: &Account, name: &str) -> Result<(), Refused> {
    cluster(a, name).await?;
    let definition = registered(a, name).await?;
    let create = a.ecs.create_service().cluster(name).service_name(name).task_definition(definition);
    create.desired_count(1).tags(tag("a", "1")).send().await?;
    Ok(())
}

async fn scaled(a: Account) -> Answer {
    let name = a.name("scaled");
    wanting(&a, &name).await?;
    refusal(a.ecs.delete_service().cluster(&name).service(&name).send().await)
}

async fn by_force(a: Account) -> Answer {
    let name = a.name("by-force");
    wanting(&a, &name).await?;
    a.ecs.delete_service().cluster(&name).service(&name).force(true).send().await?;
    Ok(format!("{} in the end", gone(&a, &name).await?))
}

async fn delete_absent(a: Account) -> Answer {
    let name = a.name("absent");
    cluster(&a, &name).await?;
    refusal(a.ecs.delete_service().cluster(&name).service(&name).send().await)
}

async fn delete_no_cluster(a: Account) -> Answer {
    refusal(a.ecs.delete_service().cluster(a.name("absent")).service("api").send().await)
}
