//! The service as a step: plan, apply, removal.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_ecs::types::{Service as EcsService, ServiceDeploymentStatus, Tag};
use longshore_aws::{ADOPTED_TAG, Aws, Freshness, Owned, Owner, Ownership, ServiceJson};
use longshore_aws_shapes::Model;
use longshore_model::{
    Action, Effect, Failure, FailureKind, FieldChange, Inputs, Name, Outputs, Shown, StepPlan,
};
use longshore_plugin::{Context, Result, Step};

use super::{
    compare::{
        Declared, Difference, Standing, TASK_DEFINITION, compare, of_creation, planned_count, standing,
        with_settings_of,
    },
    images::{self, Moved},
    members,
    network::Placement,
    remove::Removal,
    variables,
};
use crate::declaration::{LaunchType, Service};
use crate::{
    aws_fields::AwsFields,
    cluster::CLUSTER_ARN,
    existing,
    explain::Facts,
    follow::{Expect, Follow, Unsuccessful},
    planned,
    reads::{Reads, count, primary},
    revision::Revision,
    tags,
    task_definition::TASK_DEFINITION_ARN,
};

/// The name of the output that is the service's ARN.
pub(crate) const SERVICE_ARN: &str = "service-arn";

/// The hint for a conflict with another service of the same name.
const RENAME: &str =
    "set another `service-name` or `cluster` (for all services: service-name = \"{stack}-{service}\")";

/// A service. Its step has succeeded when its deployment has.
pub(crate) struct ServiceStep {
    /// The clients.
    pub(crate) aws: Aws,
    /// The service's name in the configuration.
    pub(crate) name: Name,
    /// The declaration.
    pub(crate) service: Arc<Service>,
    /// The fields declared in AWS's words.
    pub(crate) fields: Arc<AwsFields>,
    /// The family of its task definition.
    pub(crate) family: String,
    /// The facts that explanations may mention.
    pub(crate) facts: Facts,
}

/// The failure of the return to an earlier revision after a failed rollout.
#[derive(Clone)]
pub(super) struct NoWayBack(pub(super) Failure);

/// A service as people know it; the cluster by its name.
pub(crate) fn resource(cluster: &str, name: &str) -> String {
    format!("service {}/{name}", cluster.rsplit('/').next().unwrap_or(cluster))
}

impl ServiceStep {
    pub(super) fn resource(&self) -> String {
        resource(&self.service.cluster, &self.service.name)
    }

    pub(super) fn removal(&self) -> Removal<'_> {
        Removal { reads: self.reads(), timeout: self.service.deployment.timeout }
    }

    pub(super) fn at(&self, call: &str) -> String {
        format!("ecs:{call} {}/{}", self.service.cluster, self.service.name)
    }

    pub(super) fn reads(&self) -> Reads<'_> {
        Reads { aws: &self.aws, cluster: &self.service.cluster, service: &self.service.name }
    }

    pub(super) async fn observe(&self, freshness: Freshness) -> Result<Option<EcsService>> {
        self.reads().service(freshness).await
    }

    pub(super) fn require_ours(&self, ownership: &Ownership, service: &EcsService) -> Result<()> {
        ownership
            .require(self.resource(), RENAME, tags::pairs(service.tags()))
            .map_err(|failure| failure.at(self.at("DescribeServices")))
    }

    fn require_unprotected(&self, ownership: &Ownership, service: &EcsService) -> Result<()> {
        let checked = ownership.require_unprotected(self.resource(), tags::pairs(service.tags()));
        checked.map_err(|failure| failure.at(self.at("DescribeServices")))
    }

    /// Makes sure that a service whose tasks run may be deleted and made anew.
    fn require_replaceable(&self, service: &EcsService, difference: &Difference) -> Result<()> {
        if self.fields.replaces || service.desired_count == 0 {
            return Ok(());
        }
        let message = format!(
            "{} of a service cannot be changed in place, and the tasks of the {} run",
            fixed_of(difference),
            self.resource()
        );
        Err(Failure::new(FailureKind::Invalid, message).at(self.resource()).help(format!(
            "set services.{}.replace = true to have it deleted and made anew, without a task in between",
            self.name
        )))
    }

    /// Returns the desired number of tasks of an existing service: the declared number, or else the current one.
    fn tasks_of(&self, service: &EcsService) -> u32 {
        self.service.desired_count.unwrap_or_else(|| count(service.desired_count))
    }

    /// Returns the number of tasks of a new service: the declared number, or else that of the service that it
    /// replaces, or else one.
    async fn count_of_new(&self, context: &Context) -> Result<u32> {
        if let Some(declared) = self.service.desired_count {
            return Ok(declared);
        }
        let before = self.elsewhere(context).await?;
        Ok(before.map_or(1, |before| count(before.desired_count)))
    }

    /// Finds the service that this step made in another cluster or under another name. It goes when the new one runs.
    async fn elsewhere(&self, context: &Context) -> Result<Option<Arc<EcsService>>> {
        let ownership = Ownership::of(context);
        let reads = self.aws.reads();
        let Some(owned) = reads.owned(ownership.stack(), Freshness::Planned).await? else { return Ok(None) };
        let own = owned.made_by(context.step.as_str());
        let places = own.filter_map(|one| one.arn.resource().strip_prefix("service/")?.split_once('/'));
        for (cluster, name) in places {
            let service = reads.service(cluster, name, Freshness::Planned).await?.filter(|it| is_active(it));
            let is_ours = |it: &Arc<EcsService>| ownership.owner(tags::pairs(it.tags())) == Owner::Ours;
            if let Some(service) = service.filter(is_ours) {
                return Ok(Some(service));
            }
        }
        Ok(None)
    }

    /// Makes sure that a rollout of so many tasks gets under way. Those that are declared were checked before.
    fn require_room(&self, tasks: u32) -> Result<()> {
        let deployment = &self.service.deployment;
        if self.service.desired_count.is_some() || deployment.has_room(tasks) {
            return Ok(());
        }
        let (stay, run) = deployment.bounds(tasks);
        let tasks = if tasks == 1 { "1 task".to_owned() } else { format!("{tasks} tasks") };
        let message = format!(
            "no rollout gets under way: of the service's {tasks}, {stay} must stay and {run} may run, so that ECS could \
             neither stop one nor start one"
        );
        Err(Failure::new(FailureKind::Invalid, message).at(self.resource()).help(format!(
            "set services.{}.deployment.maximum-percent to 200, or minimum-healthy-percent to 0",
            self.name
        )))
    }

    /// The declaration, and for an adopted service its own settings in place of undeclared ones.
    async fn declared(
        &self,
        context: &Context,
        inputs: &Inputs,
        there: Option<&EcsService>,
    ) -> Result<Declared<'_>> {
        let (network, launch_type) = (&self.service.network, self.service.launch_type);
        let adopted = there.filter(|service| is_active(service) && is_adopted(context, service));
        let vpc = adopted.and_then(|service| service.network_configuration()?.awsvpc_configuration());
        let placement = match vpc {
            _ if self.fields.shares_network() => None,
            Some(vpc) => {
                let there = Placement::of(vpc);
                Some(
                    Placement::of_adopted(&self.aws, network, inputs, launch_type, &self.fields, there)
                        .await?,
                )
            }
            None => Some(Placement::resolve(&self.aws, network, inputs, launch_type).await?),
        };
        let deployment = match adopted {
            Some(service) => Cow::Owned(with_settings_of(service, &self.service.deployment, &self.fields)),
            None => Cow::Borrowed(&self.service.deployment),
        };
        Ok(Declared {
            desired_count: self.service.desired_count,
            launch_type: self.service.launch_type,
            execute_command: self.service.execute_command,
            deployment,
            placement,
            fields: self.fields.resolved(inputs),
            task_definition: inputs.get(TASK_DEFINITION_ARN).clone(),
            is_adopted: adopted.is_some(),
        })
    }

    /// Follows the deployment that `service` shows to its end, and answers with the step's outputs.
    pub(super) async fn follow(
        &self,
        context: &Context,
        service: EcsService,
        expect: Expect,
        desired_count: Option<u32>,
        timeout: Duration,
        has_way_back: bool,
    ) -> std::result::Result<Outputs, Unsuccessful> {
        let arn = service.service_arn.clone().ok_or_else(|| {
            Failure::new(FailureKind::Internal, "ECS answers without an ARN").at(self.at("DescribeServices"))
        })?;
        let follow = Follow {
            context,
            reads: self.reads(),
            desired_count,
            timeout,
            circuit_breaker: self.service.deployment.circuit_breaker,
            has_way_back,
            facts: &self.facts,
        };
        follow.to_the_end(service, expect).await?;
        Ok([(SERVICE_ARN.to_owned(), arn)].into())
    }

    /// Follows a deployment of what is declared.
    async fn follow_declared(
        &self,
        context: &Context,
        service: EcsService,
        expect: Expect,
    ) -> Result<Outputs> {
        self.follow_or_go_back(context, service, expect, self.service.desired_count).await
    }

    /// The service deployments that there are already: what comes now is another one. The one that ECS names as current
    /// alone would not do, because another run's may be about to begin; it has to do where the caller may not list them.
    pub(super) async fn known_deployments(&self, service: Option<&EcsService>) -> Result<BTreeSet<String>> {
        let Some(service) = service else { return Ok(BTreeSet::new()) };
        let briefs = self.reads().service_deployments().await?.unwrap_or_default();
        let current = service.current_service_deployment.clone();
        Ok(briefs.into_iter().filter_map(|brief| brief.service_deployment_arn).chain(current).collect())
    }

    /// Returns ECS's reason for the last service deployment's rollback, or `None` if it was not rolled back.
    async fn rolled_back(&self) -> Option<String> {
        let newest = self.reads().service_deployments().await.ok()??.into_iter().next()?;
        let is_rollback = matches!(
            newest.status,
            Some(ServiceDeploymentStatus::RollbackSuccessful | ServiceDeploymentStatus::RollbackFailed)
        );
        is_rollback.then(|| newest.status_reason.unwrap_or_else(|| "ECS gives no reason".to_owned()))
    }

    /// Says which service this step made under another name or in another cluster.
    async fn replaces(&self, context: &Context, ownership: &Ownership) -> Option<String> {
        let owned = self.aws.reads().owned(ownership.stack(), Freshness::Planned).await.ok()??;
        let now = format!("service/{}/{}", self.service.cluster, self.service.name);
        let is_before =
            |one: &&Owned| one.arn.service() == "ecs" && one.arn.resource() != now && one.is_of(ownership);
        let before = owned
            .made_by(context.step.as_str())
            .find(is_before)?
            .arn
            .resource()
            .strip_prefix("service/")?
            .to_owned();
        Some(format!(
            "takes the place of the service {before}, which nothing declares any more: ECS can neither rename a service \
             nor move it"
        ))
    }

    async fn create_and_follow(
        &self,
        context: &Context,
        inputs: &Inputs,
        declared: &Declared<'_>,
        desired_count: u32,
        before: Option<&EcsService>,
    ) -> Result<Outputs> {
        if before.is_some_and(|service| service.status() == Some("DRAINING")) {
            context.progress("waiting until the deleted service of this name is gone");
            self.removal().drained(context).await?;
        }
        let known = self.known_deployments(before).await?;
        let revision = Revision::of(inputs)?;
        let cluster = inputs.require(CLUSTER_ARN)?;
        let created = self.create(context, cluster, declared, desired_count, &revision, before).await?;
        self.follow_declared(context, created, Expect::New(known)).await
    }

    async fn change_and_follow(
        &self,
        context: &Context,
        inputs: &Inputs,
        declared: &Declared<'_>,
        service: EcsService,
        difference: &Difference,
    ) -> Result<Outputs> {
        let stale = self.tasks_of(&service) > 0 && !variables::rewritten(inputs, &service).is_empty();
        let failed = matches!(standing(&service), Standing::Failed(_));
        let force = (failed || stale) && !difference.deploys() || difference.forces();
        context.keep_first(|| service.clone());
        let arn = service.service_arn().unwrap_or_default();
        let revision = Revision::of(inputs)?;
        let noted = revision.missing_tag(service.tags()).into_iter().chain(adoption(context, service.tags()));
        tags::complete(&self.aws, arn, &Ownership::of(context), service.tags(), noted).await?;
        if !difference.updates() && !force {
            return self.follow_declared(context, service, Expect::Current).await;
        }
        let expect = if force || difference.deploys() {
            Expect::New(self.known_deployments(Some(&service)).await?)
        } else {
            Expect::Current
        };
        let cluster = inputs.require(CLUSTER_ARN)?;
        let changed = self.change(cluster, declared, &revision, difference, force).await?;
        let outputs = self.follow_declared(context, changed, expect).await?;
        if difference.task_definition {
            self.deregister_surplus(context).await;
        }
        Ok(outputs)
    }
}

/// Returns the differing fields of a service that cannot be changed, as part of a sentence.
fn fixed_of(difference: &Difference) -> String {
    let is_fixed =
        |change: &&FieldChange| Model::ecs().fixed("CreateService").contains(&change.field.as_str());
    let fixed: Vec<_> =
        difference.changes.iter().filter(is_fixed).map(|change| change.field.as_str()).collect();
    if fixed == ["launchType"] { "the launch type".to_owned() } else { fixed.join(" and ") }
}

/// Returns true if the service was adopted, or is about to be.
fn is_adopted(context: &Context, service: &EcsService) -> bool {
    tags::pairs(service.tags()).any(|tag| tag == (ADOPTED_TAG, "true"))
        || adoption(context, service.tags()).is_some()
}

/// The tag that records the adoption of a service with `tags`, if it has no owner yet.
fn adoption(context: &Context, tags: &[Tag]) -> Option<Tag> {
    let is_free = context.adopts && Ownership::of(context).owner(tags::pairs(tags)) == Owner::Nobody;
    is_free.then(|| Tag::builder().key(ADOPTED_TAG).value("true").build())
}

/// The tags that a service with `tags` gets, as fields.
fn tag_changes(context: &Context, tags: &[Tag]) -> Vec<FieldChange> {
    let mut changes = Ownership::of(context).changes(tags::pairs(tags));
    if adoption(context, tags).is_some() {
        changes.push(FieldChange::new(format!("tags.{ADOPTED_TAG}"), None, Some(Shown::text(true))));
    }
    changes
}

/// Returns true if ECS still runs the service, or could.
pub(crate) fn is_active(service: &EcsService) -> bool {
    service.status() == Some("ACTIVE")
}

impl ServiceStep {
    async fn planned(
        &self,
        context: &Context,
        declared: &Declared<'_>,
        inputs: &Inputs,
        observed: Option<(Arc<EcsService>, ServiceJson)>,
    ) -> Result<StepPlan> {
        let ownership = Ownership::of(context);
        let Some((service, json)) = observed.as_ref().filter(|(service, _)| is_active(service)) else {
            let changes = of_creation(declared, self.count_of_new(context).await?);
            self.require_time(None)?;
            let mut plan = StepPlan::new(Action::Create, self.resource()).changes(changes);
            plan.changes.extend(ownership.changes([]));
            plan.reason = if observed.is_some_and(|(service, _)| service.status() == Some("DRAINING")) {
                Some("the deleted service of this name is still draining: it is waited for".into())
            } else {
                self.replaces(context, &ownership).await
            };
            return Ok(plan);
        };
        self.require_ours(&ownership, service)?;
        let mut difference = compare(service, json, declared);
        let images = self.images(inputs, service, Freshness::Planned).await?;
        difference.images = !images.moved.is_empty();
        difference.changes.extend(images.moved.iter().map(Moved::change));
        difference.changes.extend(tag_changes(context, service.tags()));
        let tasks = self.tasks_of(service);
        let mut reasons = Vec::new();
        if difference.forces() {
            reasons.push(images::reason(&images.moved));
        }
        let rewritten = variables::rewritten(inputs, service);
        if !difference.deploys() && tasks > 0 && !rewritten.is_empty() {
            reasons.push(variables::reason(&rewritten));
        }
        let mut plan = StepPlan::new(Action::Update, self.resource());
        plan.notes = images.notes.into();
        plan.effect = difference.effect(tasks);
        if difference.fixed {
            self.require_unprotected(&ownership, service)?;
            self.require_replaceable(service, &difference)?;
            plan.action = Action::Replace;
            plan.reason = Some(format!(
                "{} of a service cannot be changed: it is deleted and made anew, and no task runs in between",
                fixed_of(&difference)
            ));
            return Ok(plan.changes(difference.changes));
        }
        if plan.effect == Effect::RollingUpdate || !reasons.is_empty() {
            self.require_room(tasks)?;
        }
        plan = plan.output(SERVICE_ARN, service.service_arn().unwrap_or_default());
        match standing(service) {
            Standing::Failed(reason) => {
                plan.reason = Some(format!("the last deployment failed: {reason}"));
                plan.effect = Effect::RollingUpdate;
            }
            _ if !reasons.is_empty() => {
                plan.reason = Some(reasons.join("; "));
                plan.effect = if tasks > 0 { Effect::RollingUpdate } else { plan.effect };
            }
            Standing::InProgress if difference.changes.is_empty() => {
                plan.reason = Some("a deployment is in progress: it will be followed".to_owned());
            }
            Standing::Short if difference.changes.is_empty() => {
                let running = primary(service).map_or(0, |primary| count(primary.running_count));
                plan.reason = Some(format!(
                    "{running} of {} tasks are running: the service will be followed until all are",
                    service.desired_count
                ));
            }
            _ if difference.task_definition => {
                let rolled_back = self.rolled_back().await;
                plan.reason =
                    rolled_back.map(|reason| format!("the last deployment was rolled back: {reason}"));
            }
            _ if difference.changes.is_empty() => plan.action = Action::NoChange,
            _ => {}
        }
        if plan.is_change() {
            self.require_time(Some(json))?;
        }
        plan.action = ownership.action(tags::pairs(service.tags()), plan.action);
        Ok(plan.changes(difference.changes))
    }
}

#[async_trait]
impl Step for ServiceStep {
    async fn left_alone(&self, context: &Context) -> Result<Vec<FieldChange>> {
        let Some((service, json)) = self.reads().described(Freshness::Planned).await? else {
            return Ok(Vec::new());
        };
        if !is_active(&service) {
            return Ok(Vec::new());
        }
        let is_adopted = is_adopted(context, &service);
        let is_compared = |word: &str| match word {
            "desired-count" => self.service.desired_count.is_some() || self.fields.is_daemon(),
            word => !is_adopted || self.fields.has_word(word),
        };
        Ok(members::left_alone(&json, &self.fields, is_compared))
    }

    async fn plan(&self, context: &Context, inputs: &Inputs) -> Result<StepPlan> {
        let observed = self.reads().described(Freshness::Planned).await?;
        let declared =
            self.declared(context, inputs, observed.as_ref().map(|(service, _)| &**service)).await?;
        let mut plan = self.planned(context, &declared, inputs, observed).await?;
        let is_placed = |change: &FieldChange| change.field.starts_with("networkConfiguration");
        if plan.changes.iter().any(is_placed) || plan.action == Action::Replace {
            let is_default = self.service.network.subnets.is_empty();
            if let Some(placement) = &declared.placement {
                let notes = existing::network(&self.aws, &self.name, placement, is_default);
                plan.notes.extend(notes.await?);
            }
        }
        let rolls_out = plan.changes.iter().any(|change| change.field == TASK_DEFINITION);
        if rolls_out && plan.action == Action::Update {
            plan.notes.extend(self.surplus_note(context, inputs).await);
        }
        let is_on_instances = self.service.launch_type == LaunchType::Ec2;
        let has_tasks = self.service.desired_count != Some(0);
        if plan.is_change() && is_on_instances && has_tasks && !members::has_providers(&self.fields) {
            plan.notes.extend(existing::instances(&self.aws, &self.service.cluster).await?);
        }
        if plan.changes.iter().any(|change| change.field.starts_with("loadBalancers")) {
            let notes = existing::target_groups(&self.aws, &self.name, declared.fields.service());
            plan.notes.extend(notes.await?);
        }
        Ok(plan)
    }

    async fn apply(&self, context: &Context, inputs: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        let observed = self.reads().described(Freshness::Now).await?;
        let declared =
            self.declared(context, inputs, observed.as_ref().map(|(service, _)| &**service)).await?;
        let Some((service, json)) = observed.clone().filter(|(service, _)| is_active(service)) else {
            let tasks = planned_count(&plan.changes).or(declared.desired_count).unwrap_or(1);
            let before = observed.as_ref().map(|(service, _)| &**service);
            return self.create_and_follow(context, inputs, &declared, tasks, before).await;
        };
        self.require_ours(&Ownership::of(context), &service)?;
        let mut difference = compare(&service, &json, &declared);
        let mut moved = Vec::new();
        if plan.changes.iter().any(images::is_of_image) {
            moved = self.images(inputs, &service, Freshness::Now).await?.moved;
            moved.retain(|moved| images::is_planned(&plan.changes, moved));
        }
        difference.images = !moved.is_empty();
        difference.changes.extend(moved.iter().map(Moved::change));
        difference.changes.extend(tag_changes(context, service.tags()));
        planned::still(plan, &difference.changes).map_err(|failure| failure.at(self.resource()))?;
        if difference.fixed {
            self.require_replaceable(&service, &difference)?;
            self.removal().run(context).await?;
            let gone = self.observe(Freshness::Now).await?;
            let tasks = self.tasks_of(&service);
            return self.create_and_follow(context, inputs, &declared, tasks, gone.as_ref()).await;
        }
        let service = Arc::unwrap_or_clone(service);
        self.change_and_follow(context, inputs, &declared, service, &difference).await
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        let mut plan = StepPlan::new(Action::NoChange, self.resource());
        let Some(service) = self.observe(Freshness::Planned).await? else { return Ok(plan) };
        if service.status() == Some("INACTIVE") {
            return Ok(plan);
        }
        let ownership = Ownership::of(context);
        if ownership.owner(tags::pairs(service.tags())) != Owner::Ours {
            plan.notes.push("stays, because this stack does not own it".to_owned());
            return Ok(plan);
        }
        self.require_unprotected(&ownership, &service)?;
        plan.action = Action::Delete;
        plan.effect = Effect::Stop;
        if service.status() == Some("DRAINING") {
            plan.reason = Some("it is being deleted already: it is waited for".to_owned());
        }
        Ok(plan)
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        self.removal().run(context).await
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        self.take_back(context, plan).await
    }
}
