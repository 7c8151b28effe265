//! The step that runs a task.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    ContainerOverride, DesiredStatus, KeyValuePair, LaunchType as EcsLaunchType, Tag, Task,
    TaskDefinitionField, TaskOverride,
};
use longshore_aws::{
    ADOPTED_TAG, Aws, Freshness, JsonRequest, Owner, Ownership, code, failure,
    wait::{Patience, Probe, until},
};
use longshore_model::{
    Action, Effect, Failure, FailureKind, FieldChange, Inputs, Known, Name, Outputs, Shown, StepPlan,
};
use longshore_plugin::{Context, Result, Step};
use serde_json::Map;

use super::{
    logs,
    options::{Occasion, Options},
};
use crate::declaration::{LaunchType, Service};
use crate::{
    aws_fields::AwsFields,
    cluster::CLUSTER_ARN,
    explain::{Facts, explain},
    render::STREAM_PREFIX,
    service::{Placement, is_active},
    tags,
    task::{id_of, short_id, stopped_reason},
    task_definition::{TASK_DEFINITION_ARN, revision_of},
};

/// The member that stands in place of a launch type.
const PROVIDERS: &str = "capacityProviderStrategy";

/// Runs a task once.
pub(super) struct RunTaskStep {
    pub(super) aws: Aws,
    /// The step's name in the configuration.
    pub(super) name: Name,
    pub(super) container: Name,
    pub(super) service: Service,
    /// The service's fields in AWS's words.
    pub(super) fields: AwsFields,
    pub(super) facts: Facts,
    pub(super) log_group: Option<String>,
    pub(super) options: Options,
}

/// The ARN of the task that this run follows.
#[derive(Clone)]
struct Started(String);

impl RunTaskStep {
    pub(super) fn resource(&self) -> String {
        format!("task {} of service {}", self.name, self.options.service)
    }

    fn at(&self, call: &str) -> String {
        format!("ecs:{call} {}", self.name)
    }

    /// The key of the tag with which a revision records that the task has succeeded with it.
    fn tag(&self) -> String {
        format!("longshore:ran:{}", self.name)
    }

    /// The value of `startedBy`, by which a later run finds a task that still runs. ECS takes 128 characters.
    fn started_by(&self, context: &Context) -> String {
        longshore_aws::bounded(&format!("longshore/{}/{}", context.stack, self.name), 128)
    }

    /// A token of this run and of what it starts: a request that is sent twice starts one task. ECS takes 64 characters.
    fn client_token(&self, context: &Context, inputs: &Inputs) -> String {
        let digest = self.options.digest(inputs).unwrap_or_default();
        longshore_aws::bounded(&format!("{}-{}-{digest}-{}", context.stack, self.name, context.now()), 64)
    }

    /// Returns the overrides with which the task has succeeded on the revision `arn`, if it has.
    async fn ran(&self, arn: &str) -> Result<Option<String>> {
        let client = self.aws.ecs().await?;
        let call = client.describe_task_definition().task_definition(arn).include(TaskDefinitionField::Tags);
        let answer = call.send().await.map_err(|error| failure(&error, self.at("DescribeTaskDefinition")))?;
        let key = self.tag();
        let ran =
            tags::pairs(answer.tags()).find(|(found, _)| *found == key).map(|(_, value)| value.to_owned());
        Ok(ran)
    }

    /// Returns the ARNs of the step's tasks that are to run.
    async fn running(&self, context: &Context) -> Result<Vec<String>> {
        let client = self.aws.ecs().await?;
        let call = client.list_tasks().cluster(&self.service.cluster).desired_status(DesiredStatus::Running);
        match call.started_by(self.started_by(context)).send().await {
            Ok(answer) => Ok(answer.task_arns.unwrap_or_default()),
            Err(error) if code(&error) == Some("ClusterNotFoundException") => Ok(Vec::new()),
            Err(error) => Err(failure(&error, self.at("ListTasks"))),
        }
    }

    async fn task(&self, arn: &str) -> Result<Option<Task>> {
        let tasks = self.aws.reads().tasks(&self.service.cluster, &[arn.to_owned()], Freshness::Now).await?;
        Ok(tasks.first().map(|task| Task::clone(task)))
    }

    fn overrides(&self, inputs: &Inputs) -> TaskOverride {
        let pair = |name: &str, value: &str| KeyValuePair::builder().name(name).value(value).build();
        let variables = self.options.environment.iter();
        let environment: Vec<_> =
            variables.filter_map(|(name, text)| Some(pair(name, text.value(inputs)?))).collect();
        let container = ContainerOverride::builder()
            .name(self.container.as_str())
            .set_command(self.options.command.clone())
            .set_environment(Some(environment).filter(|environment| !environment.is_empty()))
            .build();
        TaskOverride::builder().container_overrides(container).build()
    }

    /// The declared placement; undeclared parts are those of the service if others made it.
    async fn placement(&self, context: &Context, inputs: &Inputs) -> Result<Placement> {
        let Service { cluster, name, network, launch_type, .. } = &self.service;
        let service = self.aws.reads().service(cluster, name, Freshness::Planned).await?;
        let ownership = Ownership::of(context);
        let is_of_others = |tags: &[Tag]| {
            ownership.owner(tags::pairs(tags)) != Owner::Ours
                || tags::pairs(tags).any(|tag| tag == (ADOPTED_TAG, "true"))
        };
        let service = service.filter(|service| is_active(service) && is_of_others(service.tags()));
        let vpc =
            service.as_ref().and_then(|service| service.network_configuration()?.awsvpc_configuration());
        match vpc.map(Placement::of) {
            Some(there) => {
                Placement::of_adopted(&self.aws, network, inputs, *launch_type, &self.fields, there).await
            }
            None => Placement::resolve(&self.aws, network, inputs, *launch_type).await,
        }
    }

    /// Starts a task and returns its ARN.
    async fn start(&self, context: &Context, inputs: &Inputs) -> Result<String> {
        let client = self.aws.ecs().await?;
        let network = match self.fields.shares_network() {
            true => None,
            false => Some(self.placement(context, inputs).await?.configuration()?),
        };
        let providers = self.fields.service().get(PROVIDERS).cloned();
        let launch_type = match self.service.launch_type {
            LaunchType::Fargate => EcsLaunchType::Fargate,
            LaunchType::Ec2 => EcsLaunchType::Ec2,
        };
        let members: Map<_, _> =
            providers.map(|providers| (PROVIDERS.to_owned(), providers)).into_iter().collect();
        let arn = inputs.require(TASK_DEFINITION_ARN)?;
        let call = client
            .run_task()
            .cluster(inputs.require(CLUSTER_ARN)?)
            .task_definition(arn)
            .started_by(self.started_by(context))
            .client_token(self.client_token(context, inputs))
            .set_launch_type(members.is_empty().then_some(launch_type))
            .set_network_configuration(network)
            .overrides(self.overrides(inputs))
            .enable_ecs_managed_tags(true)
            .set_tags(Some(tags::of(&Ownership::of(context).unmarked())));
        let answer = call.customize().interceptor(JsonRequest(members)).send().await;
        let answer = answer.map_err(|error| failure(&error, self.at("RunTask")))?;
        if let Some(arn) = answer.tasks().first().and_then(Task::task_arn) {
            return Ok(arn.to_owned());
        }
        let reasons: Vec<_> = answer.failures().iter().filter_map(|failure| failure.reason()).collect();
        let reason = if reasons.is_empty() { "ECS gives no reason".to_owned() } else { reasons.join("; ") };
        let message = format!("the task was not started: {reason}");
        Err(Failure::new(FailureKind::Unavailable, message)
            .at(self.at("RunTask"))
            .help("the cluster has no room for it: look at its capacity, and deploy again"))
    }

    /// Follows a task to its end.
    ///
    /// # Errors
    /// If it fails to start, or ends with another exit code than 0.
    async fn follow(&self, context: &Context, arn: &str) -> Result<()> {
        let patience = Patience { longest: Duration::from_secs(10), ..Patience::of(self.options.timeout) };
        let told = &Mutex::new(String::new());
        let task = until(context, patience, |_| async move {
            let Some(task) = self.task(arn).await? else {
                let gone =
                    Failure::new(FailureKind::NotFound, format!("ECS knows no task {}", short_id(arn)));
                return Ok(Probe::Again(gone.at(self.at("DescribeTasks"))));
            };
            let status = task.last_status().unwrap_or("unknown").to_owned();
            if status == "STOPPED" {
                return Ok(Probe::Done(task));
            }
            if let Ok(mut told) = told.lock()
                && *told != status
            {
                context.progress(format!("task {} is {status}", short_id(arn)));
                told.clone_from(&status);
            }
            let message = format!("the task {} is still {status}", short_id(arn));
            let failure = Failure::new(FailureKind::DeadlineExceeded, message).at(self.at("DescribeTasks"));
            Ok(Probe::Again(
                failure
                    .help(format!("it goes on; the step's `timeout` is {} s", patience.deadline.as_secs())),
            ))
        })
        .await?;
        let lines = self.log_of(arn).await;
        let container = task.containers().iter().find(|one| one.name() == Some(self.container.as_str()));
        if container.and_then(|container| container.exit_code) == Some(0) {
            for line in lines {
                context.progress(line);
            }
            return Ok(());
        }
        let reason = stopped_reason(&task).unwrap_or_else(|| "ECS gives no reason".to_owned());
        let log =
            if lines.is_empty() { String::new() } else { format!("; its log ends: {}", lines.join(" | ")) };
        let failure = Failure::new(
            FailureKind::DeploymentFailed,
            format!("the task {} failed: {reason}{log}", short_id(arn)),
        );
        let help = match (explain(&reason, &self.facts), &self.log_group) {
            (Some(explanation), _) => explanation.help,
            (None, Some(group)) => format!("read its log in the group {group}, mend it and deploy again"),
            (None, None) => "mend it and deploy again".to_owned(),
        };
        Err(failure.at(self.at("RunTask")).help(help))
    }

    async fn log_of(&self, arn: &str) -> Vec<String> {
        let Some(group) = &self.log_group else { return Vec::new() };
        let stream = format!("{STREAM_PREFIX}/{}/{}", self.container, id_of(arn));
        logs::tail(&self.aws, group, &stream).await
    }

    /// Records on the revision that the task has succeeded.
    async fn note(&self, inputs: &Inputs) -> Result<()> {
        let digest = self.options.digest(inputs).unwrap_or_default();
        let tag = Tag::builder().key(self.tag()).value(digest).build();
        let arn = inputs.require(TASK_DEFINITION_ARN)?;
        let call = self.aws.ecs().await?.tag_resource().resource_arn(arn).tags(tag);
        call.send().await.map_err(|error| failure(&error, self.at("TagResource")))?;
        Ok(())
    }

    async fn stop(&self, arns: &[String], reason: &str) -> Result<()> {
        let client = self.aws.ecs().await?;
        for arn in arns {
            let call = client.stop_task().cluster(&self.service.cluster).task(arn).reason(reason);
            call.send().await.map_err(|error| failure(&error, self.at("StopTask")))?;
        }
        Ok(())
    }
}

#[async_trait]
impl Step for RunTaskStep {
    async fn plan(&self, _context: &Context, inputs: &Inputs) -> Result<StepPlan> {
        let mut plan = StepPlan::new(Action::Create, self.resource());
        if self.options.occasion == Occasion::Always {
            // Without a field that changes, it is no drift.
            plan.action = Action::Update;
            plan.reason = Some("runs with every deploy".to_owned());
            return Ok(plan);
        }
        let reason = match (inputs.get(TASK_DEFINITION_ARN), self.options.digest(inputs)) {
            (Known::AfterApply, _) => "runs with the new revision of its task definition".to_owned(),
            (_, None) => "runs with values that are known only after apply".to_owned(),
            (Known::Value(arn), Some(digest)) => match self.ran(arn).await? {
                Some(ran) if ran == digest => {
                    plan.action = Action::NoChange;
                    return Ok(plan);
                }
                Some(_) => "runs again, because its command or its environment has changed".to_owned(),
                None => format!("has not succeeded with {} yet", revision_of(arn)),
            },
        };
        plan.reason = Some(reason);
        if let Some(command) = &self.options.command {
            plan.changes.push(FieldChange::new("command", None, Some(Shown::text(command.join(" ")))));
        }
        Ok(plan)
    }

    async fn apply(&self, context: &Context, inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs> {
        let wanted = inputs.require(TASK_DEFINITION_ARN)?;
        let mut found = None;
        for arn in self.running(context).await? {
            let task = self.task(&arn).await?;
            if task.is_some_and(|task| task.task_definition_arn() == Some(wanted)) {
                found = Some(arn);
                break;
            }
        }
        let arn = match found {
            Some(arn) => {
                context.progress(format!(
                    "following the task {}, which an earlier run has started",
                    short_id(&arn)
                ));
                arn
            }
            None => self.start(context, inputs).await?,
        };
        context.keep_first(|| Started(arn.clone()));
        self.follow(context, &arn).await?;
        self.note(inputs).await?;
        Ok(Outputs::new())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        let mut plan = StepPlan::new(Action::NoChange, self.resource());
        if !self.running(context).await?.is_empty() {
            plan.action = Action::Delete;
            plan.effect = Effect::Stop;
        }
        Ok(plan)
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        let running = self.running(context).await?;
        self.stop(&running, "longshore: the stack is removed").await
    }

    /// Stops the task if it still runs. The effects of a task that has run stay.
    async fn undo(&self, context: &Context, _plan: &StepPlan) -> Result<()> {
        let Some(Started(started)) = context.kept() else { return Ok(()) };
        let running = self.running(context).await?;
        if running.contains(&started) {
            self.stop(&running, "longshore: the run is taken back").await?;
        }
        Ok(())
    }
}
