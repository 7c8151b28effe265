//! Service deployments, the truth about a rollout, and the service revisions that they deploy.

use aws_sdk_ecs::types::{
    DeploymentCircuitBreaker, DeploymentConfiguration, LaunchType, ServiceDeployment,
    ServiceDeploymentStatus, StopServiceDeploymentStopType,
};

use super::{cluster, container, fargate_definition, idle_service, network};
use crate::conformance::{
    Account, Answer, Operation, Refused,
    answer::{Needed as _, either, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ecs:ListServiceDeployments")
            .case("of a new service", "1, of the service", list)
            .case("the newest of two", "another one first", newest)
            .case("by a status that none has", "0", by_status)
            .case("of a service that is not there", "ServiceNotFoundException", absent)
            .case("in a cluster that is not there", "ClusterNotFoundException", no_cluster),
        Operation::new("ecs:DescribeServiceDeployments")
            .case("a rollout that comes about", "SUCCESSFUL; 1 of 1 running; COMPLETED", success)
            .case(
                "a rollout that fails, with a circuit breaker",
                "STOPPED or ROLLBACK_FAILED; none running",
                failure,
            )
            .case(
                "a rollout that fails after one that came about",
                "ROLLBACK_SUCCESSFUL; on NAME:1 again",
                rollback,
            )
            .case("what is not there", "1 failure: MISSING", missing)
            .case("21 of them", "InvalidParameterException", too_many),
        Operation::new("ecs:StopServiceDeployment")
            .case(
                "a rollout in progress, after one that came about",
                "its ARN; ROLLBACK_SUCCESSFUL; to the revision before; on NAME:1 again",
                stop,
            )
            .case(
                "a forced deployment of the same task definition",
                "its ARN; ROLLBACK_SUCCESSFUL; to the revision before; on NAME:1 again",
                stop_forced,
            )
            .case("a rollout that has ended", "ConflictException", stop_ended)
            .case("what is not there", "ServiceDeploymentNotFoundException", stop_absent),
        Operation::new("ecs:DescribeServiceRevisions")
            .case("of a service without tasks", "of the service; on its task definition", revision)
            .case("the image of a service that runs", "api; the image; sha256", resolved)
            .case("what is not there", "1 failure: MISSING", no_revision)
            .case("21 of them", "InvalidParameterException", too_many_revisions),
    ]
}

/// The ARNs of a service's deployments, in the order that they are listed in.
async fn deployments(a: &Account, name: &str) -> Result<Vec<String>, Refused> {
    let list = a.ecs.list_service_deployments().cluster(name).service(name).send().await?;
    Ok(list.service_deployments().iter().filter_map(|brief| brief.service_deployment_arn.clone()).collect())
}

/// The first deployments of a service, once there are so many.
async fn at_least(a: &Account, name: &str, count: usize) -> Result<Vec<String>, Refused> {
    a.until("deployments", || async {
        let found = deployments(a, name).await?;
        Ok((found.len() >= count).then_some(found))
    })
    .await
}

async fn list(a: Account) -> Answer {
    let name = a.name("list");
    let service = idle_service(&a, &name).await?;
    let count = at_least(&a, &name, 1).await?.len();
    let list = a.ecs.list_service_deployments().cluster(&name).service(&name).send().await?;
    let of = list.service_deployments().first().and_then(|brief| brief.service_arn());
    Ok(format!("{count}, {}", either(of == service.service_arn(), "of the service", "of another service")))
}

async fn newest(a: Account) -> Answer {
    let name = a.name("newest");
    idle_service(&a, &name).await?;
    let first = at_least(&a, &name, 1).await?;
    a.ecs.update_service().cluster(&name).service(&name).force_new_deployment(true).send().await?;
    let both = at_least(&a, &name, 2).await?;
    Ok(either(both[0] != first[0] && both[1] == first[0], "another one first", "another order"))
}

async fn by_status(a: Account) -> Answer {
    let name = a.name("status");
    idle_service(&a, &name).await?;
    let list = a.ecs.list_service_deployments().cluster(&name).service(&name);
    let list = list.status(ServiceDeploymentStatus::RollbackFailed).send().await?;
    Ok(list.service_deployments().len().to_string())
}

async fn absent(a: Account) -> Answer {
    let name = a.name("absent");
    cluster(&a, &name).await?;
    refusal(a.ecs.list_service_deployments().cluster(&name).service(&name).send().await)
}

async fn no_cluster(a: Account) -> Answer {
    refusal(a.ecs.list_service_deployments().cluster(a.name("absent")).service("api").send().await)
}

/// Makes a service on Fargate with one task of an image, and a circuit breaker that rolls back.
async fn roll_out(a: &Account, name: &str, image: Option<&str>) -> Result<(), Refused> {
    cluster(a, name).await?;
    define(a, name, image).await?;
    let breaker = DeploymentCircuitBreaker::builder().enable(true).rollback(true).build();
    let configuration = DeploymentConfiguration::builder().deployment_circuit_breaker(breaker).build();
    let create = a.ecs.create_service().cluster(name).service_name(name).task_definition(name);
    let create =
        create.desired_count(1).launch_type(LaunchType::Fargate).network_configuration(network(a).await?);
    create.deployment_configuration(configuration).send().await?;
    Ok(())
}

async fn define(a: &Account, name: &str, image: Option<&str>) -> Result<(), Refused> {
    let container = match image {
        Some(image) => container().image(image),
        None => container(),
    };
    fargate_definition(a, name).container_definitions(container.build()).send().await?;
    Ok(())
}

/// The newest deployment of a service, once it has ended.
async fn ended(a: &Account, name: &str, count: usize) -> Result<ServiceDeployment, Refused> {
    let arn = at_least(a, name, count).await?.swap_remove(0);
    a.until("an end of the deployment", || async {
        let described = a.ecs.describe_service_deployments().service_deployment_arns(&arn).send().await?;
        let deployment = described.service_deployments.unwrap_or_default().into_iter().next();
        let ended = |deployment: &ServiceDeployment| {
            let status = deployment.status().map_or("", |status| status.as_str());
            !["PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"]
                .contains(&status)
        };
        Ok(deployment.filter(ended))
    })
    .await
}

fn status(deployment: &ServiceDeployment) -> &str {
    deployment.status().map_or("no status", |status| status.as_str())
}

/// Takes a service down again, so that no task goes on running.
async fn take_down(a: &Account, name: &str) -> Result<(), Refused> {
    a.ecs.delete_service().cluster(name).service(name).force(true).send().await?;
    Ok(())
}

async fn success(a: Account) -> Answer {
    let name = a.name("success");
    roll_out(&a, &name, None).await?;
    let deployment = ended(&a, &name, 1).await?;
    let described = a.ecs.describe_services().cluster(&name).services(&name).send().await?;
    take_down(&a, &name).await?;
    let service = described.services().first().needed("service")?;
    let rollout = service.deployments().first().and_then(|deployment| deployment.rollout_state());
    Ok(format!(
        "{}; {} of {} running; {}",
        status(&deployment),
        service.running_count(),
        service.desired_count(),
        rollout.map_or("no state", |state| state.as_str())
    ))
}

/// An image that is nowhere.
const ABSENT: &str = "public.ecr.aws/docker/library/httpd:none-of-this-name";

async fn failure(a: Account) -> Answer {
    let name = a.name("failure");
    roll_out(&a, &name, Some(ABSENT)).await?;
    let deployment = ended(&a, &name, 1).await?;
    let described = a.ecs.describe_services().cluster(&name).services(&name).send().await?;
    take_down(&a, &name).await?;
    let running = described.services().first().needed("service")?.running_count();
    // There is nothing to roll back to; which of the two it is then, the guide does not tell.
    let status = match status(&deployment) {
        "STOPPED" | "ROLLBACK_FAILED" => "STOPPED or ROLLBACK_FAILED",
        other => other,
    };
    Ok(format!("{status}; {}", either(running == 0, "none running", "running")))
}

async fn rollback(a: Account) -> Answer {
    let name = a.name("rollback");
    roll_out(&a, &name, None).await?;
    ended(&a, &name, 1).await?;
    define(&a, &name, Some(ABSENT)).await?;
    a.ecs.update_service().cluster(&name).service(&name).task_definition(&name).send().await?;
    let deployment = ended(&a, &name, 2).await?;
    let described = a.ecs.describe_services().cluster(&name).services(&name).send().await?;
    take_down(&a, &name).await?;
    let definition = described.services().first().needed("service")?.task_definition().unwrap_or_default();
    let definition = super::end(definition).replace(&name, "NAME");
    Ok(format!("{}; on {definition} again", status(&deployment)))
}

/// Stops the second deployment of a service while it is in progress, and tells where ECS's rollback has led.
async fn stopped(a: &Account, name: &str, image: Option<&str>) -> Answer {
    roll_out(a, name, None).await?;
    let first = ended(a, name, 1).await?;
    let update = a.ecs.update_service().cluster(name).service(name);
    let update = match image {
        Some(image) => {
            define(a, name, Some(image)).await?;
            update.task_definition(name)
        }
        None => update.force_new_deployment(true),
    };
    update.send().await?;
    let arn = at_least(a, name, 2).await?.swap_remove(0);
    let stop = a.ecs.stop_service_deployment().service_deployment_arn(&arn);
    let stopped = stop.stop_type(StopServiceDeploymentStopType::Rollback).send().await?;
    let deployment = ended(a, name, 2).await?;
    let described = a.ecs.describe_services().cluster(name).services(name).send().await?;
    take_down(a, name).await?;
    let before = first.target_service_revision().and_then(|revision| revision.arn());
    let to = deployment.rollback().and_then(|rollback| rollback.service_revision_arn());
    let definition = described.services().first().needed("service")?.task_definition().unwrap_or_default();
    Ok(format!(
        "{}; {}; {}; on {} again",
        either(stopped.service_deployment_arn() == Some(&arn), "its ARN", "another ARN"),
        status(&deployment),
        either(to == before, "to the revision before", "to another revision"),
        super::end(definition).replace(name, "NAME")
    ))
}

async fn stop(a: Account) -> Answer {
    stopped(&a, &a.name("stop"), Some(ABSENT)).await
}

async fn stop_forced(a: Account) -> Answer {
    stopped(&a, &a.name("stop-forced"), None).await
}

async fn stop_ended(a: Account) -> Answer {
    let name = a.name("stop-ended");
    roll_out(&a, &name, None).await?;
    ended(&a, &name, 1).await?;
    let arn = at_least(&a, &name, 1).await?.swap_remove(0);
    let stop = a.ecs.stop_service_deployment().service_deployment_arn(arn);
    let answer = refusal(stop.send().await);
    take_down(&a, &name).await?;
    answer
}

async fn stop_absent(a: Account) -> Answer {
    let name = a.name("stop-absent");
    let service = idle_service(&a, &name).await?;
    let arn = service.service_arn().needed("service")?.replacen(":service/", ":service-deployment/", 1);
    let stop = a.ecs.stop_service_deployment();
    refusal(stop.service_deployment_arn(format!("{arn}/0123456789abcdefghijk")).send().await)
}

async fn missing(a: Account) -> Answer {
    let name = a.name("missing");
    idle_service(&a, &name).await?;
    let arn = at_least(&a, &name, 1).await?.swap_remove(0);
    let (head, _) = arn.rsplit_once('/').needed("slash")?;
    let describe =
        a.ecs.describe_service_deployments().service_deployment_arns(format!("{head}/0123456789abcdefghijk"));
    let described = describe.send().await?;
    let reasons: Vec<_> = described.failures().iter().filter_map(|failure| failure.reason()).collect();
    Ok(format!("{} failure: {}", reasons.len(), reasons.join(" ")))
}

async fn too_many(a: Account) -> Answer {
    let name = a.name("many");
    idle_service(&a, &name).await?;
    let arn = at_least(&a, &name, 1).await?.swap_remove(0);
    let arns = Some(vec![arn; 21]);
    refusal(a.ecs.describe_service_deployments().set_service_deployment_arns(arns).send().await)
}

/// The ARN of a revision that a service does not have.
async fn unknown_revision(a: &Account, name: &str) -> Result<String, Refused> {
    let described = a.ecs.describe_services().cluster(name).services(name).send().await?;
    let service = described.services().first().and_then(|service| service.service_arn()).needed("service")?;
    Ok(format!("{}/1234567890123456789", service.replacen(":service/", ":service-revision/", 1)))
}

/// The ARN of the revision that a service runs.
async fn current(a: &Account, name: &str) -> Result<String, Refused> {
    // A cloud without the operation names no current revision either.
    let unknown = unknown_revision(a, name).await?;
    a.ecs.describe_service_revisions().service_revision_arns(unknown).send().await?;
    a.until("a current revision", || async {
        let described = a.ecs.describe_services().cluster(name).services(name).send().await?;
        let service = described.services().first().needed("service")?;
        let revision = service.current_service_revisions().first();
        Ok(revision.and_then(|revision| revision.arn.clone()))
    })
    .await
}

async fn revision(a: Account) -> Answer {
    let name = a.name("revision");
    let service = idle_service(&a, &name).await?;
    let arn = current(&a, &name).await?;
    let described = a.ecs.describe_service_revisions().service_revision_arns(arn).send().await?;
    let revision = described.service_revisions().first().needed("revision")?;
    Ok(format!(
        "{}; {}",
        either(revision.service_arn() == service.service_arn(), "of the service", "of another service"),
        either(
            revision.task_definition() == service.task_definition(),
            "on its task definition",
            "on another task definition"
        )
    ))
}

async fn resolved(a: Account) -> Answer {
    let name = a.name("resolved");
    roll_out(&a, &name, None).await?;
    ended(&a, &name, 1).await?;
    let arn = current(&a, &name).await?;
    let described = a.ecs.describe_service_revisions().service_revision_arns(arn).send().await?;
    take_down(&a, &name).await?;
    let revision = described.service_revisions().first().needed("revision")?;
    let image = revision.container_images().first().needed("image")?;
    let digest = image.image_digest().needed("digest")?;
    Ok(format!(
        "{}; {}; {}",
        image.container_name().unwrap_or("no name"),
        either(image.image() == Some(super::IMAGE), "the image", "another image"),
        digest.split(':').next().unwrap_or_default()
    ))
}

async fn no_revision(a: Account) -> Answer {
    let name = a.name("unrevised");
    idle_service(&a, &name).await?;
    let unknown = unknown_revision(&a, &name).await?;
    let described = a.ecs.describe_service_revisions().service_revision_arns(unknown).send().await?;
    let reasons: Vec<_> = described.failures().iter().filter_map(|failure| failure.reason()).collect();
    Ok(format!("{} failure: {}", reasons.len(), reasons.join(" ")))
}

async fn too_many_revisions(a: Account) -> Answer {
    let name = a.name("revisions");
    idle_service(&a, &name).await?;
    let arns = Some(vec![current(&a, &name).await?; 21]);
    refusal(a.ecs.describe_service_revisions().set_service_revision_arns(arns).send().await)
}
