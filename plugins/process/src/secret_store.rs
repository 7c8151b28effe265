//! Secrets that a program keeps.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use longshore_model::{Action, Arn, FailureKind, Options, Problem, Secret, StepPlan};
use longshore_plugin::{Context, Result, SecretSpec, SecretStore, StoreCapabilities, Stored, stuck};

use crate::{
    Kind, Lent,
    credential_source::TIMEOUT,
    declaration::Declaration,
    process::Process,
    protocol::{
        Done, Exposed, KeptResult, OfSecret, OfSecretPlan, OfValue, Planned, ReadResult, ReadSecret, Spec,
    },
};

/// The capabilities that say what ECS can read from the store.
const PULL_CREDENTIALS: &str = "pull-credentials";
const CONTAINER_SECRETS: &str = "container-secrets";

/// A program that keeps secrets.
struct ProgramStore {
    process: Arc<Process>,
    capabilities: StoreCapabilities,
    kms_key: Option<String>,
}

pub(crate) fn build(
    options: &Options,
    lent: &Lent,
) -> std::result::Result<Arc<dyn SecretStore>, Vec<Problem>> {
    let (declaration, keeps, kms_key) = options.read(|fields| {
        let known = [PULL_CREDENTIALS, CONTAINER_SECRETS];
        let keeps = fields.texts("keeps").unwrap_or_else(|| known.map(str::to_owned).into());
        if keeps.is_empty() || keeps.iter().any(|name| !known.contains(&name.as_str())) {
            let help = format!("list {}, or both", known.map(|name| format!("\"{name}\"")).join(" or "));
            fields.problem("keeps", "names something that no store keeps", help);
        }
        let kms_key = fields.text("kms-key");
        Some((Declaration::read(fields, TIMEOUT)?, keeps, kms_key))
    })?;
    let capabilities = StoreCapabilities {
        pull_credentials: keeps.iter().any(|name| name == PULL_CREDENTIALS),
        container_secrets: keeps.iter().any(|name| name == CONTAINER_SECRETS),
        ..StoreCapabilities::default()
    };
    let process = lent.process(declaration, Kind::SecretStore);
    Ok(Arc::new(ProgramStore { process, capabilities, kms_key }))
}

fn spec(secret: &SecretSpec) -> Spec<'_> {
    Spec { path: &secret.path, name: secret.name.as_deref(), description: &secret.description }
}

impl ProgramStore {
    /// Makes sure that ECS can read from the store what the configuration keeps in it.
    async fn require_capabilities(&self, context: &Context) -> Result<()> {
        let keeps = [
            (PULL_CREDENTIALS, self.capabilities.pull_credentials),
            (CONTAINER_SECRETS, self.capabilities.container_secrets),
        ];
        for (name, _) in keeps.into_iter().filter(|(_, is_kept)| *is_kept) {
            if !self.process.can(context, name).await? {
                let what = format!("does not announce the capability `{name}`");
                let help = format!("set `keeps` to the rest, or name another store for what needs `{name}`");
                return Err(self.process.fail(FailureKind::Invalid, &what).help(help));
            }
        }
        Ok(())
    }

    fn resource(secret: &SecretSpec) -> String {
        format!("secret {}", secret.name.as_ref().unwrap_or(&secret.path))
    }

    fn require_arn(&self, method: &str, arn: String) -> Result<String> {
        if arn.parse::<Arn>().is_ok() && !self.process.names_a_secret(&arn) {
            return Ok(arn);
        }
        let what = format!("answers `{method}` with something that is no ARN");
        Err(self.process.fail(FailureKind::Invalid, &what).help("ECS and IAM know a secret by its full ARN"))
    }

    /// Returns the plan that the program has made, with the ARN as far as it is known.
    fn plan(&self, method: &str, planned: Planned, secret: &SecretSpec) -> Result<StepPlan> {
        let (plan, outputs) = self.process.read_plan(planned, Self::resource(secret));
        let outputs: BTreeMap<_, _> = outputs.into_iter().collect();
        match outputs.keys().find(|name| *name != <dyn SecretStore>::ARN) {
            Some(_) => {
                let what = format!("yields another output of `{method}` than `{}`", <dyn SecretStore>::ARN);
                Err(self.process.fail(FailureKind::Invalid, &what).help("a store has no other output"))
            }
            None => outputs.into_values().try_fold(plan, |plan, arn| {
                Ok(plan.output(<dyn SecretStore>::ARN, self.require_arn(method, arn)?))
            }),
        }
    }
}

#[async_trait]
impl SecretStore for ProgramStore {
    fn capabilities(&self) -> StoreCapabilities {
        self.capabilities
    }

    fn kms_key(&self) -> Option<&str> {
        self.kms_key.as_deref()
    }

    async fn plan(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<StepPlan> {
        self.require_capabilities(context).await?;
        self.process.hide_kept(value);
        let options = self.process.options(context).await?;
        let more = OfValue { secret: spec(secret), value: Exposed(value) };
        let planned: Planned = self.process.request(context, "secret-store.plan", &options, more).await?;
        match planned.action {
            Action::Delete => Err(self.process.refuse_action("secret-store.plan", Action::Delete)),
            Action::Adopt if !context.adopts => {
                Err(self.process.refuse_action("secret-store.plan", Action::Adopt))
            }
            Action::NoChange if planned.outputs.is_empty() => {
                let what =
                    format!("plans no change, and does not yield the output `{}`", <dyn SecretStore>::ARN);
                Err(self.process.fail(FailureKind::Invalid, &what).help("nothing else will yield the ARN"))
            }
            _ => self.plan("secret-store.plan", planned, secret),
        }
    }

    async fn apply(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String> {
        self.process.hide_kept(value);
        let options = self.process.options(context).await?;
        let more = OfValue { secret: spec(secret), value: Exposed(value) };
        let KeptResult { arn } = self.process.request(context, "secret-store.apply", &options, more).await?;
        self.require_arn("secret-store.apply", arn)
    }

    async fn plan_removal(&self, context: &Context, secret: &SecretSpec) -> Result<StepPlan> {
        let options = self.process.options(context).await?;
        let more = OfSecret { secret: spec(secret) };
        let planned: Planned =
            self.process.request(context, "secret-store.plan-removal", &options, more).await?;
        match planned.action {
            Action::NoChange => {}
            Action::Delete => self.process.require_unprotected(context)?,
            other => return Err(self.process.refuse_action("secret-store.plan-removal", other)),
        }
        self.plan("secret-store.plan-removal", planned, secret)
    }

    async fn remove(&self, context: &Context, secret: &SecretSpec) -> Result<()> {
        self.process.require_unprotected(context)?;
        let options = self.process.options(context).await?;
        let more = OfSecret { secret: spec(secret) };
        let Done {} = self.process.request(context, "secret-store.remove", &options, more).await?;
        Ok(())
    }

    async fn read(&self, context: &Context, secret: &SecretSpec) -> Result<Option<Stored>> {
        let options = self.process.options(context).await?;
        let more = OfSecret { secret: spec(secret) };
        let ReadResult { secret } =
            self.process.request(context, "secret-store.read", &options, more).await?;
        let Some(ReadSecret { arn, name, value, version, changed_at }) = secret else { return Ok(None) };
        self.process.hide_kept(&value);
        let arn = self.require_arn("secret-store.read", arn)?;
        let [name, version] = [name, version].map(|text| self.process.clean(&text));
        Ok(Some(Stored { arn, name, value, labels: BTreeMap::new(), version, changed_at }))
    }

    async fn undo(&self, context: &Context, secret: &SecretSpec, plan: &StepPlan) -> Result<()> {
        match plan.action {
            Action::NoChange => Ok(()),
            Action::Create => self.remove(context, secret).await,
            action if !self.process.can(context, "undo").await? => Err(stuck(action, &plan.resource)),
            action => {
                let options = self.process.options(context).await?;
                let more = OfSecretPlan { secret: spec(secret), action, resource: &plan.resource };
                let Done {} = self.process.request(context, "secret-store.undo", &options, more).await?;
                Ok(())
            }
        }
    }
}
