//! The store: what it can do, and what it plans.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ssm::Client;
use longshore_aws::{Aws, Owner, Ownership};
use longshore_model::{Action, Secret, StepPlan};
use longshore_plugin::{
    Context, Declared, Result, SecretSpec, SecretStore, StoreCapabilities, Stored, UndeclaredSecret,
};

use crate::{
    difference::{AWS_MANAGED_KEY, Desired, Difference},
    name,
    observed::{self, Current, Observed},
    options::StoreOptions,
    value,
    write::require_unprotected,
};

/// Keeps secrets in Parameter Store.
#[derive(Debug)]
pub(crate) struct ParameterStore {
    pub(crate) aws: Aws,
    pub(crate) options: StoreOptions,
}

/// A parameter that is the stack's, and what of it is not as declared.
pub(crate) struct Compared {
    pub(crate) observed: Observed,
    pub(crate) current: Current,
    pub(crate) difference: Difference,
}

impl ParameterStore {
    pub(crate) fn name(&self, secret: &SecretSpec) -> Result<String> {
        name::of(&self.options.prefix, secret)
    }

    /// The full ARN of the key, where a customer-managed one is configured.
    pub(crate) async fn key(&self) -> Result<Option<String>> {
        match &self.options.kms_key {
            Some(reference) => Ok(Some(self.aws.key_arn(reference).await?)),
            None => Ok(None),
        }
    }

    /// Returns the full ARN of a parameter's key, or `None` for AWS's own key. A key whose ARN cannot be found counts
    /// as another one.
    async fn key_of(&self, observed: &Observed) -> Option<String> {
        let key = observed.key.as_ref()?;
        if key == AWS_MANAGED_KEY || key.ends_with(&format!(":{AWS_MANAGED_KEY}")) {
            return None;
        }
        Some(self.aws.key_arn(key).await.unwrap_or_else(|_| key.clone()))
    }

    /// Looks at a parameter, which has to be the stack's if it is there.
    pub(crate) async fn compare(&self, client: &Client, desired: &Desired<'_>) -> Result<Option<Compared>> {
        let Some(tags) = observed::tags(client, desired.name).await? else { return Ok(None) };
        desired
            .ownership
            .require(
                format!("parameter `{}`", desired.name),
                "set another `prefix` of the store",
                observed::pairs(&tags),
            )
            .map_err(|failure| failure.at(format!("ssm:ListTagsForResource {}", desired.name)))?;
        let observed = observed::describe(client, desired.name, tags).await?;
        desired.require_possible(&observed)?;
        let Some(current) = observed::current(client, desired.name).await? else { return Ok(None) };
        let key = self.key_of(&observed).await;
        let difference = Difference::between(&observed, key.as_deref(), &current, desired);
        Ok(Some(Compared { observed, current, difference }))
    }

    /// The value of a parameter of the stack.
    async fn owned(&self, context: &Context, name: &str) -> Result<Option<Current>> {
        let client = self.aws.ssm().await?;
        let Some(tags) = observed::tags(client, name).await? else { return Ok(None) };
        if Ownership::of(context).owner(observed::pairs(&tags)) != Owner::Ours {
            return Ok(None);
        }
        observed::current(client, name).await
    }
}

/// A parameter as people know it.
pub(crate) fn resource(name: &str) -> String {
    format!("parameter {name}")
}

#[async_trait]
impl SecretStore for ParameterStore {
    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities {
            pull_credentials: false,
            container_secrets: true,
            restores: false,
            finds_undeclared: true,
        }
    }

    fn kms_key(&self) -> Option<&str> {
        self.options.kms_key.as_deref()
    }

    async fn plan(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<StepPlan> {
        let name = self.name(secret)?;
        value::check(value, self.options.tier)?;
        let (client, key, ownership) = (self.aws.ssm().await?, self.key().await?, Ownership::of(context));
        let desired = Desired {
            name: &name,
            description: &secret.description,
            key: key.as_deref(),
            tier: self.options.tier,
            value,
            ownership: &ownership,
        };
        let compared = self.compare(client, &desired).await?;
        let Some(Compared { observed, current, difference }) = compared else {
            return Ok(StepPlan::new(Action::Create, resource(&name)).changes(desired.creation()));
        };
        let action = if difference.is_empty() { Action::NoChange } else { Action::Update };
        let action = ownership.action(observed.tags(), action);
        Ok(StepPlan::new(action, resource(&name))
            .output(<dyn SecretStore>::ARN, current.arn)
            .changes(difference.changes(&observed, &desired)))
    }

    async fn apply(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String> {
        self.converge(context, secret, value).await
    }

    async fn plan_removal(&self, context: &Context, secret: &SecretSpec) -> Result<StepPlan> {
        let name = self.name(secret)?;
        let mut plan = StepPlan::new(Action::NoChange, resource(&name));
        let Some(tags) = observed::tags(self.aws.ssm().await?, &name).await? else { return Ok(plan) };
        let ownership = Ownership::of(context);
        plan.notes.push(match ownership.owner(observed::pairs(&tags)).not_ours() {
            Some(why) => format!("{} {why} and stays", resource(&name)),
            None => {
                require_unprotected(&ownership, &name, &tags)?;
                plan.action = Action::Delete;
                "its value is gone for good: Parameter Store has no recovery".to_owned()
            }
        });
        Ok(plan)
    }

    async fn remove(&self, context: &Context, secret: &SecretSpec) -> Result<()> {
        self.delete(context, &self.name(secret)?).await
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
        let name = self.name(secret)?;
        let (identity, region) = (self.aws.identity().await?, self.aws.region().await?);
        let name = name.strip_prefix('/').unwrap_or(&name);
        Ok(Some(format!("arn:{}:ssm:{region}:{}:parameter/{name}", identity.partition, identity.account)))
    }

    async fn read(&self, context: &Context, secret: &SecretSpec) -> Result<Option<Stored>> {
        let name = self.name(secret)?;
        let current = self.owned(context, &name).await?;
        Ok(current.map(|current| Stored {
            arn: current.arn,
            name,
            value: current.value,
            labels: BTreeMap::new(),
            version: current.version.to_string(),
            changed_at: current.written_at.map(|moment| moment / 1000),
        }))
    }

    async fn written_at(&self, context: &Context, secret: &SecretSpec) -> Result<Option<u64>> {
        Ok(self.owned(context, &self.name(secret)?).await?.and_then(|current| current.written_at))
    }
}
