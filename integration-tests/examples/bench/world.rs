//! A stack of many services on three registries, and the cloud that it is deployed to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
};

use async_trait::async_trait;
use longshore_aws::{Aws, Target};
use longshore_config::{Contributions, Layers};
use longshore_engine::{Events, Plans, Run};
use longshore_graph::{Expansion, Host, expand};
use longshore_model::{Name, Outcome, Secret, Stack};
use longshore_plugin::{Context, Credential, CredentialSource, Extensions, Kept, Plugins, Result};
use longshore_simcloud::{Blueprint, Cloud, Moment, TokioClock};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::in_process::{Proved, embedded};

/// The registries of the stack: name and host.
const REGISTRIES: [(&str, &str); 3] =
    [("ghcr", "ghcr.io"), ("hub", "docker.io"), ("gitlab", "registry.gitlab.com")];

const PASSWORD: &str = "the password of the bench";

/// The cloud's manners.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    pub(crate) latency_ms: u64,
    pub(crate) jitter_ms: u64,
    /// The share of every quota that others use up, in per cent.
    pub(crate) co_tenant_percent: u32,
    /// The seed of its random numbers.
    pub(crate) seed: u64,
}

/// A cloud, and a stack for it.
pub(crate) struct World {
    pub(crate) cloud: Cloud,
    stack: Stack,
}

/// The sources' credential: which one does not matter here.
struct Known;

#[async_trait]
impl CredentialSource for Known {
    fn describe(&self) -> String {
        "the bench".to_owned()
    }

    async fn fetch(&self, _: &Context) -> Result<Credential> {
        Ok(Credential { username: "acme".to_owned(), password: Secret::new(PASSWORD.to_owned()) })
    }
}

fn declaration(services: usize) -> String {
    let mut text = "stack = \"bench\"\n[aws]\nregion = \"eu-central-1\"\n".to_owned();
    for (name, host) in REGISTRIES.iter().take(services) {
        write!(text, "[registries.{name}]\nuse = \"known\"\nhost = \"{host}\"\n").unwrap();
    }
    for service in 0..services {
        let (_, host) = REGISTRIES[service % REGISTRIES.len()];
        write!(text, "[services.s{service:04}]\nimage = \"{host}/acme/app:1\"\nmemory = 512\n").unwrap();
    }
    text
}

impl World {
    /// An empty cloud with these manners, and a stack of so many services.
    pub(crate) fn new(services: usize, manners: Manners) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("base.toml"), declaration(services)).unwrap();
        std::fs::write(directory.path().join("bench.toml"), "").unwrap();
        let layers = Layers {
            directory: directory.path().to_owned(),
            environment: Name::new("bench").unwrap(),
            set: Vec::new(),
            variables: Vec::new(),
        };
        let mut plugins = Plugins::default();
        longshore_service_ecs::register(&mut plugins);
        let deployers = |deployer: &str| plugins.service_layers(deployer);
        let contributions = Contributions { deployers: &deployers, ..Contributions::default() };
        let stack = longshore_config::load(&layers, &contributions).unwrap().stack;
        let registry = json!({
            "users": {"acme": {"password": PASSWORD}},
            "repositories": {"acme/app": {"readers": ["acme"], "tags": {"1": {}}}},
        });
        let registries: BTreeMap<_, _> =
            REGISTRIES.iter().map(|(_, host)| (*host, registry.clone())).collect();
        let blueprint: Blueprint = serde_json::from_value(json!({
            "seed": manners.seed,
            "registries": registries,
            "latency-ms": manners.latency_ms,
            "latency-jitter-ms": manners.jitter_ms,
            "co-tenant-percent": manners.co_tenant_percent,
        }))
        .unwrap();
        let clock = Arc::new(TokioClock::starting_at(Moment(1_790_000_000_000)));
        Self { cloud: Cloud::new(&blueprint, clock).unwrap(), stack }
    }

    /// A process that has just begun: nothing is known of earlier ones.
    fn process(&self) -> (Expansion, Run) {
        let aws = Aws::connect(Target::from(&self.stack.aws), Some(embedded(&self.cloud)));
        let extensions = Extensions::default().with(aws);
        let mut plugins = Plugins::default();
        longshore_store_secretsmanager::register(&mut plugins);
        longshore_store_ssm::register(&mut plugins);
        longshore_role_iam::register(&mut plugins);
        longshore_service_ecs::register(&mut plugins);
        plugins.add_credential_source("known", |_, _| Ok(Arc::new(Known)));
        // Requests to registries are no requests to AWS: what pulls is taken to pull.
        let host = Host {
            plugins: &plugins,
            extensions: &extensions,
            pull_check: Arc::new(Proved(Some(self.cloud.clone()))),
            pull_checks: BTreeMap::new(),
        };
        let expansion = expand(&self.stack, &host).unwrap_or_else(|problems| panic!("{problems:?}"));
        let clock = self.cloud.clone();
        let run = Run {
            stack: self.stack.name.clone(),
            environment: self.stack.environment.clone(),
            concurrency: None,
            interrupt: CancellationToken::new(),
            events: Events::new(move || clock.now().0, |_| {}),
            adopt: BTreeSet::new(),
            only: None,
            keep_orphans: false,
            kept: Kept::default(),
        };
        (expansion, run)
    }

    /// Plans, in a process of its own.
    pub(crate) async fn plan(&self) -> Plans {
        let (expansion, run) = self.process();
        let planned = run.plan(&expansion.graph).await;
        assert_eq!(planned.outcome(), Outcome::Succeeded, "{:?}", planned.failures().next());
        planned.results()
    }

    /// Deploys, in a process of its own. Answers with the steps that failed.
    pub(crate) async fn deploy(&self) -> usize {
        let (expansion, run) = self.process();
        let planned = run.plan(&expansion.graph).await;
        assert_eq!(planned.outcome(), Outcome::Succeeded, "{:?}", planned.failures().next());
        let applied = run.apply(&expansion.graph, &planned.results()).await;
        if let Some((step, failure)) = applied.failures().next() {
            println!("  {step} failed: {failure}");
        }
        applied.failures().count()
    }
}

/// Returns the calls since `before`.
pub(crate) fn since(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    now.iter()
        .map(|(operation, count)| {
            (operation.clone(), count - before.get(operation).copied().unwrap_or_default())
        })
        .filter(|(_, count)| *count > 0)
        .collect()
}
