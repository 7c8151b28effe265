//! The account that stacks are deployed to: at a simulated cloud in this process, or at moto.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use aws_sdk_ssm::types::ParameterType;
use longshore_aws::{Aws, Target};
use longshore_config::{Contributions, Layers};
use longshore_credential::Environment;
use longshore_engine::{Events, Plans, Report, Results, Run};
use longshore_graph::{Expansion, Graph, Host, expand};
use longshore_model::{
    Action, AwsTarget, Event, EventKind, Failure, Inputs, Name, Outcome, Outputs, Phase, StepId, StepPlan,
};
use longshore_plugin::{Context, Extensions, Kept, Node, Plugins, Step};
use longshore_simcloud::{Blueprint, Cloud, Moment, TokioClock};
use longshore_steps::RegistryCredential;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::declaration::{Declaration, ECR, REGISTRIES, token_of, value_of};
use crate::in_process::{Proved, embedded};

/// The resources that are in the account before the stack is.
#[derive(Clone, Debug, Default)]
pub(super) struct Fixed {
    /// Subnets of the default VPC.
    pub(super) subnets: Vec<String>,
    /// The aliases of keys.
    pub(super) keys: Vec<String>,
    /// Managed policies that bound roles.
    pub(super) policies: Vec<String>,
    /// A managed policy that roles get.
    pub(super) managed: String,
    pub(super) task_roles: Vec<String>,
    /// A secret and a parameter of another owner.
    pub(super) kept: Vec<String>,
}

/// The account's place.
enum Place {
    Simulated(Cloud),
    /// At its server, which others use, too.
    Moto(String),
}

/// An account, and the stack in it.
pub(super) struct Account {
    place: Place,
    stack: &'static str,
    pub(super) fixed: Fixed,
    /// The events of all runs.
    events: Arc<Mutex<Vec<Event>>>,
}

impl Account {
    /// An account of a simulated cloud.
    pub(super) async fn simulated() -> Self {
        let clock = Arc::new(TokioClock::starting_at(Moment(1_790_000_000_000)));
        let cloud = Cloud::new(&blueprint(), clock).unwrap();
        Self::prepared(Place::Simulated(cloud), "shop").await
    }

    /// The account at moto's server. No other test has this `stack` in it.
    pub(super) async fn at_moto(url: String, stack: &'static str) -> Self {
        Self::prepared(Place::Moto(url), stack).await
    }

    async fn prepared(place: Place, stack: &'static str) -> Self {
        let mut account = Self { place, stack, fixed: Fixed::default(), events: Arc::default() };
        account.fixed = fixed(&account.aws(), account.region(), stack).await;
        account
    }

    /// Returns the region, at moto one without other users: its index of tags breaks at clusters without tags.
    pub(super) const fn region(&self) -> &'static str {
        if self.is_at_moto() { "eu-north-1" } else { "eu-central-1" }
    }

    pub(super) const fn is_at_moto(&self) -> bool {
        matches!(self.place, Place::Moto(_))
    }

    pub(super) fn stack(&self) -> &'static str {
        self.stack
    }

    /// The clients of a process that has just begun: nothing is known of earlier ones.
    pub(super) fn aws(&self) -> Aws {
        let region = Some(self.region().to_owned());
        match &self.place {
            Place::Simulated(cloud) => {
                let target = AwsTarget { region, ..AwsTarget::default() };
                Aws::connect(Target::from(&target), Some(embedded(cloud)))
            }
            Place::Moto(url) => {
                let endpoint = Some(url.clone());
                Aws::connect(Target { region, endpoint, test_credentials: true, ..Target::default() }, None)
            }
        }
    }

    /// A process that has just begun. It is interrupted once `until` steps have been applied.
    fn process(&self, declaration: &Declaration, until: Option<usize>) -> (Expansion, Run) {
        let directory = tempfile::tempdir().unwrap();
        let text = declaration.text(self.stack, self.region(), &self.fixed);
        std::fs::write(directory.path().join("base.toml"), &text).unwrap();
        std::fs::write(directory.path().join("test.toml"), "").unwrap();
        let layers = Layers {
            directory: directory.path().to_owned(),
            environment: Name::new("test").unwrap(),
            set: Vec::new(),
            variables: Vec::new(),
        };
        let plugins = plugins();
        let deployers = |deployer: &str| plugins.service_layers(deployer);
        let contributions = Contributions { deployers: &deployers, ..Contributions::default() };
        let loaded = longshore_config::load(&layers, &contributions);
        let loaded = loaded.unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
        let variables = Environment::new(|name| Some(OsString::from(value_of(name))));
        let extensions = Extensions::default().with(self.aws()).with(variables);
        let cloud = match &self.place {
            Place::Simulated(cloud) => Some(cloud.clone()),
            Place::Moto(_) => None,
        };
        let pull_check = Arc::new(Proved(cloud));
        let host =
            Host { plugins: &plugins, extensions: &extensions, pull_check, pull_checks: BTreeMap::new() };
        let expansion =
            expand(&loaded.stack, &host).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
        let interrupt = CancellationToken::new();
        let (stop, events, applied) = (interrupt.clone(), self.events.clone(), Mutex::new(0));
        let sink = move |event: Event| {
            if let EventKind::StepSucceeded { phase: Phase::Apply, .. } = event.event {
                let mut applied = applied.lock().unwrap();
                *applied += 1;
                if until.is_some_and(|until| *applied >= until) {
                    stop.cancel();
                }
            }
            events.lock().unwrap().push(event);
        };
        let clock = self.clock();
        let run = Run {
            stack: loaded.stack.name.clone(),
            environment: loaded.stack.environment.clone(),
            concurrency: None,
            interrupt,
            events: Events::new(clock, sink),
            adopt: BTreeSet::new(),
            only: None,
            keep_orphans: false,
            kept: Kept::default(),
        };
        (expansion, run)
    }

    fn clock(&self) -> Box<dyn Fn() -> u64 + Send + Sync> {
        match &self.place {
            Place::Simulated(cloud) => {
                let cloud = cloud.clone();
                Box::new(move || cloud.now().0)
            }
            Place::Moto(_) => Box::new(|| {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                u64::try_from(now.as_millis()).unwrap()
            }),
        }
    }

    /// Returns the plans of a deploy.
    pub(super) async fn plan(&self, declaration: &Declaration) -> Plans {
        let (expansion, run) = self.process(declaration, None);
        expect(run.plan(&expansion.graph).await)
    }

    /// Deploys, and answers with what that was planned to do, and with how it ended.
    pub(super) async fn deploy(&self, declaration: &Declaration) -> (Plans, Report<Outputs>) {
        let (expansion, run) = self.process(declaration, None);
        let plans = expect(run.plan(&expansion.graph).await);
        let applied = run.apply(&expansion.graph, &plans).await;
        (plans, applied)
    }

    /// Begins to deploy, and stops after so many steps.
    pub(super) async fn begin(&self, declaration: &Declaration, steps: usize) {
        let (expansion, run) = self.process(declaration, Some(steps));
        let plans = expect(run.plan(&expansion.graph).await);
        if steps > 0 {
            run.apply(&expansion.graph, &plans).await;
        }
    }

    pub(super) async fn destroy(&self, declaration: &Declaration) {
        let (expansion, run) = self.process(declaration, None);
        let plans = expect(run.plan_removal(&expansion.graph).await);
        expect(run.remove(&expansion.graph, &plans).await);
    }

    /// The simulated cloud.
    pub(super) fn cloud(&self) -> &Cloud {
        match &self.place {
            Place::Simulated(cloud) => cloud,
            Place::Moto(url) => panic!("{url} is no simulated cloud"),
        }
    }

    /// Deploys, and answers with how that ended.
    pub(super) async fn try_deploy(&self, declaration: &Declaration) -> Outcome {
        let (expansion, run) = self.process(declaration, None);
        plan_and_apply(&run, &expansion.graph).await
    }

    /// Renews the credentials of the registries, and answers with how that ended.
    pub(super) async fn try_rotate(&self, declaration: &Declaration) -> Outcome {
        let (expansion, run) = self.process(declaration, None);
        let nodes = expansion.credentials.iter().map(|(name, credential)| {
            Node::new(StepId::new("credential", name), Arc::new(Renewal(credential.clone())))
        });
        plan_and_apply(&run, &Graph::new(nodes).unwrap()).await
    }

    /// Removes everything, and answers with how that ended.
    pub(super) async fn try_destroy(&self, declaration: &Declaration) -> Outcome {
        let (expansion, run) = self.process(declaration, None);
        let planned = run.plan_removal(&expansion.graph).await;
        if planned.outcome() != Outcome::Succeeded {
            return planned.outcome();
        }
        run.remove(&expansion.graph, &planned.results()).await.outcome()
    }

    /// Returns all events until now, as a reader of the JSON output sees them.
    pub(super) fn said(&self) -> String {
        serde_json::to_string(&*self.events.lock().unwrap()).unwrap()
    }
}

/// Plans, and applies the plan if that succeeds.
async fn plan_and_apply(run: &Run, graph: &Graph) -> Outcome {
    let planned = run.plan(graph).await;
    if planned.outcome() != Outcome::Succeeded {
        return planned.outcome();
    }
    run.apply(graph, &planned.results()).await.outcome()
}

/// Renews a credential, as `longshore rotate` does.
struct Renewal(Arc<RegistryCredential>);

#[async_trait]
impl Step for Renewal {
    async fn plan(&self, context: &Context, _: &Inputs) -> Result<StepPlan, Failure> {
        self.0.plan_renewal(context).await
    }

    async fn apply(&self, context: &Context, _: &Inputs, _: &StepPlan) -> Result<Outputs, Failure> {
        self.0.renew(context).await?;
        self.0.revoke_replaced(context).await?;
        Ok(Outputs::default())
    }

    async fn plan_removal(&self, _: &Context) -> Result<StepPlan, Failure> {
        Ok(StepPlan::new(Action::NoChange, "credential"))
    }

    async fn remove(&self, _: &Context) -> Result<(), Failure> {
        Ok(())
    }
}

/// The results of a phase that succeeded.
#[track_caller]
pub(super) fn expect<T>(report: Report<T>) -> Results<T> {
    let failures: Vec<_> = report.failures().map(|(step, failure)| format!("{step}: {failure:?}")).collect();
    assert!(report.outcome() == Outcome::Succeeded, "{failures:#?}");
    report.results()
}

/// Returns true if nothing would be done.
#[track_caller]
pub(super) fn expect_nothing<'a>(plans: impl IntoIterator<Item = &'a StepPlan>, when: &str) {
    let is_something =
        |plan: &&StepPlan| plan.is_change() || !plan.changes.is_empty() || plan.effect != Default::default();
    let something: Vec<_> = plans.into_iter().filter(is_something).collect();
    assert!(something.is_empty(), "{when}: {something:#?}");
}

fn plugins() -> Plugins {
    let mut plugins = Plugins::default();
    longshore_credential_static::register(&mut plugins);
    longshore_credential::register(&mut plugins);
    longshore_store_secretsmanager::register(&mut plugins);
    longshore_store_ssm::register(&mut plugins);
    longshore_role_iam::register(&mut plugins);
    longshore_service_ecs::register(&mut plugins);
    plugins
}

/// A cloud whose registries have what stacks pull.
fn blueprint() -> Blueprint {
    let users = || {
        json!({
            "user-0": {"password": value_of(&token_of(0))},
            "user-1": {"password": value_of(&token_of(1))},
        })
    };
    let repositories = |repository: serde_json::Value| {
        let names = ["api", "web", "worker", "side"].map(|name| (format!("acme/{name}"), repository.clone()));
        serde_json::Map::from_iter(names)
    };
    let image = json!({"platforms": ["linux/amd64", "linux/arm64"]});
    let tags = json!({"1": image, "2": image});
    let mut registries = serde_json::Map::new();
    for (_, host) in REGISTRIES {
        let repositories = repositories(json!({"readers": ["user-0", "user-1"], "tags": tags}));
        registries.insert(host.to_owned(), json!({"users": users(), "repositories": repositories}));
    }
    for host in [ECR, "public.ecr.aws"] {
        let repositories = repositories(json!({"visibility": "public", "tags": tags}));
        registries.insert(host.to_owned(), json!({"repositories": repositories}));
    }
    serde_json::from_value(json!({"registries": registries, "latency-jitter-ms": 30})).unwrap()
}

/// Makes what is there before the stack is.
async fn fixed(aws: &Aws, region: &str, stack: &str) -> Fixed {
    let everything =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let logging = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":
        ["logs:CreateLogStream","logs:PutLogEvents","ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability",
        "ecr:GetDownloadUrlForLayer","ecr:BatchGetImage"],"Resource":"*"}]}"#;
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
        "Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}"#;
    let (mut keys, mut policies, mut task_roles) = (Vec::new(), Vec::new(), Vec::new());
    let (kms, iam) = (aws.kms().await.unwrap(), aws.iam().await.unwrap());
    for number in 0..2 {
        let key = kms.call("CreateKey", json!({})).await.unwrap();
        let alias = format!("alias/{stack}-{number}");
        let create = json!({ "AliasName": alias, "TargetKeyId": key["KeyMetadata"]["KeyId"] });
        // moto answers `null`, which is no answer; without the alias, the deploy fails.
        drop(kms.call("CreateAlias", create).await);
        keys.push(alias);
        let policy = iam.create_policy().policy_name(format!("{stack}-bound-{number}"));
        let policy = policy.policy_document(everything).send().await.unwrap().policy.unwrap();
        policies.push(policy.arn.unwrap());
        let role = iam.create_role().role_name(format!("{stack}-task-{number}"));
        let role = role.assume_role_policy_document(trust).send().await.unwrap().role.unwrap();
        task_roles.push(role.arn);
    }
    let managed = iam.create_policy().policy_name(format!("{stack}-logs")).policy_document(logging);
    let managed = managed.send().await.unwrap().policy.unwrap().arn.unwrap();
    let secret = aws.secretsmanager().await.unwrap().create_secret().name(format!("kept/{stack}"));
    let secret = secret.secret_string("theirs").send().await.unwrap().arn.unwrap();
    let parameter = aws.ssm().await.unwrap().put_parameter().name(format!("/kept/{stack}")).value("theirs");
    parameter.r#type(ParameterType::SecureString).send().await.unwrap();
    let parameter = format!("arn:aws:ssm:{region}:123456789012:parameter/kept/{stack}");
    let subnets = aws.reads().default_subnets().await.unwrap().iter().cloned().collect();
    Fixed { subnets, keys, policies, managed, task_roles, kept: vec![secret, parameter] }
}
