//! The store: what it can do, and what it plans.

use std::collections::BTreeSet;

use async_trait::async_trait;
use longshore_aws::{Aws, Owner, Ownership};
use longshore_model::{Action, Arn, Failure, FailureKind, FieldChange, Secret, Shown, StepId, StepPlan};
use longshore_plugin::{
    Context, Result, SecretSpec, SecretStore, StoreCapabilities, Stored, UndeclaredSecret,
};

use crate::{
    difference::{self, Desired, Difference},
    name,
    observed::{self, Observed},
    options::StoreOptions,
    value,
};

/// Keeps secrets in AWS Secrets Manager.
#[derive(Debug)]
pub(crate) struct SecretsManager {
    pub(crate) aws: Aws,
    pub(crate) options: StoreOptions,
}

impl SecretsManager {
    pub(crate) fn name(&self, secret: &SecretSpec) -> Result<String> {
        name::of(&self.options.prefix, secret)
    }

    /// Refuses what cannot work before anything is called.
    pub(crate) async fn check(&self, value: &Secret<String>) -> Result<()> {
        value::check(value)?;
        let Some(key) = &self.options.kms_key else { return Ok(()) };
        let region = self.aws.region().await?;
        if key.region() == region {
            return Ok(());
        }
        let message = format!("the KMS key {key} is in another region than the secret, which is in {region}");
        Err(Failure::new(FailureKind::Invalid, message)
            .help("set `kms-key` of the store to a key of that region"))
    }

    pub(crate) fn desired<'a>(
        &'a self,
        name: &'a str,
        secret: &'a SecretSpec,
        value: &'a Secret<String>,
        ownership: &'a Ownership,
    ) -> Desired<'a> {
        let kms_key = self.options.kms_key.as_ref().map(Arn::as_str);
        Desired { name, description: &secret.description, kms_key, value, ownership, labels: &secret.labels }
    }
}

/// A secret as people know it.
pub(crate) fn resource(name: &str) -> String {
    format!("secret {name}")
}

/// Makes sure that a secret is the stack's.
pub(crate) fn require_ours(name: &str, secret: &Observed, ownership: &Ownership) -> Result<()> {
    let state = if secret.deleted.is_some() { ", scheduled for deletion," } else { "" };
    let what = format!("secret `{name}`{state}");
    ownership
        .require(what, "set another `secret-name` for the registry", secret.tags())
        .map_err(|failure| failure.at(format!("secretsmanager:DescribeSecret {name}")))
}

#[async_trait]
impl SecretStore for SecretsManager {
    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { pull_credentials: true, container_secrets: true }
    }

    fn kms_key(&self) -> Option<&str> {
        self.options.kms_key.as_ref().map(Arn::as_str)
    }

    async fn plan(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<StepPlan> {
        let name = self.name(secret)?;
        self.check(value).await?;
        let client = self.aws.secretsmanager().await?;
        let ownership = Ownership::of(context);
        let desired = self.desired(&name, secret, value, &ownership);
        let Some(observed) = observed::describe(client, &name).await? else {
            return Ok(
                StepPlan::new(Action::Create, resource(&name)).changes(difference::of_creation(&desired))
            );
        };
        require_ours(&name, &observed, &ownership)?;
        let plan =
            |action| StepPlan::new(action, resource(&name)).output(<dyn SecretStore>::ARN, &observed.arn);
        if let Some(deleted) = &observed.deleted {
            let mut plan = plan(Action::Create);
            plan.reason = Some("restored: it was scheduled for deletion".to_owned());
            let deleted = Shown::text(observed::shown(deleted));
            plan.changes.push(FieldChange::new("DeletedDate", Some(deleted), None));
            plan.changes.extend(Difference::between(&observed, None, &desired).changes(&observed, &desired));
            plan.notes.push("the value is compared once the secret is restored".to_owned());
            return Ok(plan);
        }
        let current = observed::current(client, &name, &observed).await?;
        let difference = Difference::between(&observed, Some(&current), &desired);
        if difference.is_empty() {
            return Ok(plan(Action::NoChange));
        }
        Ok(plan(Action::Update).changes(difference.changes(&observed, &desired)))
    }

    async fn apply(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String> {
        self.converge(context, secret, value).await.map_err(|failure| value::scrub(failure, value))
    }

    async fn plan_removal(&self, context: &Context, secret: &SecretSpec) -> Result<StepPlan> {
        let name = self.name(secret)?;
        let plan = |action| StepPlan::new(action, resource(&name));
        let client = self.aws.secretsmanager().await?;
        let Some(observed) = observed::describe(client, &name).await? else {
            return Ok(plan(Action::NoChange));
        };
        let mut kept = plan(Action::NoChange);
        match Ownership::of(context).owner(observed.tags()) {
            Owner::Ours => {}
            Owner::OtherStack(other) => {
                kept.notes.push(format!("{} belongs to the stack {other} and stays", resource(&name)));
                return Ok(kept);
            }
            Owner::Nobody => {
                kept.notes.push(format!("{} is not Longshore's and stays", resource(&name)));
                return Ok(kept);
            }
        }
        if let Some(deleted) = &observed.deleted {
            kept.notes.push(format!("it is scheduled for deletion already ({})", observed::shown(deleted)));
            return Ok(kept);
        }
        let days = self.options.recovery_window_days;
        let mut plan = plan(Action::Delete);
        plan.notes.push(format!("it can be restored for {days} days, and the next deploy does so"));
        Ok(plan)
    }

    async fn remove(&self, context: &Context, secret: &SecretSpec) -> Result<()> {
        self.schedule_deletion(context, secret).await
    }

    async fn undeclared(
        &self,
        context: &Context,
        declared: &BTreeSet<StepId>,
    ) -> Result<Vec<UndeclaredSecret>> {
        self.find_undeclared(context, declared).await
    }

    async fn address(&self, _context: &Context, secret: &SecretSpec) -> Result<String> {
        self.address_of(secret).await
    }

    async fn read(&self, context: &Context, secret: &SecretSpec) -> Result<Option<Stored>> {
        self.read_back(context, secret).await
    }

    async fn label(&self, context: &Context, secret: &SecretSpec) -> Result<()> {
        self.set_labels(context, secret).await
    }

    async fn stage(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String> {
        self.stage_value(context, secret, value).await.map_err(|failure| value::scrub(failure, value))
    }

    async fn read_version(
        &self,
        context: &Context,
        secret: &SecretSpec,
        version: &str,
    ) -> Result<Secret<String>> {
        self.value_of(context, secret, version).await
    }

    async fn promote(&self, context: &Context, secret: &SecretSpec, version: &str) -> Result<()> {
        self.promote_version(context, secret, version).await
    }

    async fn discard(&self, context: &Context, secret: &SecretSpec, version: &str) -> Result<()> {
        self.discard_version(context, secret, version).await
    }
}
