//! Container instances, and what runs on them. Agents alone can register instances, so that there are none here.

use aws_sdk_ecs::types::{
    ContainerInstanceStatus, DeploymentConfiguration, NetworkMode, PortMapping, SchedulingStrategy,
};

use super::{cluster, container, definition, end, registered};
use crate::conformance::{
    Account, Answer, MOTO, Operation, Refused,
    answer::{Needed as _, refusal},
};

/// The id of a container instance that is not there.
const ABSENT: &str = "0123456789abcdef0123456789abcdef";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ecs:ListContainerInstances")
            .case("of a cluster without any", "0", list)
            .case("in a cluster that is not there", "ClusterNotFoundException", list_no_cluster)
            .but(
                &[MOTO],
                "accepted",
                "ListContainerInstances has the error ClusterNotFoundException for that.",
                api!(ecs "ListContainerInstances"),
            ),
        Operation::new("ecs:DescribeContainerInstances")
            .case("one that is not there", "0; container-instance/ABSENT MISSING", describe)
            .but(
                &[MOTO],
                "ecs:DescribeContainerInstances is refused: HTTP 500",
                "What is not found is among the failures. moto breaks.",
                api!(ecs "DescribeContainerInstances"),
            )
            .case("in a cluster that is not there", "ClusterNotFoundException", describe_no_cluster),
        Operation::new("ecs:UpdateContainerInstancesState")
            .case("a status that cannot be set", "InvalidParameterException", other_status)
            .case("in a cluster that is not there", "ClusterNotFoundException", update_no_cluster),
    ]
}

/// Adds the cases of services with the scheduling strategy DAEMON.
pub(super) fn of_services(create: Operation) -> Operation {
    create
        .case("a daemon", "DAEMON, 0 of 0, 0 to 100 %; listed as a daemon alone", daemon)
        .but(
            &[MOTO],
            "no deployment configuration",
            "Of a daemon, maximumPercent is 100, and minimumHealthyPercent 0 where a request says nothing.",
            api!(ecs "DeploymentConfiguration"),
        )
        .case("a daemon with a count", "InvalidParameterException", daemon_with_count)
        .but(
            &[MOTO],
            "accepted",
            "“When you're using this strategy, you don't need to specify a desired number of tasks”; ECS refuses one.",
            api!(ecs "CreateService"),
        )
        .case("a daemon of which two may run", "InvalidParameterException", daemon_with_surplus)
        .but(
            &[MOTO],
            "accepted",
            "“The daemon scheduling strategy deploys exactly one task on each active container instance”.",
            api!(ecs "CreateService"),
        )
}

/// Adds the cases of task definitions with ports of the host.
pub(super) fn of_definitions(register: Operation) -> Operation {
    register
        .case("a port with the host's network", "the host's port is 80", host_port)
        .but(
            &[MOTO],
            "the host has no port",
            "“If the network mode of a task definition is set to host, host ports must either be undefined or match the container port”; what is undefined is filled in.",
            api!(ecs "PortMapping"),
        )
        .case("another port of the host with its network", "ClientException", other_host_port)
        .but(
            &[MOTO],
            "accepted",
            "“The hostPort can be left blank or it must be the same value as the containerPort.”",
            api!(ecs "PortMapping"),
        )
        .case("one port of the host twice", "ClientException", twice)
        .but(
            &[MOTO],
            "accepted",
            "A host port is of one container. ECS refuses a task that maps it twice.",
            api!(ecs "PortMapping"),
        )
}

async fn list(a: Account) -> Answer {
    let name = a.name("list-instances");
    cluster(&a, &name).await?;
    let listed = a.ecs.list_container_instances().cluster(&name).send().await?;
    Ok(listed.container_instance_arns().len().to_string())
}

async fn list_no_cluster(a: Account) -> Answer {
    refusal(a.ecs.list_container_instances().cluster(a.name("absent")).send().await)
}

async fn describe(a: Account) -> Answer {
    let name = a.name("describe-instances");
    cluster(&a, &name).await?;
    let call = a.ecs.describe_container_instances().cluster(&name).container_instances(ABSENT);
    let described = call.send().await?;
    let failure = described.failures().first().needed("failure")?;
    let arn = failure.arn().unwrap_or_default();
    let is_absent = arn.contains(":container-instance/") && end(arn) == ABSENT;
    Ok(format!(
        "{}; {} {}",
        described.container_instances().len(),
        if is_absent { "container-instance/ABSENT" } else { arn },
        failure.reason().unwrap_or_default(),
    ))
}

async fn describe_no_cluster(a: Account) -> Answer {
    let call = a.ecs.describe_container_instances().cluster(a.name("absent")).container_instances(ABSENT);
    refusal(call.send().await)
}

async fn other_status(a: Account) -> Answer {
    let name = a.name("other-status");
    cluster(&a, &name).await?;
    let call = a.ecs.update_container_instances_state().cluster(&name).container_instances(ABSENT);
    refusal(call.status(ContainerInstanceStatus::Registering).send().await)
}

async fn update_no_cluster(a: Account) -> Answer {
    let call = a.ecs.update_container_instances_state().cluster(a.name("absent")).container_instances(ABSENT);
    refusal(call.status(ContainerInstanceStatus::Draining).send().await)
}

async fn daemon(a: Account) -> Answer {
    let name = a.name("daemon");
    cluster(&a, &name).await?;
    let definition = registered(&a, &name).await?;
    let call = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(definition);
    let made =
        call.scheduling_strategy(SchedulingStrategy::Daemon).send().await?.service.needed("service")?;
    let Some(configuration) = made.deployment_configuration() else {
        return Ok("no deployment configuration".to_owned());
    };
    let mut listed = Vec::new();
    for strategy in [SchedulingStrategy::Daemon, SchedulingStrategy::Replica] {
        let services =
            a.ecs.list_services().cluster(&name).scheduling_strategy(strategy.clone()).send().await?;
        if !services.service_arns().is_empty() {
            listed.push(strategy.as_str().to_owned());
        }
    }
    let listed = if listed == ["DAEMON"] { "listed as a daemon alone".to_owned() } else { listed.join(" ") };
    Ok(format!(
        "{}, {} of {}, {} to {} %; {listed}",
        made.scheduling_strategy().map(SchedulingStrategy::as_str).unwrap_or_default(),
        made.running_count(),
        made.desired_count(),
        configuration.minimum_healthy_percent().unwrap_or_default(),
        configuration.maximum_percent().unwrap_or_default(),
    ))
}

async fn daemon_with_count(a: Account) -> Answer {
    let name = a.name("daemon-count");
    cluster(&a, &name).await?;
    let definition = registered(&a, &name).await?;
    let call = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(definition);
    refusal(call.scheduling_strategy(SchedulingStrategy::Daemon).desired_count(1).send().await)
}

async fn daemon_with_surplus(a: Account) -> Answer {
    let name = a.name("daemon-surplus");
    cluster(&a, &name).await?;
    let definition = registered(&a, &name).await?;
    let configuration = DeploymentConfiguration::builder().maximum_percent(200).build();
    let call = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(definition);
    let call = call.scheduling_strategy(SchedulingStrategy::Daemon).deployment_configuration(configuration);
    refusal(call.send().await)
}

/// Registers a definition whose containers have these ports of the host for their port 80.
async fn with_ports(
    a: &Account,
    family: &str,
    mode: NetworkMode,
    host_ports: &[Option<i32>],
) -> Result<Option<i32>, Refused> {
    let containers = host_ports.iter().enumerate().map(|(index, port)| {
        let mapping = PortMapping::builder().container_port(80).set_host_port(*port).build();
        container().name(format!("c{index}")).port_mappings(mapping).build()
    });
    let call = definition(a, family).network_mode(mode).set_container_definitions(Some(containers.collect()));
    let registered = call.send().await?.task_definition.needed("task definition")?;
    let container = registered.container_definitions().first().needed("container")?;
    Ok(container.port_mappings().first().needed("port")?.host_port())
}

async fn host_port(a: Account) -> Answer {
    let port = with_ports(&a, &a.name("host-port"), NetworkMode::Host, &[None]).await?;
    Ok(match port {
        Some(port) => format!("the host's port is {port}"),
        None => "the host has no port".to_owned(),
    })
}

async fn other_host_port(a: Account) -> Answer {
    refusal(with_ports(&a, &a.name("other-host-port"), NetworkMode::Host, &[Some(8080)]).await)
}

async fn twice(a: Account) -> Answer {
    let ports = [Some(8080), Some(8080)];
    refusal(with_ports(&a, &a.name("twice"), NetworkMode::Bridge, &ports).await)
}
