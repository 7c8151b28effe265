//! The role builder, and what it plans.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
};

use async_trait::async_trait;
use longshore_aws::{Aws, ListedRole};
use longshore_model::{Action, Failure, FailureKind, FieldChange, Name, Shown, StepPlan};
use longshore_plugin::{Context, Result, RoleBuilder, RoleSpec, Undeclared};
use tokio::sync::OnceCell;

use crate::{
    desired::{self, Desired, has_policies_of_others},
    difference::Difference,
    observed::{self, Observed},
    options::RoleOptions,
    ownership::RoleOwnership,
    removal,
    undeclared::UndeclaredRoles,
};

/// Builds execution roles in IAM.
#[derive(Debug)]
pub(crate) struct IamRoles {
    pub(crate) aws: Aws,
    pub(crate) options: RoleOptions,
    /// True if IAM's simulator wants to be asked about one action at a time.
    pub(crate) one_action_at_a_time: AtomicBool,
    /// The secrets of others as they were when the role was planned: full ARNs by what they are without the six characters
    /// that Secrets Manager adds.
    pub(crate) listed: OnceCell<BTreeMap<String, String>>,
}

/// A role as people know it.
pub(crate) fn resource(name: &str) -> String {
    format!("role {name}")
}

impl IamRoles {
    pub(crate) async fn desired(&self, context: &Context, role: &RoleSpec) -> Result<Desired> {
        let purpose = self.purpose(context, role).await?;
        let (identity, region) = (self.aws.identity().await?, self.aws.region().await?);
        Desired::of(context, role, &self.options, purpose, identity, region)
    }
}

/// The reason for replacing a role with another path.
const REPLACED: &str = "the path of a role cannot be changed, and a second role cannot have its name: it is removed and \
                        made anew. In between ECS starts no task with it, and running tasks cannot write logs";

/// Makes sure that a role is the stack's, and that it can become what is declared.
pub(crate) fn require_usable(observed: &Observed, desired: &Desired) -> Result<()> {
    desired.ownership.require(&desired.name, &observed.tags)?;
    if observed.path == desired.path {
        return Ok(());
    }
    let refuse = |why: &str, help: &str| {
        let message = format!(
            "the role `{}` has the path {}, the configuration says {}, and {why}",
            desired.name, observed.path, desired.path
        );
        Err(Failure::new(FailureKind::Conflict, message)
            .at(format!("iam:GetRole {}", desired.name))
            .help(help))
    };
    if desired.ownership.foreign(&observed.tags).is_some() {
        return refuse(
            "IAM cannot change it: the role would have to be removed, which belongs to nobody",
            "set `execution-role.path` to the role's path, or another `execution-role.name` to get a new role",
        );
    }
    match &observed.boundary {
        // A run that is killed in between would not know it any more.
        Some(boundary) if desired.boundary.is_none() => refuse(
            &format!("a new role would lack its permissions boundary {boundary}, which is not declared"),
            "set `execution-role.permissions-boundary`, or take the boundary from the role",
        ),
        _ => Ok(()),
    }
}

/// Makes sure that the managed policies which will be attached are there, so that a misspelt one is found before anything
/// is made. A caller who may not look finds out when they are attached.
async fn check_managed(aws: &Aws, difference: &Difference, desired: &Desired) -> Result<()> {
    let attached = difference.attach.iter().map(|policy| (policy, "managed-policies"));
    let boundary = desired.boundary.iter().filter(|_| difference.boundary);
    for (policy, key) in attached.chain(boundary.map(|policy| (policy, "permissions-boundary"))) {
        let Err(failure) = aws.reads().managed_policy(policy).await else { continue };
        if failure.kind == FailureKind::NotFound {
            let message = format!("there is no managed policy {policy}: {}", failure.message);
            return Err(Failure { message, ..failure }.help(format!("correct `execution-role.{key}`")));
        }
    }
    Ok(())
}

/// The plan for a role that is there.
fn planned(observed: &Observed, desired: &Desired, difference: &Difference) -> StepPlan {
    if observed.path != desired.path {
        let (old, new) = (Shown::text(&observed.path), Shown::text(&desired.path));
        let mut changes = vec![FieldChange::new("Path", Some(old), Some(new))];
        changes.extend(difference.changes(Some(observed), desired));
        let mut plan = StepPlan::new(Action::Replace, resource(&desired.name))
            .output(<dyn RoleBuilder>::ARN, &desired.arn)
            .changes(changes);
        plan.reason = Some(REPLACED.to_owned());
        return plan;
    }
    let action = if difference.is_empty() { Action::NoChange } else { Action::Update };
    let action = desired.ownership.action(&observed.tags, action);
    let mut plan = StepPlan::new(action, resource(&desired.name))
        .output(<dyn RoleBuilder>::ARN, &observed.arn)
        .changes(difference.changes(Some(observed), desired));
    if let (None, Some(boundary)) = (&desired.boundary, &observed.boundary) {
        plan.notes.push(format!("the permissions boundary {boundary} is not declared and stays"));
    }
    plan
}

/// The maximum number of managed policies of a role, unless the account's quota was raised (IAM user guide, "IAM and
/// AWS STS quotas").
const MANAGED_POLICIES: usize = 10;

impl IamRoles {
    /// Returns the notes on a role that do not depend on its current state.
    async fn notes(&self, role: &RoleSpec) -> Result<Vec<String>> {
        let partition = &self.aws.identity().await?.partition;
        let elsewhere = role.images.iter().filter_map(|image| {
            let there = image.ecr()?.partition();
            let note =
                || format!("{image} lies in the partition {there}: no role of {partition} can pull it");
            (there != partition).then(note)
        });
        let mut notes: Vec<_> = elsewhere.collect();
        let count = role.managed_policies.len();
        if count > MANAGED_POLICIES {
            notes.push(format!(
                "it has {count} managed policies: IAM allows {MANAGED_POLICIES}, unless the account's quota was raised"
            ));
        }
        Ok(notes)
    }

    async fn planned(&self, context: &Context, role: &RoleSpec) -> Result<StepPlan> {
        if let Some(existing) = &self.options.existing {
            return self.plan_existing(context, role, existing).await;
        }
        let desired = self.desired(context, role).await?;
        let client = self.aws.iam().await?;
        // A difference in the account's list may be gone when the role itself is read.
        let listed = self.aws.reads().listed_role(&desired.name).await?;
        let observed = match &listed {
            ListedRole::Found(role) => {
                let mut observed = observed::of_detail(role);
                let is_as_declared = |observed: &Observed| {
                    require_usable(observed, &desired).is_ok()
                        && observed.path == desired.path
                        && Difference::between(observed, &desired).is_empty()
                };
                if is_as_declared(&observed) {
                    observed = observed::with_settings(&self.aws, &desired.name, observed).await?;
                    if is_as_declared(&observed) {
                        return Ok(planned(&observed, &desired, &Difference::default()));
                    }
                }
                observed::role(client, &desired.name).await?
            }
            ListedRole::Absent => None,
            ListedRole::Unknown => observed::role(client, &desired.name).await?,
        };
        let Some(observed) = observed else {
            let difference = Difference::between(&Observed::default(), &desired);
            check_managed(&self.aws, &difference, &desired).await?;
            return Ok(StepPlan::new(Action::Create, resource(&desired.name))
                .output(<dyn RoleBuilder>::ARN, &desired.arn)
                .changes(difference.changes(None, &desired)));
        };
        require_usable(&observed, &desired)?;
        if observed.path != desired.path {
            desired.ownership.require_unprotected(&desired.name, &observed.tags)?;
        }
        let observed = observed::policies(client, &desired.name, observed).await?;
        let difference = Difference::between(&observed, &desired);
        check_managed(&self.aws, &difference, &desired).await?;
        Ok(planned(&observed, &desired, &difference))
    }
}

#[async_trait]
impl RoleBuilder for IamRoles {
    async fn plan(&self, context: &Context, role: &RoleSpec) -> Result<StepPlan> {
        let mut plan = self.planned(context, role).await?;
        plan.notes.extend(self.notes(role).await?);
        Ok(plan)
    }

    async fn apply(&self, context: &Context, role: &RoleSpec) -> Result<String> {
        if let Some(existing) = &self.options.existing {
            return self.use_existing(context, role, existing).await;
        }
        let desired = self.desired(context, role).await?;
        self.converge(context, &desired).await?;
        let policies_of_others = has_policies_of_others(role);
        self.wait_until_allowed(context, &desired.arn, &desired.purpose, policies_of_others).await?;
        Ok(desired.arn)
    }

    async fn plan_removal(&self, context: &Context, role: &RoleSpec) -> Result<StepPlan> {
        if let Some(existing) = &self.options.existing {
            let mut plan = StepPlan::new(Action::NoChange, resource(existing.name()));
            plan.notes.push("the role was there before and stays".to_owned());
            return Ok(plan);
        }
        let name = desired::name(&context.stack, role);
        let ownership = RoleOwnership::of(context, self.aws.region().await?);
        let Some(observed) = observed::role(self.aws.iam().await?, &name).await? else {
            return Ok(StepPlan::new(Action::NoChange, resource(&name)));
        };
        let Some(why) = ownership.foreign(&observed.tags) else {
            ownership.require_unprotected(&name, &observed.tags)?;
            return Ok(StepPlan::new(Action::Delete, resource(&name)));
        };
        let mut plan = StepPlan::new(Action::NoChange, resource(&name));
        plan.notes.push(format!("the role {name} {why} and stays"));
        Ok(plan)
    }

    async fn remove(&self, context: &Context, role: &RoleSpec) -> Result<()> {
        if self.options.existing.is_some() {
            return Ok(());
        }
        removal::delete(&self.aws, context, &desired::name(&context.stack, role)).await
    }

    async fn undo(&self, context: &Context, role: &RoleSpec, plan: &StepPlan) -> Result<()> {
        self.take_back(context, role, plan).await
    }

    fn resource(&self, stack: &Name, role: &RoleSpec) -> Option<String> {
        // An existing role is not created by the stack.
        self.options.existing.is_none().then(|| resource(&desired::name(stack, role)))
    }

    fn undeclared(&self) -> Vec<Arc<dyn Undeclared>> {
        vec![Arc::new(UndeclaredRoles { aws: self.aws.clone() })]
    }
}
