//! A store in a simulated cloud.

use std::sync::Arc;

use aws_sdk_ssm::Client;
use longshore_aws::{Aws, Embedded, Target};
use longshore_model::{Action, Name, Options, Plugin, Secret, StepId, StepPlan};
use longshore_plugin::{Context, Extensions, Plugins, Result, SecretSpec, SecretStore};
use longshore_simcloud::{ApiError, Blueprint, Call, Cloud, Effect, Fault, Moment, TokioClock, kms};
use longshore_testkit::Told;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(super) const REGION: &str = "eu-central-1";

/// The name that the store gives to [`Harness::spec`].
pub(super) const NAME: &str = "/longshore/shop/api/api/DATABASE_URL";

pub(super) const ARN: &str =
    "arn:aws:ssm:eu-central-1:123456789012:parameter/longshore/shop/api/api/DATABASE_URL";

pub(super) struct Harness {
    pub(super) cloud: Cloud,
    pub(super) aws: Aws,
    pub(super) store: Arc<dyn SecretStore>,
    pub(super) told: Arc<Told>,
    pub(super) spec: SecretSpec,
}

pub(super) fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

impl Harness {
    /// An empty account, and a store with `options`.
    pub(super) fn new(options: Value) -> Self {
        let clock = Arc::new(TokioClock::starting_at(Moment(1_795_000_000_000)));
        let cloud = Cloud::new(&Blueprint::default(), clock).unwrap();
        let embedded = Embedded::new(cloud.connector(), cloud.clone());
        let aws = Aws::connect(Target { region: Some(REGION.into()), ..Target::default() }, Some(embedded));
        Self {
            store: store(&aws, options),
            aws,
            cloud,
            told: Arc::default(),
            spec: SecretSpec {
                path: "shop/api/api/DATABASE_URL".into(),
                description: "DATABASE_URL of the service api".into(),
                ..SecretSpec::default()
            },
        }
    }

    /// Another store in the same account.
    pub(super) fn configure(&mut self, options: Value) {
        self.store = store(&self.aws, options);
    }

    pub(super) async fn client(&self) -> Client {
        self.aws.ssm().await.unwrap().clone()
    }

    pub(super) fn context(&self) -> Context {
        self.context_of("shop")
    }

    pub(super) fn context_of(&self, stack: &str) -> Context {
        self.context_in(stack, "production")
    }

    pub(super) fn context_in(&self, stack: &str, environment: &str) -> Context {
        let (stack, environment) = (Name::new(stack).unwrap(), Name::new(environment).unwrap());
        let step = StepId::new("secret", "api.DATABASE_URL");
        Context::new(stack, environment, step, CancellationToken::new(), self.told.clone())
    }

    pub(super) async fn plan(&self, value: &str) -> Result<StepPlan> {
        self.store.plan(&self.context(), &self.spec, &secret(value)).await
    }

    pub(super) async fn apply(&self, value: &str) -> Result<String> {
        self.store.apply(&self.context(), &self.spec, &secret(value)).await
    }

    pub(super) async fn plan_removal(&self) -> Result<StepPlan> {
        self.store.plan_removal(&self.context(), &self.spec).await
    }

    pub(super) async fn remove(&self) -> Result<()> {
        self.store.remove(&self.context(), &self.spec).await
    }

    /// Returns the action planned for `value`.
    pub(super) async fn action(&self, value: &str) -> Action {
        self.plan(value).await.unwrap().action
    }

    /// The value that the ECS agent would read, and the number of its version.
    pub(super) async fn stored(&self) -> Option<(String, u64)> {
        self.cloud
            .inspect(|world| {
                let version = world.ssm.find(REGION, &world.account, NAME)?.newest()?;
                Some((version.value.expose().to_owned(), version.number))
            })
            .await
    }

    /// A customer-managed key with the alias `alias/NAME`: its ARN.
    pub(super) async fn key(&self, name: &str) -> String {
        let call = |operation: &str, input: Value| Call {
            operation: operation.into(),
            region: REGION.into(),
            input,
            now: self.cloud.now(),
            caller: "arn:aws:iam::123456789012:user/ci".into(),
        };
        let create = call("CreateKey", json!({}));
        let answer = self.cloud.edit(|world| kms::handle(world, &create)).await.unwrap();
        let arn = answer["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
        let alias = call("CreateAlias", json!({ "AliasName": format!("alias/{name}"), "TargetKeyId": arn }));
        self.cloud.edit(|world| kms::handle(world, &alias)).await.unwrap();
        arn
    }

    /// Lets `times` calls of `operation` go wrong.
    pub(super) fn fault(&self, operation: &str, times: u32, effect: Effect) {
        self.cloud.inject(Fault { operation: operation.to_owned(), after: 0, times, effect });
    }

    pub(super) fn refuse(&self, operation: &str, code: &str, message: &str) {
        self.fault(operation, 1, Effect::Refuse(ApiError::new(code, message)));
    }

    pub(super) fn calls(&self, operation: &str) -> u64 {
        self.cloud.calls().get(operation).copied().unwrap_or_default()
    }
}

fn store(aws: &Aws, options: Value) -> Arc<dyn SecretStore> {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let values = options.as_object().unwrap().clone();
    let options = Options { key: "stores.parameters".into(), values, ..Options::default() };
    let plugin = Plugin { name: "ssm".into(), options };
    plugins.secret_store(&plugin, &Extensions::default().with(aws.clone())).unwrap()
}
