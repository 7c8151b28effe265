//! The log group that a service's containers write to.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use longshore_aws::{
    Aws, Freshness, Mark, Owner, Ownership, code, failure,
    wait::{Patience, Probe, until, until_deleted},
};
use longshore_model::{Action, Failure, FailureKind, FieldChange, Inputs, Name, Outputs, Shown, StepPlan};
use longshore_plugin::{Context, Result, Step, stuck};
use serde_json::{Value, json};

use crate::declaration::LogRemoval;

/// The name of the output that is the log group's name.
pub(crate) const LOG_GROUP: &str = "log-group";

/// The retention periods that CloudWatch Logs has, in days (API reference, PutRetentionPolicy).
pub(crate) const RETENTION_DAYS: &[u32] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/// The tag that lets a log group go with its service while its value is `delete`.
const REMOVAL_TAG: &str = "longshore:removal";

/// Returns whether `tags` let a log group go with its service. Otherwise it stays, with its log events.
pub(crate) fn is_deleted<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
    tags.into_iter().any(|tag| tag == (REMOVAL_TAG, "delete"))
}

/// Another change to the same log group ends within seconds.
const CONCURRENT_CHANGE: Patience = Patience::of(Duration::from_secs(30));

/// A log group. One that the configuration names, and that is there already and not the stack's, is used, but not changed.
pub(crate) struct LogGroupStep {
    /// The clients.
    pub(crate) aws: Aws,
    /// The log group's name.
    pub(crate) name: String,
    /// The common prefix of the names of the stack's log groups.
    pub(crate) prefix: String,
    /// True if the configuration names it. Otherwise only Longshore has a reason to create it.
    pub(crate) is_named: bool,
    /// Days that log events are kept.
    pub(crate) retention_days: u32,
    /// The policy for the log group when the service is removed.
    pub(crate) removal: LogRemoval,
}

/// A log group that is there.
#[derive(Clone)]
pub(crate) struct Observed {
    arn: String,
    tags: BTreeMap<String, String>,
    /// Days that log events are kept; `None` if they are kept for ever.
    retention_days: Option<u32>,
}

/// A log group as people know it.
pub(crate) fn resource(name: &str) -> String {
    format!("log group {name}")
}

impl Observed {
    pub(crate) fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// Returns the common prefix of the names of a stack's log groups.
pub(crate) fn prefix(stack: &Name) -> String {
    format!("/longshore/{stack}/")
}

/// Returns the tags of `arn` from the index of the stack's resources, if they are complete. Returns `None` otherwise:
/// the group may have another owner or be too new, or the caller may lack the permission.
async fn indexed_tags(
    aws: &Aws,
    ownership: &Ownership,
    arn: &str,
) -> Result<Option<BTreeMap<String, String>>> {
    let owned = match aws.reads().owned(ownership.stack(), Freshness::Planned).await {
        Ok(owned) => owned.unwrap_or_default(),
        Err(failure) if failure.kind == FailureKind::Denied => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let found = owned.get(arn).filter(|one| {
        ownership.missing(one.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))).is_empty()
    });
    Ok(found.map(|one| one.tags.clone()))
}

impl LogGroupStep {
    fn resource(&self) -> String {
        resource(&self.name)
    }

    fn at(&self, call: &str) -> String {
        format!("logs:{call} {}", self.name)
    }

    /// Calls an operation of CloudWatch Logs.
    async fn call(&self, operation: &'static str, parameters: Value) -> Result<Value> {
        let answer = self.aws.cloudwatchlogs().await?.call(operation, parameters).await;
        answer.map_err(|error| failure(&error, self.at(operation)))
    }

    /// The ownership, which records what happens to the log group once its declaration is gone.
    fn ownership(&self, context: &Context) -> Ownership {
        let is_on = self.removal == LogRemoval::Delete;
        Ownership::of(context).mark(Mark { key: REMOVAL_TAG, on: "delete", off: "keep", is_on })
    }

    fn retention_change(&self, old: Option<Shown>) -> FieldChange {
        FieldChange::new("retentionInDays", old, Some(Shown::text(self.retention_days)))
    }

    /// For planning, the group is found among all of the stack, and its tags in the index of tags, unless that says that
    /// one is missing: it lags behind.
    pub(crate) async fn observe(
        &self,
        ownership: &Ownership,
        freshness: Freshness,
    ) -> Result<Option<Observed>> {
        let reads = self.aws.reads();
        let Some(group) = reads.log_group(&self.prefix, &self.name, freshness).await? else {
            return Ok(None);
        };
        let arn = group.arn;
        let indexed = match freshness {
            Freshness::Planned => indexed_tags(&self.aws, ownership, &arn).await?,
            Freshness::Now | Freshness::Watched => None,
        };
        let tags = match indexed {
            Some(tags) => Some(tags),
            None => self.tags(&arn).await?,
        };
        Ok(tags.map(|tags| Observed { arn, tags, retention_days: group.retention_days }))
    }

    /// Returns the tags of the group `arn` itself; `None` if it does not exist any more.
    pub(crate) async fn tags(&self, arn: &str) -> Result<Option<BTreeMap<String, String>>> {
        let client = self.aws.cloudwatchlogs().await?;
        match client.call("ListTagsForResource", json!({ "resourceArn": arn })).await {
            Ok(answer) => {
                let tags = answer.get("tags").and_then(Value::as_object).into_iter().flatten();
                let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
                Ok(Some(tags.filter_map(text).collect()))
            }
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failure(&error, self.at("ListTagsForResource"))),
        }
    }

    fn require_unprotected(&self, ownership: &Ownership, observed: &Observed) -> Result<()> {
        let checked = ownership.require_unprotected(self.resource(), observed.tags());
        checked.map_err(|failure| failure.at(self.at("ListTagsForResource")))
    }

    /// Makes sure that a group whose name only Longshore makes is the stack's, or about to be.
    fn require_ours(&self, ownership: &Ownership, observed: &Observed) -> Result<()> {
        if self.is_named {
            return Ok(());
        }
        ownership
            .require(self.resource(), "name another one in `logs.group`", observed.tags())
            .map_err(|failure| failure.at(self.at("ListTagsForResource")))
    }

    /// Gives the group the ownership's tags, where it lacks any.
    async fn complete(&self, observed: &Observed, ownership: &Ownership) -> Result<()> {
        let missing = ownership.missing(observed.tags());
        if missing.is_empty() {
            return Ok(());
        }
        let tags: BTreeMap<_, _> = missing.into_iter().collect();
        self.call("TagResource", json!({ "resourceArn": observed.arn, "tags": tags })).await?;
        Ok(())
    }

    /// The group that is there, as soon as it is listed.
    async fn listed(&self, context: &Context, ownership: &Ownership) -> Result<Observed> {
        until(context, CONCURRENT_CHANGE, |_| async {
            Ok(match self.observe(ownership, Freshness::Now).await? {
                Some(observed) => Probe::Done(observed),
                None => Probe::Again(
                    Failure::new(FailureKind::Conflict, "the log group exists and is not listed yet")
                        .at(self.at("DescribeLogGroups")),
                ),
            })
        })
        .await
    }

    /// Creates the group. Returns false if it exists already: an attempt whose answer was lost, or another process, may
    /// have created it.
    async fn create(&self, context: &Context, ownership: &Ownership) -> Result<bool> {
        let client = self.aws.cloudwatchlogs().await?;
        let tags: BTreeMap<_, _> = ownership.tags().into_iter().collect();
        let parameters = json!({ "logGroupName": self.name, "tags": tags });
        until(context, CONCURRENT_CHANGE, |_| async {
            let created = client.call("CreateLogGroup", parameters.clone()).await;
            let Err(error) = created else { return Ok(Probe::Done(true)) };
            match code(&error) {
                Some("ResourceAlreadyExistsException") => Ok(Probe::Done(false)),
                Some("OperationAbortedException") => {
                    Ok(Probe::Again(failure(&error, self.at("CreateLogGroup"))))
                }
                _ => Err(failure(&error, self.at("CreateLogGroup"))),
            }
        })
        .await
    }

    /// Makes the group what it was.
    async fn restore_to(&self, ownership: &Ownership, before: &Observed) -> Result<()> {
        let Some(now) = self.observe(ownership, Freshness::Now).await? else { return Ok(()) };
        match before.retention_days {
            days if days == now.retention_days => {}
            Some(days) => self.put_retention(days).await?,
            None => {
                self.call("DeleteRetentionPolicy", json!({ "logGroupName": self.name })).await?;
            }
        }
        let lost: BTreeMap<_, _> =
            before.tags.iter().filter(|(key, value)| now.tags.get(*key) != Some(value)).collect();
        if !lost.is_empty() {
            self.call("TagResource", json!({ "resourceArn": now.arn, "tags": lost })).await?;
        }
        let new: Vec<_> = now.tags.keys().filter(|key| !before.tags.contains_key(*key)).collect();
        if !new.is_empty() {
            self.call("UntagResource", json!({ "resourceArn": now.arn, "tagKeys": new })).await?;
        }
        Ok(())
    }

    async fn put_retention(&self, days: u32) -> Result<()> {
        let parameters = json!({ "logGroupName": self.name, "retentionInDays": days });
        self.call("PutRetentionPolicy", parameters).await?;
        Ok(())
    }
}

fn shown_retention(days: Option<u32>) -> String {
    days.map_or_else(|| "for ever".to_owned(), |days| days.to_string())
}

#[async_trait]
impl Step for LogGroupStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        let plan = |action| StepPlan::new(action, self.resource()).output(LOG_GROUP, &self.name);
        let ownership = self.ownership(context);
        let Some(observed) = self.observe(&ownership, Freshness::Planned).await? else {
            let mut changes = vec![self.retention_change(None)];
            changes.extend(ownership.changes([]));
            return Ok(plan(Action::Create).changes(changes));
        };
        self.require_ours(&ownership, &observed)?;
        let differs = observed.retention_days != Some(self.retention_days);
        let is = shown_retention(observed.retention_days);
        if !ownership.is_ours_or_adopted(observed.tags()) {
            let mut plan = plan(Action::NoChange);
            plan.notes.push("uses the existing log group, which this stack does not own".to_owned());
            if differs {
                plan.notes.push(format!(
                    "its retention in days stays as it is ({is}), although {} is configured",
                    self.retention_days
                ));
            }
            return Ok(plan);
        }
        let mut changes = ownership.changes(observed.tags());
        if differs {
            changes.push(self.retention_change(Some(Shown::text(is))));
        }
        let action = if changes.is_empty() { Action::NoChange } else { Action::Update };
        Ok(plan(ownership.action(observed.tags(), action)).changes(changes))
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        let ownership = self.ownership(context);
        let yielded = || Ok([(LOG_GROUP.to_owned(), self.name.clone())].into());
        let observed = match plan.action {
            Action::Create => None,
            _ => self.observe(&ownership, Freshness::Now).await?,
        };
        let observed = match observed {
            Some(observed) => observed,
            None if self.create(context, &ownership).await? => {
                self.put_retention(self.retention_days).await?;
                return yielded();
            }
            None => self.listed(context, &ownership).await?,
        };
        self.require_ours(&ownership, &observed)?;
        if !ownership.is_ours_or_adopted(observed.tags()) {
            return yielded();
        }
        context.keep_first(|| observed.clone());
        self.complete(&observed, &ownership).await?;
        if observed.retention_days != Some(self.retention_days) {
            self.put_retention(self.retention_days).await?;
        }
        yielded()
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        let mut plan = StepPlan::new(Action::NoChange, self.resource());
        let ownership = self.ownership(context);
        match self.observe(&ownership, Freshness::Planned).await? {
            None => {}
            Some(observed) if ownership.owner(observed.tags()) == Owner::Ours => {
                self.require_unprotected(&ownership, &observed)?;
                match self.removal {
                    LogRemoval::Delete => {
                        plan.action = Action::Delete;
                        plan.notes.push("the log events in it are removed with it".to_owned());
                    }
                    LogRemoval::Keep => plan.notes.push(
                        "stays with its log events; with `logs.removal = \"delete\"` it would be removed"
                            .to_owned(),
                    ),
                }
            }
            Some(_) => plan.notes.push("stays, because this stack does not own it".to_owned()),
        }
        Ok(plan)
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        let ownership = self.ownership(context);
        let observed = self.observe(&ownership, Freshness::Now).await?;
        let Some(observed) = observed.filter(|it| ownership.owner(it.tags()) == Owner::Ours) else {
            return Ok(());
        };
        self.require_unprotected(&ownership, &observed)?;
        let client = self.aws.cloudwatchlogs().await?;
        let delete = || async {
            match client.call("DeleteLogGroup", json!({ "logGroupName": self.name })).await {
                Ok(_) => {
                    let found = self.aws.reads().log_group(&self.prefix, &self.name, Freshness::Now).await?;
                    Ok(found.is_none())
                }
                Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(true),
                Err(error) => Err(failure(&error, self.at("DeleteLogGroup"))),
            }
        };
        until_deleted(context, &self.resource(), delete).await
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        match plan.action {
            Action::NoChange => Ok(()),
            Action::Create => self.remove(context).await,
            action => {
                let before = context.kept::<Observed>().ok_or_else(|| stuck(action, &plan.resource))?;
                self.restore_to(&self.ownership(context), &before).await
            }
        }
    }
}
