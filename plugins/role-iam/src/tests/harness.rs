//! A role builder in a simulated cloud.

use std::sync::{Arc, Mutex};

use aws_sdk_iam::Client;
use longshore_aws::{Aws, Embedded, Target};
use longshore_model::{Action, Known, Name, Options, Plugin, Shown, StepId, StepPlan};
use longshore_plugin::{
    Context, Extensions, Kept, LogStream, Plugins, Readable, Reporter, Result, RoleBuilder, RoleSpec,
    RunContext,
};
use longshore_simcloud::{
    ApiError, Blueprint, Cloud, Effect, Fault, Moment, TokioClock,
    iam::{Context as Keys, Decision},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(super) const REGION: &str = "eu-central-1";

/// The name that the builder gives to the role of [`Harness::spec`].
pub(super) const NAME: &str = "shop-api-execution";

pub(super) const ARN: &str = "arn:aws:iam::123456789012:role/shop-api-execution";

pub(super) const SECRET: &str =
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:longshore/shop/ghcr/pull-AbCdEf";

pub(super) const TASK_EXECUTION: &str = "service-role/AmazonECSTaskExecutionRolePolicy";

/// Keeps what a step warns of.
#[derive(Default)]
pub(super) struct Warnings(pub(super) Mutex<Vec<String>>);

impl Reporter for Warnings {
    fn progress(&self, _: &StepId, _: &str) {}

    fn warning(&self, _: &StepId, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

pub(super) struct Harness {
    pub(super) cloud: Cloud,
    pub(super) aws: Aws,
    pub(super) builder: Arc<dyn RoleBuilder>,
    pub(super) warnings: Arc<Warnings>,
    pub(super) spec: RoleSpec,
    kept: Kept,
}

impl Harness {
    /// An empty account, and a builder with `options`.
    pub(super) fn new(options: Value) -> Self {
        let clock = Arc::new(TokioClock::starting_at(Moment(1_795_000_000_000)));
        let cloud = Cloud::new(&Blueprint::default(), clock).unwrap();
        let aws = connect(&cloud, REGION);
        Self {
            builder: builder(&aws, options),
            aws,
            cloud,
            warnings: Arc::default(),
            spec: RoleSpec {
                secrets: vec![secret(SECRET)],
                managed_policies: vec![TASK_EXECUTION.into()],
                ..RoleSpec::new(Name::new("api").unwrap())
            },
            kept: Kept::default(),
        }
    }

    /// Another builder in the same account, in another run.
    pub(super) fn configure(&mut self, options: Value) {
        self.builder = builder(&self.aws, options);
        self.kept = Kept::default();
    }

    /// Another run in the same account, which has read nothing yet.
    pub(super) fn another_run(&self) -> Self {
        let aws = connect(&self.cloud, REGION);
        Self {
            builder: builder(&aws, json!({})),
            aws,
            cloud: self.cloud.clone(),
            warnings: Arc::default(),
            spec: self.spec.clone(),
            kept: Kept::default(),
        }
    }

    /// Another role of the same run.
    pub(super) fn another_role(&self, service: &str) -> Self {
        Self {
            builder: builder(&self.aws, json!({})),
            aws: self.aws.clone(),
            cloud: self.cloud.clone(),
            warnings: Arc::default(),
            spec: RoleSpec { service: Name::new(service).unwrap(), ..self.spec.clone() },
            kept: Kept::default(),
        }
    }

    /// The same account, seen from another region.
    pub(super) fn go_to(&mut self, region: &str, options: Value) {
        self.aws = connect(&self.cloud, region);
        self.configure(options);
    }

    pub(super) async fn client(&self) -> Client {
        self.aws.iam().await.unwrap().clone()
    }

    pub(super) fn context(&self) -> Context {
        self.context_of("shop")
    }

    pub(super) fn context_of(&self, stack: &str) -> Context {
        self.context_in(stack, "production")
    }

    pub(super) fn context_in(&self, stack: &str, environment: &str) -> Context {
        let (stack, environment) = (Name::new(stack).unwrap(), Name::new(environment).unwrap());
        let step = StepId::new("role", "api");
        let (token, kept) = (CancellationToken::new(), self.kept.clone());
        let run = RunContext::new(stack, environment, token, self.warnings.clone(), kept);
        Context::in_run(Arc::new(run), step)
    }

    pub(super) async fn plan(&self) -> Result<StepPlan> {
        self.builder.plan(&self.context(), &self.spec).await
    }

    pub(super) async fn action(&self) -> Action {
        self.plan().await.unwrap().action
    }

    pub(super) async fn apply(&self) -> Result<String> {
        self.builder.apply(&self.context(), &self.spec).await
    }

    pub(super) async fn plan_removal(&self) -> Result<StepPlan> {
        self.builder.plan_removal(&self.context(), &self.spec).await
    }

    pub(super) async fn remove(&self) -> Result<()> {
        self.builder.remove(&self.context(), &self.spec).await
    }

    /// Returns true if the role may do something now, as other services see it.
    pub(super) async fn allows(&self, action: &str, resource: &str, keys: Keys) -> bool {
        let now = self.cloud.now();
        self.cloud.inspect(|world| world.iam.evaluate(now, ARN, action, resource, &keys)).await
            == Decision::Allowed
    }

    pub(super) async fn exists(&self) -> bool {
        self.cloud.inspect(|world| world.iam.role(NAME).is_some()).await
    }

    /// Lets `times` calls of `operation` go wrong.
    pub(super) fn fault(&self, operation: &str, times: u32, effect: Effect) {
        self.cloud.inject(Fault { operation: operation.to_owned(), after: 0, times, effect });
    }

    pub(super) fn refuse(&self, operation: &str, times: u32, code: &str, message: &str) {
        self.fault(operation, times, Effect::Refuse(ApiError::new(code, message)));
    }

    pub(super) fn calls(&self, operation: &str) -> u64 {
        self.cloud.calls().get(operation).copied().unwrap_or_default()
    }

    /// A customer managed policy: its ARN.
    pub(super) async fn policy(&self, name: &str, document: Value) -> String {
        let request =
            self.client().await.create_policy().policy_name(name).policy_document(document.to_string());
        request.send().await.unwrap().policy.unwrap().arn.unwrap()
    }
}

/// The log stream of the service's container.
pub(super) fn log_stream() -> LogStream {
    LogStream { group: "/longshore/shop/api".to_owned(), name: "ecs/api/0".to_owned(), creates_group: false }
}

/// A secret that the key of AWS encrypts.
pub(super) fn secret(arn: &str) -> Readable {
    Readable { arn: Known::Value(arn.to_owned()), foreseen: None, key: None }
}

/// A plan as a snapshot shows it.
pub(super) fn text(plan: &StepPlan) -> String {
    let mut lines = vec![format!("{} {}", plan.action, plan.resource)];
    lines.extend(plan.reason.iter().map(|reason| format!("  because: {reason}")));
    let shown = |value: &Option<Shown>| value.as_ref().map_or("-".to_owned(), ToString::to_string);
    for change in &plan.changes {
        lines.push(format!("  {}:\n    {}\n    {}", change.field, shown(&change.old), shown(&change.new)));
    }
    lines.extend(plan.outputs.iter().map(|(name, value)| format!("  yields {name}: {value:?}")));
    lines.extend(plan.notes.iter().map(|note| format!("  note: {note}")));
    lines.join("\n")
}

fn connect(cloud: &Cloud, region: &str) -> Aws {
    let embedded = Embedded::new(cloud.connector(), cloud.clone());
    Aws::connect(Target { region: Some(region.into()), ..Target::default() }, Some(embedded))
}

fn builder(aws: &Aws, options: Value) -> Arc<dyn RoleBuilder> {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let values = options.as_object().unwrap().clone();
    let options = Options { key: "services.api.execution-role".into(), values, ..Options::default() };
    let plugin = Plugin { name: "iam".into(), options };
    plugins.role_builder(&plugin, &Extensions::default().with(aws.clone())).unwrap()
}
