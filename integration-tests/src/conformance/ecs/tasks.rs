//! Tasks.

use aws_sdk_ecs::types::{DesiredStatus, LaunchType, Task};

use super::{cluster, container, end, fargate_definition, network, registered};
use crate::conformance::{
    Account, Answer, MOTO, Operation, Refused,
    answer::{Needed as _, either, refusal, sorted},
};

/// moto's answer wherever a task has to run.
const MOTO_RUNS_NONE: &str = "ecs:RunTask is refused: an answer that cannot be read";
/// The reason for which moto's answer is wrong.
const MOTO_WRITES_NUMBERS: &str = "cpu and memory of a container in a task are strings; moto writes numbers, which the SDK cannot \
                 read.";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ecs:RunTask")
            .case("a task on Fargate", "task/CLUSTER/ID, of NAME:1, RUNNING in the end", run)
            .but(&[MOTO], MOTO_RUNS_NONE, MOTO_WRITES_NUMBERS, api!(ecs "Container"))
            .case("on instances, of which there are none", "InvalidParameterException", no_instances)
            .but(
                &[MOTO],
                "ecs:RunTask is refused: HTTP 500",
                "A cluster without instances cannot place a task: the parameter is not valid. moto breaks.",
                api!(ecs "RunTask"),
            )
            .case("a task definition that is not there", "ClientException", no_definition)
            .case("in a cluster that is not there", "ClusterNotFoundException", no_cluster),
        Operation::new("ecs:DescribeTasks")
            .case("one that is there and one that is not", "api; 1 MISSING", describe)
            .but(&[MOTO], MOTO_RUNS_NONE, MOTO_WRITES_NUMBERS, api!(ecs "Container"))
            .case("101 of them", "InvalidParameterException", too_many)
            .but(
                &[MOTO],
                "accepted",
                "tasks is “a list of up to 100 task IDs or full ARN entries”.",
                api!(ecs "DescribeTasks"),
            )
            .case("in a cluster that is not there", "ClusterNotFoundException", describe_no_cluster),
        Operation::new("ecs:ListTasks")
            .case("by family", "1; of another family: 0", by_family)
            .but(&[MOTO], MOTO_RUNS_NONE, MOTO_WRITES_NUMBERS, api!(ecs "Container"))
            .case("stopped ones", "before: 0; afterwards: 1", stopped)
            .but(&[MOTO], MOTO_RUNS_NONE, MOTO_WRITES_NUMBERS, api!(ecs "Container"))
            .case("of a service that is not there", "ServiceNotFoundException", no_service)
            .but(
                &[MOTO],
                "accepted",
                "ListTasks has the error ServiceNotFoundException for that.",
                api!(ecs "ListTasks"),
            )
            .case("in a cluster that is not there", "ClusterNotFoundException", list_no_cluster),
        Operation::new("ecs:StopTask")
            .case("a task", "STOPPED in the end; UserInitiated; enough", stop)
            .but(&[MOTO], MOTO_RUNS_NONE, MOTO_WRITES_NUMBERS, api!(ecs "Container"))
            .case("what is not there", "InvalidParameterException", stop_absent)
            .but(
                &[MOTO],
                "ecs:StopTask is refused: HTTP 500",
                "A task that cannot be found is a parameter that is not valid. moto breaks.",
                api!(ecs "StopTask"),
            )
            .case("in a cluster that is not there", "ClusterNotFoundException", stop_no_cluster),
    ]
}

/// Runs a task on Fargate in a new cluster.
pub(super) async fn running(a: &Account, name: &str) -> Result<Task, Refused> {
    cluster(a, name).await?;
    fargate_definition(a, name).container_definitions(container().build()).send().await?;
    let run = a.ecs.run_task().cluster(name).task_definition(name).launch_type(LaunchType::Fargate);
    let answer = run.network_configuration(network(a).await?).send().await?;
    answer.tasks.unwrap_or_default().into_iter().next().needed("task")
}

async fn stop_it(a: &Account, cluster: &str, task: &str) -> Result<(), Refused> {
    a.ecs.stop_task().cluster(cluster).task(task).reason("enough").send().await?;
    Ok(())
}

/// The state of a task.
async fn state(a: &Account, cluster: &str, task: &str) -> Answer {
    let described = a.ecs.describe_tasks().cluster(cluster).tasks(task).send().await?;
    Ok(described.tasks().first().and_then(|task| task.last_status()).unwrap_or("not there").to_owned())
}

async fn run(a: Account) -> Answer {
    let name = a.name("run");
    let task = running(&a, &name).await?;
    let arn = task.task_arn().needed("ARN")?;
    let state = a.settles("RUNNING", || state(&a, &name, arn)).await?;
    stop_it(&a, &name, arn).await?;
    let right = arn.contains(&format!(":task/{name}/"));
    let definition = end(task.task_definition_arn().unwrap_or_default()).replace(&name, "NAME");
    Ok(format!("{}, of {definition}, {state} in the end", if right { "task/CLUSTER/ID" } else { arn }))
}

async fn no_instances(a: Account) -> Answer {
    let name = a.name("no-instances");
    cluster(&a, &name).await?;
    registered(&a, &name).await?;
    refusal(a.ecs.run_task().cluster(&name).task_definition(&name).send().await)
}

async fn no_definition(a: Account) -> Answer {
    let name = a.name("no-definition");
    cluster(&a, &name).await?;
    let run = a.ecs.run_task().cluster(&name).task_definition(&name).launch_type(LaunchType::Fargate);
    refusal(run.network_configuration(network(&a).await?).send().await)
}

async fn no_cluster(a: Account) -> Answer {
    let definition = registered(&a, &a.name("no-cluster")).await?;
    refusal(a.ecs.run_task().cluster(a.name("absent")).task_definition(definition).send().await)
}

async fn describe(a: Account) -> Answer {
    let name = a.name("describe");
    let arn = running(&a, &name).await?.task_arn.needed("ARN")?;
    let (head, _) = arn.rsplit_once('/').needed("slash")?;
    let absent = format!("{head}/0123456789abcdef0123456789abcdef");
    let described = a.ecs.describe_tasks().cluster(&name).tasks(&arn).tasks(absent).send().await?;
    stop_it(&a, &name, &arn).await?;
    let containers = described.tasks().iter().flat_map(|task| task.containers());
    let containers = sorted(containers.filter_map(|container| container.name()));
    let reasons: Vec<_> = described.failures().iter().filter_map(|failure| failure.reason()).collect();
    Ok(format!("{containers}; {} {}", reasons.len(), reasons.join(" ")))
}

async fn too_many(a: Account) -> Answer {
    let name = a.name("many");
    cluster(&a, &name).await?;
    let ids = (0..101).map(|number| format!("{number:032x}")).collect();
    refusal(a.ecs.describe_tasks().cluster(&name).set_tasks(Some(ids)).send().await)
}

async fn describe_no_cluster(a: Account) -> Answer {
    refusal(
        a.ecs
            .describe_tasks()
            .cluster(a.name("absent"))
            .tasks("0123456789abcdef0123456789abcdef")
            .send()
            .await,
    )
}

async fn by_family(a: Account) -> Answer {
    let name = a.name("family");
    let arn = running(&a, &name).await?.task_arn.needed("ARN")?;
    let list = |family: String| a.ecs.list_tasks().cluster(&name).family(family).send();
    let (own, other) = (list(name.clone()).await?, list(format!("{name}-other")).await?);
    stop_it(&a, &name, &arn).await?;
    Ok(format!("{}; of another family: {}", own.task_arns().len(), other.task_arns().len()))
}

async fn stopped(a: Account) -> Answer {
    let name = a.name("stopped");
    let arn = running(&a, &name).await?.task_arn.needed("ARN")?;
    let list = || a.ecs.list_tasks().cluster(&name).desired_status(DesiredStatus::Stopped).send();
    let before = list().await?.task_arns().len();
    stop_it(&a, &name, &arn).await?;
    let after = a.settles("1", || async { Ok(list().await?.task_arns().len().to_string()) }).await?;
    Ok(format!("before: {before}; afterwards: {after}"))
}

async fn no_service(a: Account) -> Answer {
    let name = a.name("no-service");
    cluster(&a, &name).await?;
    refusal(a.ecs.list_tasks().cluster(&name).service_name("absent").send().await)
}

async fn list_no_cluster(a: Account) -> Answer {
    refusal(a.ecs.list_tasks().cluster(a.name("absent")).send().await)
}

async fn stop(a: Account) -> Answer {
    let name = a.name("stop");
    let arn = running(&a, &name).await?.task_arn.needed("ARN")?;
    stop_it(&a, &name, &arn).await?;
    let state = a.settles("STOPPED", || state(&a, &name, &arn)).await?;
    let described = a.ecs.describe_tasks().cluster(&name).tasks(&arn).send().await?;
    let task = described.tasks().first().needed("task")?;
    let code = task.stop_code().map_or("no code", |code| code.as_str());
    let reason = task.stopped_reason().unwrap_or("no reason");
    Ok(format!("{state} in the end; {code}; {reason}"))
}

async fn stop_absent(a: Account) -> Answer {
    let name = a.name("absent");
    cluster(&a, &name).await?;
    refusal(a.ecs.stop_task().cluster(&name).task("0123456789abcdef0123456789abcdef").send().await)
}

async fn stop_no_cluster(a: Account) -> Answer {
    let stop = a.ecs.stop_task().cluster(a.name("absent")).task("0123456789abcdef0123456789abcdef");
    Ok(either(
        refusal(stop.send().await)? == "ClusterNotFoundException",
        "ClusterNotFoundException",
        "another answer",
    ))
}
