//! A store in a simulated cloud.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use longshore_aws::{Aws, Embedded, Target};
use longshore_model::{Action, Name, Options, Plugin, Secret, StepId, StepPlan};
use longshore_plugin::{Context, Extensions, Plugins, Result, SecretSpec, SecretStore};
use longshore_simcloud::{Blueprint, Call, Cloud, Effect, Fault, Moment, TokioClock, kms};
use longshore_testkit::Told;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(super) const REGION: &str = "eu-central-1";

/// The name that the store gives to [`Harness::spec`].
pub(super) const NAME: &str = "longshore/shop/ghcr/pull";

pub(super) struct Harness {
    pub(super) cloud: Cloud,
    pub(super) aws: Aws,
    pub(super) store: Arc<dyn SecretStore>,
    pub(super) told: Arc<Told>,
    pub(super) spec: SecretSpec,
}

pub(super) fn credential(password: &str) -> Secret<String> {
    Secret::new(json!({"username": "acme", "password": password}).to_string())
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
                path: "shop/ghcr/pull".into(),
                name: None,
                description: "Pull credential for ghcr.io".into(),
                ..SecretSpec::default()
            },
        }
    }

    /// Another store in the same account.
    pub(super) fn configure(&mut self, options: Value) {
        self.store = store(&self.aws, options);
    }

    pub(super) async fn client(&self) -> Client {
        self.aws.secretsmanager().await.unwrap().clone()
    }

    pub(super) fn context(&self) -> Context {
        self.context_of("shop")
    }

    pub(super) fn context_of(&self, stack: &str) -> Context {
        self.context_in(stack, "production")
    }

    pub(super) fn context_in(&self, stack: &str, environment: &str) -> Context {
        let (stack, environment) = (Name::new(stack).unwrap(), Name::new(environment).unwrap());
        let step = StepId::new("credential", "ghcr");
        Context::new(stack, environment, step, CancellationToken::new(), self.told.clone())
    }

    pub(super) async fn plan(&self, value: &Secret<String>) -> Result<StepPlan> {
        self.store.plan(&self.context(), &self.spec, value).await
    }

    pub(super) async fn apply(&self, value: &Secret<String>) -> Result<String> {
        self.store.apply(&self.context(), &self.spec, value).await
    }

    pub(super) async fn plan_removal(&self) -> Result<StepPlan> {
        self.store.plan_removal(&self.context(), &self.spec).await
    }

    pub(super) async fn remove(&self) -> Result<()> {
        self.store.remove(&self.context(), &self.spec).await
    }

    /// Returns the action planned for `value`.
    pub(super) async fn action(&self, value: &Secret<String>) -> Action {
        self.plan(value).await.unwrap().action
    }

    /// The value that the ECS agent would read.
    pub(super) async fn stored(&self) -> Option<String> {
        self.cloud
            .inspect(|world| {
                let secret = world.secrets.find(REGION, NAME)?;
                let (_, version) = secret.staged("AWSCURRENT")?;
                Some(version.string.as_ref()?.expose().to_owned())
            })
            .await
    }

    pub(super) async fn versions(&self) -> usize {
        let versions = |secret: &longshore_simcloud::secretsmanager::Secret| secret.versions.len();
        self.cloud.inspect(|world| world.secrets.find(REGION, NAME).map(versions)).await.unwrap_or_default()
    }

    /// A customer-managed key: its ARN.
    pub(super) async fn key(&self) -> String {
        self.key_in(REGION).await
    }

    /// A customer-managed key of a region: its ARN.
    pub(super) async fn key_in(&self, region: &str) -> String {
        let answer = self.kms(region, "CreateKey", json!({})).await;
        answer["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    }

    /// Gives a key the alias `alias/shop`.
    pub(super) async fn alias(&self, key: &str) {
        let region = key.split(':').nth(3).unwrap();
        let input = json!({"AliasName": "alias/shop", "TargetKeyId": key});
        self.kms(region, "CreateAlias", input).await;
    }

    async fn kms(&self, region: &str, operation: &str, input: Value) -> Value {
        let call = Call {
            operation: operation.into(),
            region: region.into(),
            input,
            now: self.cloud.now(),
            caller: "arn:aws:iam::123456789012:user/ci".into(),
        };
        self.cloud.edit(|world| kms::handle(world, &call)).await.unwrap()
    }

    /// Lets `times` calls of `operation` go wrong.
    pub(super) fn fault(&self, operation: &str, times: u32, effect: Effect) {
        self.cloud.inject(Fault { operation: operation.to_owned(), after: 0, times, effect });
    }

    pub(super) fn calls(&self, operation: &str) -> u64 {
        self.cloud.calls().get(operation).copied().unwrap_or_default()
    }
}

/// Compares a plan with its snapshot, in which the random end of an ARN does not count.
macro_rules! assert_plan {
    ($name:literal, $plan:expr) => {{
        let plan = $plan;
        insta::with_settings!({filters => [(r"(:secret:\S+)-\w{6}\b", "$1-SUFFIX")]}, {
            insta::assert_snapshot!($name, longshore_testkit::shown(&plan));
        })
    }};
}
pub(super) use assert_plan;

fn store(aws: &Aws, options: Value) -> Arc<dyn SecretStore> {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let values = options.as_object().unwrap().clone();
    let options = Options { key: "stores.default".into(), values, ..Options::default() };
    let plugin = Plugin { name: "secretsmanager".into(), options };
    plugins.secret_store(&plugin, &Extensions::default().with(aws.clone())).unwrap()
}
