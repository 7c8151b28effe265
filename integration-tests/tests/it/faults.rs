//! Errors that Longshore itself avoids, brought about on purpose: the task stops with AWS's reason, and the run reports
//! it.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    path::Path,
    sync::Arc,
    sync::Mutex,
};

use async_trait::async_trait;
use longshore_aws::{Aws, Target};
use longshore_config::{Contributions, Layers};
use longshore_engine::{Events, Run};
use longshore_graph::{Host, expand};
use longshore_model::{Event, Failure, FailureKind, Name, Outcome, Secret, Stack, StepPlan};
use longshore_plugin::{
    Context, Credential, CredentialSource, Extensions, Kept, Plugins, Result, RoleBuilder, RoleSpec,
    SecretSpec, SecretStore, StoreCapabilities, Stored,
};
use longshore_simcloud::{Blueprint, Cloud, Moment, TokioClock, registry::RegistrySpec};
use tokio_util::sync::CancellationToken;

use crate::{
    in_process::{Proved, embedded},
    longshore::{SERVICE, TOKEN},
};

/// Builds the role without the secret's statement.
struct Forgetful(Arc<dyn RoleBuilder>);

impl Forgetful {
    fn forget(role: &RoleSpec) -> RoleSpec {
        RoleSpec { secrets: Vec::new(), ..role.clone() }
    }
}

#[async_trait]
impl RoleBuilder for Forgetful {
    async fn plan(&self, context: &Context, role: &RoleSpec) -> Result<StepPlan> {
        self.0.plan(context, &Self::forget(role)).await
    }

    async fn apply(&self, context: &Context, role: &RoleSpec) -> Result<String> {
        self.0.apply(context, &Self::forget(role)).await
    }

    async fn plan_removal(&self, context: &Context, role: &RoleSpec) -> Result<StepPlan> {
        self.0.plan_removal(context, role).await
    }

    async fn remove(&self, context: &Context, role: &RoleSpec) -> Result<()> {
        self.0.remove(context, role).await
    }
}

/// Stores half of what it is given.
struct Truncating(Arc<dyn SecretStore>);

impl Truncating {
    fn half(value: &Secret<String>) -> Secret<String> {
        let text = value.expose();
        Secret::new(text[..text.len() / 2].to_owned())
    }
}

#[async_trait]
impl SecretStore for Truncating {
    fn capabilities(&self) -> StoreCapabilities {
        self.0.capabilities()
    }

    fn kms_key(&self) -> Option<&str> {
        self.0.kms_key()
    }

    async fn plan(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<StepPlan> {
        self.0.plan(context, secret, &Self::half(value)).await
    }

    async fn apply(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String> {
        self.0.apply(context, secret, &Self::half(value)).await
    }

    async fn plan_removal(&self, context: &Context, secret: &SecretSpec) -> Result<StepPlan> {
        self.0.plan_removal(context, secret).await
    }

    async fn remove(&self, context: &Context, secret: &SecretSpec) -> Result<()> {
        self.0.remove(context, secret).await
    }

    async fn read(&self, context: &Context, secret: &SecretSpec) -> Result<Option<Stored>> {
        self.0.read(context, secret).await
    }
}

/// The example stack's credential.
struct Token;

#[async_trait]
impl CredentialSource for Token {
    fn describe(&self) -> String {
        "the test".to_owned()
    }

    async fn fetch(&self, _: &Context) -> Result<Credential> {
        Ok(Credential { username: "jonashackt".to_owned(), password: Secret::new(TOKEN.trim().to_owned()) })
    }
}

fn simulated_cloud() -> Cloud {
    let registry: RegistrySpec = serde_json::from_value(serde_json::json!({
        "users": {"jonashackt": {"password": TOKEN.trim()}},
        "repositories": {"jonashackt/microservice-api-spring-boot-private": {
            "readers": ["jonashackt"],
            "tags": {"latest": {"platforms": ["linux/amd64"]}},
        }},
    }))
    .unwrap();
    let blueprint =
        Blueprint { registries: [("ghcr.io".to_owned(), registry)].into(), ..Blueprint::default() };
    Cloud::new(&blueprint, Arc::new(TokioClock::starting_at(Moment(1_790_000_000_000)))).unwrap()
}

fn example_stack() -> Stack {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let environment = Name::new("local").unwrap();
    let mut plugins = Plugins::default();
    longshore_service_ecs::register(&mut plugins);
    let layers = Layers { directory, environment, set: Vec::new(), variables: Vec::new() };
    let deployers = |deployer: &str| plugins.service_layers(deployer);
    let hosts = [("ghcr", "ghcr.io")].into();
    let contributions = Contributions { deployers: &deployers, hosts: &hosts, ..Contributions::default() };
    longshore_config::load(&layers, &contributions).unwrap().stack
}

/// Deploys the example stack with the plugins as `arrange` changes them, and answers with the failure of its service.
async fn failure_of_the_service(arrange: impl FnOnce(&mut Plugins)) -> Failure {
    let cloud = simulated_cloud();
    let stack = example_stack();
    let aws = Aws::connect(Target::from(&stack.aws), Some(embedded(&cloud)));
    let extensions = Extensions::default().with(aws);
    let mut plugins = Plugins::default();
    longshore_store_secretsmanager::register(&mut plugins);
    longshore_role_iam::register(&mut plugins);
    longshore_service_ecs::register(&mut plugins);
    plugins.add_credential_source("ghcr", |_, _| Ok(Arc::new(Token)));
    arrange(&mut plugins);
    let pull_check = Arc::new(Proved(Some(cloud.clone())));
    let host = Host { plugins: &plugins, extensions: &extensions, pull_check, pull_checks: BTreeMap::new() };
    let expansion = expand(&stack, &host).unwrap_or_else(|problems| panic!("{problems:?}"));
    let events = Arc::new(Mutex::new(Vec::<Event>::new()));
    let (clock, sink) = (cloud.clone(), events.clone());
    let run = Run {
        stack: stack.name.clone(),
        environment: stack.environment.clone(),
        concurrency: NonZeroUsize::new(4),
        interrupt: CancellationToken::new(),
        adopt: BTreeSet::new(),
        only: None,
        keep_orphans: false,
        kept: Kept::default(),
        events: Events::new(move || clock.now().0, move |event| sink.lock().unwrap().push(event)),
    };
    let planned = run.plan(&expansion.graph).await;
    assert_eq!(planned.outcome(), Outcome::Succeeded, "{planned:?}");
    let applied = run.apply(&expansion.graph, &planned.results()).await;
    let failures: Vec<_> =
        applied.failures().map(|(step, failure)| (step.to_string(), failure.clone())).collect();
    let [(step, failure)] = &failures[..] else { panic!("{failures:?}") };
    assert_eq!(*step, format!("service.{SERVICE}"));
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    failure.clone()
}

fn read(failure: &Failure) -> String {
    format!("{}\nat: {:?}\nhelp: {:?}", failure.message, failure.at, failure.help)
}

#[tokio::test(start_paused = true)]
async fn a_role_without_the_statement_stops_the_task_and_the_run_says_so() {
    let failure = failure_of_the_service(|plugins| {
        let mut real = Plugins::default();
        longshore_role_iam::register(&mut real);
        plugins.add_role_builder("iam", move |options, extensions| {
            let plugin = longshore_model::Plugin { name: "iam".to_owned(), options: options.clone() };
            Ok(Arc::new(Forgetful(real.role_builder(&plugin, extensions)?)))
        });
    })
    .await;
    let text = read(&failure);
    assert!(text.contains("ResourceInitializationError: unable to pull secrets or registry auth"), "{text}");
    assert!(
        text.contains("is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:"),
        "{text}"
    );
    assert!(failure.help.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_no_json_stops_the_task_and_the_run_says_so() {
    let failure = failure_of_the_service(|plugins| {
        let mut real = Plugins::default();
        longshore_store_secretsmanager::register(&mut real);
        plugins.add_secret_store("secretsmanager", move |options, extensions| {
            let plugin =
                longshore_model::Plugin { name: "secretsmanager".to_owned(), options: options.clone() };
            Ok(Arc::new(Truncating(real.secret_store(&plugin, extensions)?)))
        });
    })
    .await;
    let text = read(&failure);
    assert!(text.contains("ResourceInitializationError: unable to pull secrets or registry auth"), "{text}");
    assert!(text.contains("unmarshal"), "{text}");
    assert!(!text.contains("ghp_"), "{text}");
    assert!(failure.help.is_some());
}
