//! The task definition of a service.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_ecs::{
    config::{self, retry::RetryConfig},
    types::{Service as EcsService, Tag, TaskDefinitionField},
};
use longshore_aws::{
    Aws, ENVIRONMENT_TAG, Freshness, JsonAnswer, Listed, Owner, Ownership, code, failure,
    wait::{Patience, Probe, until},
};
use longshore_model::{Action, Failure, FailureKind, FieldChange, Inputs, Name, Outputs, StepPlan};
use longshore_plugin::{Context, Result, Step};
use serde_json::Value;

use crate::{
    aws_fields::AwsFields,
    declaration::{Service, TaskSize},
    existing,
    fields::fields_of,
    planned, refused,
    render::{Declared, registration},
    revision, revisions,
    service::Pinned,
    size::Readable,
    tags,
};

/// The name of the output that is the task definition's ARN.
pub(crate) const TASK_DEFINITION_ARN: &str = "task-definition-arn";

/// The name of the output that is the digest of its content. People have no use for it.
pub(crate) const CONTENT: &str = "_content";

/// The time limit for ECS to see a new role of IAM. IAM gives no bound; two minutes are far more than what is seen.
const REGISTRATION: Patience = Patience::of(Duration::from_secs(120));

/// The number of attempts at a registration when no answer comes.
const ATTEMPTS: u32 = 4;

/// A task definition. A revision never changes: what differs becomes a new revision of the family.
pub(crate) struct TaskDefinitionStep {
    /// The clients.
    pub(crate) aws: Aws,
    /// The family.
    pub(crate) family: String,
    /// The service's name in the configuration.
    pub(crate) name: Name,
    /// The service.
    pub(crate) service: Arc<Service>,
    /// Its fields in AWS's words.
    pub(crate) fields: Arc<AwsFields>,
    /// CPU and memory of the task.
    pub(crate) size: Option<TaskSize>,
}

/// The ARN of the revision that this run has registered.
#[derive(Clone)]
struct Registered(String);

/// A revision that is ACTIVE.
#[derive(Clone)]
pub(crate) struct Observed {
    definition: Value,
    tags: Vec<Tag>,
}

/// The revision that a service notes, and runs.
enum Noted {
    /// Its ARN.
    Active(String),
    /// `FAMILY:NUMBER` of a revision that was deregistered: no service can be updated with it, and ECS may delete it.
    Deregistered(String),
}

/// The revision that counts, among those of a family.
struct Current {
    observed: Observed,
    /// The fields that are not as declared.
    changes: Vec<FieldChange>,
}

impl Observed {
    fn arn(&self) -> &str {
        self.definition.get("taskDefinitionArn").and_then(Value::as_str).unwrap_or_default()
    }
}

/// A family as people know it.
pub(crate) fn resource(family: &str) -> String {
    format!("task definition {family}")
}

impl TaskDefinitionStep {
    fn resource(&self) -> String {
        resource(&self.family)
    }

    fn at(&self, call: &str) -> String {
        format!("ecs:{call} {}", self.family)
    }

    /// A family's newest ACTIVE revision, or the revision that an ARN names.
    async fn describe(&self, task_definition: &str) -> Result<Option<Observed>> {
        let client = self.aws.ecs().await?;
        let call = client
            .describe_task_definition()
            .task_definition(task_definition)
            .include(TaskDefinitionField::Tags);
        let json = JsonAnswer::default();
        match call.customize().interceptor(json.clone()).send().await {
            Ok(answer) => {
                let tags = answer.tags.unwrap_or_default();
                let active =
                    |definition: &Value| definition.get("status").is_none_or(|status| status == "ACTIVE");
                let definition = json.take("taskDefinition").filter(active);
                Ok(definition.map(|definition| Observed { definition, tags }))
            }
            // There is no code of its own for what is not there.
            Err(error) if error.as_service_error().is_some_and(|error| error.is_client_exception()) => {
                Ok(None)
            }
            Err(error) => Err(failure(&error, self.at("DescribeTaskDefinition"))),
        }
    }

    async fn declared(&self, inputs: &Inputs) -> Result<Value> {
        let region = self.aws.region().await?;
        let (service, fields) = (&self.service, &self.fields.resolved(inputs));
        let declared = Declared { family: &self.family, service, fields, size: self.size, region, inputs };
        declared.require_digests()?;
        Ok(declared.render())
    }

    /// The service, if it is there and the stack's.
    async fn running_service(&self, ownership: &Ownership) -> Result<Option<Arc<EcsService>>> {
        let reads = self.aws.reads();
        let service = reads.service(&self.service.cluster, &self.service.name, Freshness::Planned).await?;
        Ok(service.filter(|service| service.status() == Some("ACTIVE") && is_ours(ownership, service.tags())))
    }

    /// Returns the revision that the service's tags note for this `content`, or `None` if no such revision
    /// can be used. Examines the revision itself only if the service runs another one, for example after a change by
    /// hand.
    async fn known(&self, ownership: &Ownership, declared: &Value, content: &str) -> Result<Option<Noted>> {
        let Some(service) = self.running_service(ownership).await? else { return Ok(None) };
        // An earlier version made the service: its revision may lack the tag as well.
        if !tags::pairs(service.tags()).any(|(key, _)| key == ENVIRONMENT_TAG) {
            return Ok(None);
        }
        let Some(noted) = revision::noted(&service, &self.family, content) else { return Ok(None) };
        if let Some(arn) = revision::runs(&service, &noted) {
            let is_active = self.is_active(arn).await?;
            return Ok(Some(if is_active {
                Noted::Active(arn.to_owned())
            } else {
                Noted::Deregistered(noted)
            }));
        }
        Ok(self.owned_as_declared(&noted, ownership, declared).await?.map(Noted::Active))
    }

    /// Returns whether a revision is ACTIVE. A list that lacks it may be behind: then it is looked at.
    async fn is_active(&self, arn: &str) -> Result<bool> {
        match self.aws.reads().active_task_definition(&self.family, arn).await? {
            Listed::Found(_) => Ok(true),
            Listed::Absent | Listed::Unknown => Ok(self.describe(arn).await?.is_some()),
        }
    }

    /// The ARN of the revision that the service runs, if that is another one than `newest` and as declared: after a change
    /// that was rolled back or taken back, the newest revision is not the one that runs.
    async fn running(&self, ownership: &Ownership, declared: &Value, newest: &str) -> Result<Option<String>> {
        let Some(service) = self.running_service(ownership).await? else { return Ok(None) };
        let runs = revision::running(&service).filter(|arn| *arn != newest);
        let family = runs.and_then(|arn| Some(revision_of(arn).rsplit_once(':')?.0));
        match runs.filter(|_| family == Some(self.family.as_str())) {
            Some(arn) => self.owned_as_declared(arn, ownership, declared).await,
            None => Ok(None),
        }
    }

    /// The ARN of a revision, if it is the stack's and as declared.
    async fn owned_as_declared(
        &self,
        revision: &str,
        ownership: &Ownership,
        declared: &Value,
    ) -> Result<Option<String>> {
        let observed = self.describe(revision).await?;
        let observed = observed.filter(|observed| is_ours(ownership, &observed.tags));
        let is_declared =
            |observed: &Observed| fields_of(&observed.definition).changes_to(&fields_of(declared)).is_empty();
        Ok(observed.filter(is_declared).map(|observed| observed.arn().to_owned()))
    }

    /// Returns the newest revision of this stack and its differences from the declaration. Newer revisions of others in
    /// the family do not matter, because revisions never change; a family that has only revisions of others is theirs.
    /// Revisions that pin images for a way back are skipped: they were never declared.
    async fn compare(&self, ownership: &Ownership, declared: &Value) -> Result<Option<Current>> {
        let Some(mut observed) = self.describe(&self.family).await? else { return Ok(None) };
        if (!is_ours(ownership, &observed.tags) || Pinned::of(&observed.tags).is_some())
            && let Some(arn) = revisions::newest_owned(&self.aws, &self.family, ownership).await?
            && let Some(owned) = self.describe(&arn).await?
        {
            observed = owned;
        }
        let what = format!("task definition {}", revision_of(observed.arn()));
        ownership
            .require(what, "give the stack or the service another name", tags::pairs(&observed.tags))
            .map_err(|failure| failure.at(self.at("DescribeTaskDefinition")))?;
        let changes = fields_of(&observed.definition).changes_to(&fields_of(declared));
        Ok(Some(Current { observed, changes }))
    }

    /// Gives a revision, and with it the family, the ownership's tags, where it lacks any.
    async fn take_over(&self, context: &Context, ownership: &Ownership, observed: Observed) -> Result<()> {
        tags::complete(&self.aws, observed.arn(), ownership, &observed.tags, None).await?;
        context.keep_first(|| observed);
        Ok(())
    }

    /// Registers a new revision. The call has no token that would make it safe to repeat, so the SDK does not repeat it:
    /// before the next attempt it is looked up whether the last one came through without its answer.
    async fn register(&self, context: &Context, definition: Value) -> Result<String> {
        let client = self.aws.ecs().await?;
        let ownership = &ownership(context);
        let definition = &definition;
        let registered = until(context, REGISTRATION, |attempt| async move {
            if attempt > 0
                && let Some(current) = self.compare(ownership, definition).await?
                && current.changes.is_empty()
            {
                return Ok(Probe::Done(current.observed.arn().to_owned()));
            }
            let once = config::Builder::new().retry_config(RetryConfig::disabled());
            let request = registration(definition, &tags::of(ownership));
            let call = client.register_task_definition().family(&self.family);
            let call = call.set_container_definitions(Some(Vec::new())).customize();
            let error = match call.interceptor(request).config_override(once).send().await {
                Ok(answer) => {
                    let arn = answer.task_definition.and_then(|definition| definition.task_definition_arn);
                    return arn.map(Probe::Done).ok_or_else(|| self.no_arn());
                }
                Err(error) => error,
            };
            let failed = failure(&error, self.at("RegisterTaskDefinition"));
            let failed = refused::explained(failed, &self.name, definition);
            let passes = match failed.kind {
                FailureKind::Unavailable => attempt < ATTEMPTS,
                _ => code(&error) == Some("ClientException") && refused::is_passing(&failed),
            };
            if !passes {
                return Err(failed);
            }
            if attempt == 0 {
                let missing = refused::of_missing_task_role(&self.aws, &failed, &self.name, definition);
                if let Some(failed) = missing.await {
                    return Err(failed);
                }
                context.progress(format!("ECS does not accept it yet: {}", failed.message));
            }
            Ok(Probe::Again(failed))
        });
        let arn = registered.await?;
        context.keep_first(|| Registered(arn.clone()));
        Ok(arn)
    }

    fn no_arn(&self) -> Failure {
        Failure::new(FailureKind::Internal, "ECS answers without an ARN")
            .at(self.at("RegisterTaskDefinition"))
    }
}

/// The ownership of a revision, which is immutable: it is not protected, because only its service leads to its removal.
fn ownership(context: &Context) -> Ownership {
    Ownership::of(context).unmarked()
}

fn is_ours(ownership: &Ownership, tags: &[Tag]) -> bool {
    ownership.owner(tags::pairs(tags)) == Owner::Ours
}

impl TaskDefinitionStep {
    async fn planned(&self, context: &Context, inputs: &Inputs) -> Result<StepPlan> {
        let declared = self.declared(inputs).await?;
        let ownership = ownership(context);
        let content = fields_of(&declared).digest();
        let unchanged = |arn: &str| {
            StepPlan::new(Action::NoChange, self.resource())
                .output(TASK_DEFINITION_ARN, arn)
                .output(CONTENT, &content)
        };
        let deregistered = match self.known(&ownership, &declared, &content).await? {
            Some(Noted::Active(arn)) => return Ok(unchanged(&arn)),
            Some(Noted::Deregistered(revision)) => {
                Some(format!("{revision}, which the service runs, was deregistered"))
            }
            None => None,
        };
        let Some(current) = self.compare(&ownership, &declared).await? else {
            let mut plan = StepPlan::new(Action::Create, self.resource());
            plan.reason = deregistered;
            plan.changes = fields_of(&declared).of_creation().into();
            plan.changes.extend(ownership.changes([]));
            if let Some(size) = self.size.filter(|_| self.service.size.is_none()) {
                plan.notes.push(format!(
                    "tasks get {}, the smallest size that holds the containers",
                    Readable(size)
                ));
            }
            return Ok(plan);
        };
        let Current { observed, mut changes } = current;
        let action = ownership.action(tags::pairs(&observed.tags), Action::Update);
        if changes.is_empty() {
            let mut unchanged = unchanged(observed.arn());
            unchanged.notes.extend(deregistered);
            let tags = ownership.changes(tags::pairs(&observed.tags));
            return Ok(if tags.is_empty() {
                unchanged
            } else {
                StepPlan { action, ..unchanged }.changes(tags)
            });
        }
        if action == Action::Adopt {
            changes.extend(ownership.changes(tags::pairs(&observed.tags)));
        } else if let Some(arn) = self.running(&ownership, &declared, observed.arn()).await? {
            return Ok(unchanged(&arn));
        }
        let mut plan = StepPlan::new(action, self.resource()).changes(changes);
        // Its number is known to ECS alone: those that were deregistered or deleted are never used again.
        plan.reason = Some(match deregistered {
            Some(deregistered) => format!("{deregistered}: registers a new revision"),
            None => "registers a new revision".to_owned(),
        });
        Ok(plan)
    }
}

#[async_trait]
impl Step for TaskDefinitionStep {
    async fn plan(&self, context: &Context, inputs: &Inputs) -> Result<StepPlan> {
        let mut plan = self.planned(context, inputs).await?;
        if plan.action != Action::NoChange {
            plan.notes.extend(existing::references(&self.aws, &self.name, &self.service).await?);
        }
        Ok(plan)
    }

    async fn apply(&self, context: &Context, inputs: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        let declared = self.declared(inputs).await?;
        let content = fields_of(&declared).digest();
        let ownership = ownership(context);
        let yielded = |arn: String, content: String| {
            Ok([(TASK_DEFINITION_ARN.to_owned(), arn), (CONTENT.to_owned(), content)].into())
        };
        let Some(Current { observed, changes }) = self.compare(&ownership, &declared).await? else {
            return yielded(self.register(context, declared).await?, content);
        };
        let arn = observed.arn().to_owned();
        // Registered by a run that ended before it knew, or what was not known is what was there.
        let is_declared = changes.is_empty();
        planned::still(plan, &changes).map_err(|failure| failure.at(self.resource()))?;
        let is_ours = is_ours(&ownership, &observed.tags);
        if is_ours && is_declared {
            self.take_over(context, &ownership, observed).await?;
        } else if !is_ours {
            let is_complete = inputs.iter().all(|(_, input)| input.value().is_some());
            let there = fields_of(&observed.definition).digest();
            self.take_over(context, &ownership, observed).await?;
            // Taken over by itself, before what it is made of is there: the next deploy makes it as declared.
            if !is_complete {
                return yielded(arn, there);
            }
        }
        let arn = if is_declared { arn } else { self.register(context, declared).await? };
        yielded(arn, content)
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        let owned = revisions::owned(&self.aws, &self.family, &Ownership::of(context)).await?;
        let mut plan = StepPlan::new(Action::NoChange, self.resource());
        if let Some(newest) = owned.first() {
            plan.action = Action::Delete;
            plan.notes.push(match owned.len() {
                1 => format!("deregisters {}", revision_of(newest)),
                count => format!("deregisters {count} revisions, up to {}", revision_of(newest)),
            });
        }
        Ok(plan)
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        let owned = revisions::owned(&self.aws, &self.family, &Ownership::of(context)).await?;
        revisions::deregister(&self.aws, &owned).await
    }

    /// Of revisions, only the one that this run registered goes. An adopted revision gets its former tags back.
    async fn undo(&self, context: &Context, _plan: &StepPlan) -> Result<()> {
        let registered: Vec<_> = context.kept().map(|Registered(arn)| arn).into_iter().collect();
        revisions::deregister(&self.aws, &registered).await?;
        let Some(before) = context.kept::<Observed>() else { return Ok(()) };
        let Some(now) = self.describe(before.arn()).await? else { return Ok(()) };
        tags::restore(&self.aws, before.arn(), &before.tags, &now.tags).await
    }
}

/// `family:revision` of a task definition's ARN.
pub(crate) fn revision_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
