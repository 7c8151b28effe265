//! The store: what it can do, and what it plans.

use async_trait::async_trait;
use longshore_aws::{Aws, Owner, Ownership};
use longshore_model::{Action, Failure, FailureKind, FieldChange, Secret, Shown, StepPlan};
use longshore_plugin::{
    Context, Declared, Labels, Result, Rotation, SecretSpec, SecretStore, StoreCapabilities, Stored,
    UndeclaredSecret,
};

use crate::{
    difference::{self, Desired, Difference},
    name,
    observed::{self, Observed},
    options::StoreOptions,
    value,
    write::require_unprotected,
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
        self.key().await?;
        let region = self.aws.region().await?;
        if self.options.replicate_to.as_ref().is_some_and(|regions| regions.contains(region)) {
            let message =
                format!("the secret is in {region} itself, so that it cannot be replicated to there");
            return Err(Failure::new(FailureKind::Invalid, message)
                .help("take the region out of `replicate-to` of the store"));
        }
        Ok(())
    }

    /// The full ARN of the key, where a customer-managed one is configured. Policies and comparisons need it: an alias
    /// can be moved to another key.
    pub(crate) async fn key(&self) -> Result<Option<String>> {
        match &self.options.kms_key {
            Some(reference) => Ok(Some(self.aws.key_arn(reference).await?)),
            None => Ok(None),
        }
    }

    /// A secret with the full ARN of its key, so far as that can be found out.
    pub(crate) async fn with_key_arn(&self, mut secret: Observed) -> Observed {
        if let Some(key) = secret.kms_key.as_ref().filter(|key| !difference::is_aws_managed(key))
            && self.options.kms_key.is_some()
            && let Ok(arn) = self.aws.key_arn(key).await
        {
            secret.kms_key = Some(arn);
        }
        secret
    }

    pub(crate) fn desired<'a>(
        &'a self,
        name: &'a str,
        secret: &'a SecretSpec,
        value: &'a Secret<String>,
        ownership: &'a Ownership,
        key: Option<&'a str>,
    ) -> Desired<'a> {
        Desired {
            name,
            description: &secret.description,
            kms_key: key,
            value,
            ownership,
            labels: &secret.labels,
            own_tags: &self.options.tags,
            replicate_to: self.options.replicate_to.as_ref(),
        }
    }
}

/// A secret as people know it.
pub(crate) fn resource(name: &str) -> String {
    format!("secret {name}")
}

/// Makes sure that a secret is the stack's.
pub(crate) fn require_ours(name: &str, secret: &Observed, ownership: &Ownership) -> Result<()> {
    const RENAME: &str = "set another `secret-name` for the registry";
    let at = |failure: Failure| failure.at(format!("secretsmanager:DescribeSecret {name}"));
    let state = if secret.deleted.is_some() { ", scheduled for deletion," } else { "" };
    ownership.require(format!("secret `{name}`{state}"), RENAME, secret.tags()).map_err(at)
}

#[async_trait]
impl SecretStore for SecretsManager {
    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities {
            pull_credentials: true,
            container_secrets: true,
            restores: true,
            finds_undeclared: true,
        }
    }

    fn kms_key(&self) -> Option<&str> {
        self.options.kms_key.as_deref()
    }

    async fn plan(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<StepPlan> {
        let name = self.name(secret)?;
        self.check(value).await?;
        let client = self.aws.secretsmanager().await?;
        let ownership = Ownership::of(context).except(&self.options.tags);
        let key = self.key().await?;
        let desired = self.desired(&name, secret, value, &ownership, key.as_deref());
        if let Some(observed) = self.unchanged(&desired).await {
            let plan = StepPlan::new(Action::NoChange, resource(&name));
            return Ok(plan.output(<dyn SecretStore>::ARN, &observed.arn));
        }
        let Some(observed) = observed::describe(client, &name).await? else {
            return Ok(
                StepPlan::new(Action::Create, resource(&name)).changes(difference::of_creation(&desired))
            );
        };
        require_ours(&name, &observed, &ownership)?;
        let observed = self.with_key_arn(observed).await;
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
        let action = ownership.action(observed.tags(), Action::Update);
        Ok(plan(action).changes(difference.changes(&observed, &desired)))
    }

    async fn apply(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String> {
        self.converge(context, secret, value).await
    }

    async fn plan_removal(&self, context: &Context, secret: &SecretSpec) -> Result<StepPlan> {
        let name = self.name(secret)?;
        let plan = |action| StepPlan::new(action, resource(&name));
        let client = self.aws.secretsmanager().await?;
        let Some(observed) = observed::describe(client, &name).await? else {
            return Ok(plan(Action::NoChange));
        };
        let mut kept = plan(Action::NoChange);
        let owner = Ownership::of(context).owner(observed.tags());
        if let Some(why) = owner.not_ours() {
            kept.notes.push(format!("{} {why} and stays", resource(&name)));
            return Ok(kept);
        }
        if let Some(deleted) = &observed.deleted {
            kept.notes.push(format!("it is scheduled for deletion already ({})", observed::shown(deleted)));
            return Ok(kept);
        }
        require_unprotected(&Ownership::of(context), &name, &observed)?;
        let days = self.options.recovery_window_days;
        let mut plan = plan(Action::Delete);
        plan.notes.push(format!("it can be restored for {days} days, and the next deploy does so"));
        if !observed.replicas.is_empty() {
            let regions: Vec<_> = observed.replicas.keys().map(String::as_str).collect();
            plan.notes.push(format!("its replicas are deleted first: {}", regions.join(", ")));
        }
        Ok(plan)
    }

    async fn remove(&self, context: &Context, secret: &SecretSpec) -> Result<()> {
        self.schedule_deletion(context, secret).await
    }

    async fn undo(&self, context: &Context, secret: &SecretSpec, plan: &StepPlan) -> Result<()> {
        self.take_back(context, secret, plan).await
    }

    fn resource(&self, secret: &SecretSpec) -> Option<String> {
        self.name(secret).ok().map(|name| resource(&name))
    }

    async fn undeclared(&self, context: &Context, declared: &Declared) -> Result<Vec<UndeclaredSecret>> {
        self.find_undeclared(context, declared).await
    }

    async fn foreseen_arn(&self, _context: &Context, secret: &SecretSpec) -> Result<Option<String>> {
        // Six characters are added to the name (user guide, "What's in a Secrets Manager secret").
        Ok(Some(format!("{}-XXXXXX", self.address_of(secret).await?)))
    }

    async fn read(&self, context: &Context, secret: &SecretSpec) -> Result<Option<Stored>> {
        self.read_back(context, secret).await
    }

    async fn written_at(&self, context: &Context, secret: &SecretSpec) -> Result<Option<u64>> {
        let name = self.name(secret)?;
        let client = self.aws.secretsmanager().await?;
        let Some(observed) = observed::describe(client, &name).await? else { return Ok(None) };
        if observed.deleted.is_some() || Ownership::of(context).owner(observed.tags()) != Owner::Ours {
            return Ok(None);
        }
        let created = observed::version(client, &name, &observed, None).await?.created;
        Ok(created.and_then(|created| created.to_millis().ok()).and_then(|millis| u64::try_from(millis).ok()))
    }

    fn labels(&self) -> Option<&dyn Labels> {
        Some(self)
    }

    fn rotation(&self) -> Option<&dyn Rotation> {
        Some(self)
    }
}

#[async_trait]
impl Labels for SecretsManager {
    async fn address(&self, _context: &Context, secret: &SecretSpec) -> Result<String> {
        self.address_of(secret).await
    }

    async fn label(&self, context: &Context, secret: &SecretSpec) -> Result<()> {
        self.set_labels(context, secret).await
    }

    async fn belongs_to_others(&self, context: &Context, secret: &SecretSpec) -> Result<bool> {
        let client = self.aws.secretsmanager().await?;
        let observed = observed::describe(client, &self.name(secret)?).await?;
        let owner = observed.map(|observed| Ownership::of(context).owner(observed.tags()));
        Ok(matches!(owner, Some(Owner::OtherEnvironment(_) | Owner::OtherStack(_))))
    }
}

#[async_trait]
impl Rotation for SecretsManager {
    async fn stage(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String> {
        self.stage_value(context, secret, value).await
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
