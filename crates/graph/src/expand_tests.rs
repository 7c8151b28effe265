//! The expansion of stacks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use longshore_model::{
    AddedStep, AwsTarget, Container, ContainerRegistry, ContainerSecret, ExecutionRole, ImageReference, Name,
    Options, Platform, Plugin, Problem, Reference, Secret, Service, ServiceStatus, Stack, StepId, StepPlan,
    Store, ValueType,
};
use longshore_plugin::{
    Context, Credential, CredentialSource, Extensions, Node, Plugins, PullCheck, PullProof, Result,
    RoleBuilder, RoleSpec, SecretSpec, SecretStore, SecretValue, ServiceDeployer, StepDeclaration,
    StepPlugin, StoreCapabilities, Stored, Wires,
};
use serde_json::{Value, json};

use crate::{Expansion, Format, Host, draw, expand, testing};

/// A plugin of every kind. Expansion is pure: whatever else is called panics.
struct Fake {
    pull_credentials: bool,
}

#[async_trait]
impl CredentialSource for Fake {
    fn describe(&self) -> String {
        unreachable!()
    }

    async fn fetch(&self, _: &Context) -> Result<Credential> {
        unreachable!()
    }
}

#[async_trait]
impl SecretStore for Fake {
    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities {
            pull_credentials: self.pull_credentials,
            container_secrets: !self.pull_credentials,
            ..StoreCapabilities::default()
        }
    }

    fn kms_key(&self) -> Option<&str> {
        None
    }

    async fn plan(&self, _: &Context, _: &SecretSpec, _: &Secret<String>) -> Result<StepPlan> {
        unreachable!()
    }

    async fn apply(&self, _: &Context, _: &SecretSpec, _: &Secret<String>) -> Result<String> {
        unreachable!()
    }

    async fn plan_removal(&self, _: &Context, _: &SecretSpec) -> Result<StepPlan> {
        unreachable!()
    }

    async fn remove(&self, _: &Context, _: &SecretSpec) -> Result<()> {
        unreachable!()
    }

    async fn read(&self, _: &Context, _: &SecretSpec) -> Result<Option<Stored>> {
        unreachable!()
    }
}

#[async_trait]
impl SecretValue for Fake {
    fn describe(&self) -> String {
        unreachable!()
    }

    async fn fetch(&self, _: &Context) -> Result<Secret<String>> {
        unreachable!()
    }
}

#[async_trait]
impl RoleBuilder for Fake {
    async fn plan(&self, _: &Context, _: &RoleSpec) -> Result<StepPlan> {
        unreachable!()
    }

    async fn apply(&self, _: &Context, _: &RoleSpec) -> Result<String> {
        unreachable!()
    }

    async fn plan_removal(&self, _: &Context, _: &RoleSpec) -> Result<StepPlan> {
        unreachable!()
    }

    async fn remove(&self, _: &Context, _: &RoleSpec) -> Result<()> {
        unreachable!()
    }
}

#[async_trait]
impl ServiceDeployer for Fake {
    fn expand(
        &self,
        name: &Name,
        service: &Service,
        wires: &Wires,
    ) -> std::result::Result<Vec<Node>, Vec<Problem>> {
        if service.deployer.options.values.contains_key("replicas") {
            return Err(vec![Problem::new(format!("services.{name}.replicas"), "too few")]);
        }
        let step = testing::node("x.y").step;
        let mut node = Node::new(StepId::new("service", name), step).input(
            "role",
            ValueType::ROLE_ARN,
            &wires.role,
            <dyn RoleBuilder>::ARN,
        );
        for (registry, secret) in &wires.secrets {
            node = node.input(registry.to_string(), ValueType::SECRET_ARN, secret, <dyn SecretStore>::ARN);
        }
        for (variable, step) in &wires.variables {
            node = node.input(variable.to_string(), ValueType::MOMENT, step, <dyn SecretStore>::WRITTEN_AT);
        }
        for (image, step) in &wires.images {
            let output = <dyn PullCheck>::digests_output(image);
            node = node.input(image.to_string(), ValueType::DIGEST, step, output);
        }
        node.after.push(StepId::new("cluster", &service.cluster));
        Ok(vec![testing::node(&format!("cluster.{}", service.cluster)).shared(), node])
    }

    fn platform(&self, _: &Service) -> Platform {
        Platform::default()
    }

    async fn status(&self, _: &Context, _: &Name, _: &Service) -> Result<ServiceStatus> {
        unreachable!()
    }
}

#[async_trait]
impl PullCheck for Fake {
    async fn check(
        &self,
        _: &ImageReference,
        _: Platform,
        _: Option<&Credential>,
        _: Option<&str>,
    ) -> Result<PullProof> {
        unreachable!()
    }
}

fn fake(pull_credentials: bool) -> Arc<Fake> {
    Arc::new(Fake { pull_credentials })
}

fn expand_stack(stack: &Stack) -> std::result::Result<Expansion, Vec<Problem>> {
    let mut plugins = Plugins::default();
    plugins.add_credential_source("ghcr", |_, _| Ok(fake(true)));
    plugins.add_secret_store("secretsmanager", |_, _| Ok(fake(true)));
    plugins.add_secret_store("ssm", |_, _| Ok(fake(false)));
    plugins.set_secret_values(|_, _| Ok(fake(true)));
    plugins.add_role_builder("iam", |_, _| Ok(fake(true)));
    plugins.add_service_deployer("ecs", |_, _| Ok(fake(true)));
    plugins.add_step_plugin("balancer", |_, _| Ok(Arc::new(Balancer)));
    let host = Host {
        plugins: &plugins,
        extensions: &Extensions::default(),
        pull_check: fake(true),
        pull_checks: BTreeMap::new(),
    };
    expand(stack, &host)
}

fn draw_stack(stack: &Stack) -> String {
    match expand_stack(stack) {
        Ok(expansion) => draw(&expansion.graph, Format::Tree),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn plugin(key: &str, name: &str) -> Plugin {
    Plugin { name: name.to_owned(), options: Options { key: key.to_owned(), ..Options::default() } }
}

fn service(key: &str, images: &[Image]) -> Service {
    let container = |(image, registry): &Image| Container {
        image: image.parse().unwrap(),
        registry: registry.map(name),
        secrets: BTreeMap::new(),
    };
    let containers =
        images.iter().enumerate().map(|(place, image)| (name(&place.to_string()), container(image)));
    Service {
        deployer: plugin(key, "ecs"),
        cluster: "default".to_owned(),
        name: key.rsplit('.').next().unwrap().to_owned(),
        containers: containers.collect(),
        execution_role: ExecutionRole {
            builder: plugin(&format!("{key}.execution-role"), "iam"),
            name: None,
            managed_policies: BTreeMap::new(),
        },
        load_balancer: None,
        after: Vec::new(),
        tags: BTreeMap::new(),
        protect: false,
    }
}

fn store(key: &str, name: &str) -> Store {
    Store { plugin: plugin(key, name), protect: false }
}

fn stack(services: &[(&str, &[Image])]) -> Stack {
    Stack {
        name: name("shop"),
        environment: name("test"),
        aws: AwsTarget::default(),
        tags: BTreeMap::new(),
        adopt: BTreeSet::new(),
        registries: [(
            name("ghcr"),
            ContainerRegistry {
                prefix: "ghcr.io".parse().unwrap(),
                endpoint: None,
                insecure: false,
                ca_file: None,
                source: plugin("registries.ghcr", "ghcr"),
                store: name("default"),
                secret_name: None,
                protect: false,
                removed: false,
            },
        )]
        .into(),
        stores: [(name("default"), store("stores.default", "secretsmanager"))].into(),
        services: services
            .iter()
            .map(|(key, images)| (name(key), service(&format!("services.{key}"), images)))
            .collect(),
        steps: BTreeMap::new(),
    }
}

/// An image and its registry.
type Image = (&'static str, Option<&'static str>);

const SHOP: &[(&str, &[Image])] = &[
    ("api", &[("ghcr.io/acme/api:1", Some("ghcr")), ("nginx:1", None)]),
    (
        "web",
        &[("ghcr.io/acme/web:1", Some("ghcr")), ("123456789012.dkr.ecr.eu-central-1.amazonaws.com/x", None)],
    ),
];

#[test]
fn services_on_one_registry_share_its_secret_and_their_cluster() {
    insta::assert_snapshot!(draw_stack(&stack(SHOP)), @r"
    service.api
    ├── cluster.default
    ├── credential.ghcr
    ├── images.docker.io
    └── role.api
        └── credential.ghcr
    service.web
    ├── cluster.default
    ├── credential.ghcr
    ├── images.123456789012.dkr.ecr.eu-central-1.amazonaws.com
    └── role.web
        └── credential.ghcr
    undeclared-secrets.secretsmanager (after everything else)
    undeclared-secrets.ssm (after everything else)
    ");
}

/// A stack whose services have variables in the store `parameters`.
fn stack_with_variables() -> Stack {
    let mut stack = stack(SHOP);
    stack.stores.insert(name("parameters"), store("stores.parameters", "ssm"));
    let secret = |key: &str| ContainerSecret::Written {
        store: name("parameters"),
        value: Options { key: key.to_owned(), ..Options::default() },
    };
    let api = stack.services.get_mut(&name("api")).unwrap();
    for (container, variable) in [("0", "DATABASE_URL"), ("1", "DATABASE_URL"), ("1", "KEY")] {
        let container = api.containers.get_mut(&name(container)).unwrap();
        container.secrets.insert(variable.to_owned(), secret(variable));
    }
    let arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/there".parse().unwrap();
    let web = stack.services.get_mut(&name("web")).unwrap();
    web.containers = [(name("web"), web.containers.remove(&name("0")).unwrap())].into();
    let container = web.containers.get_mut(&name("web")).unwrap();
    container.secrets.insert("THERE".to_owned(), ContainerSecret::Existing { arn, kms_key: None });
    container.secrets.insert("DATABASE_URL".to_owned(), secret("web"));
    stack
}

#[test]
fn variables_are_kept_by_steps_that_role_and_service_depend_on() {
    insta::assert_snapshot!(draw_stack(&stack_with_variables()), @r"
    service.api
    ├── cluster.default
    ├── credential.ghcr
    ├── images.docker.io
    ├── role.api
    │   ├── credential.ghcr
    │   ├── secret.api.0.DATABASE_URL
    │   ├── secret.api.1.DATABASE_URL
    │   └── secret.api.1.KEY
    ├── secret.api.0.DATABASE_URL
    ├── secret.api.1.DATABASE_URL
    └── secret.api.1.KEY
    service.web
    ├── cluster.default
    ├── credential.ghcr
    ├── role.web
    │   ├── credential.ghcr
    │   └── secret.web.DATABASE_URL
    └── secret.web.DATABASE_URL
    undeclared-secrets.secretsmanager (after everything else)
    undeclared-secrets.ssm (after everything else)
    ");
}

#[test]
fn a_store_that_ecs_does_not_read_variables_from_is_refused() {
    let mut stack = stack_with_variables();
    stack.stores.insert(name("parameters"), store("stores.parameters", "secretsmanager"));
    stack.services.remove(&name("api"));
    insta::assert_snapshot!(draw_stack(&stack), @r#"
    web.store: ECS cannot read environment variables from the store `parameters` (secretsmanager) (name a store with use = "ssm" or use = "secretsmanager")
    "#);
}

#[test]
fn everything_wrong_is_found_at_once() {
    let mut stack = stack(SHOP);
    stack.stores.insert(name("parameters"), store("stores.parameters", "ssm"));
    stack.registries.get_mut(&name("ghcr")).unwrap().store = name("parameters");
    stack.registries.get_mut(&name("ghcr")).unwrap().source.name = "ghrc".to_owned();
    let api = stack.services.get_mut(&name("api")).unwrap();
    api.deployer.options.values.insert("replicas".to_owned(), json!(0));
    stack.services.get_mut(&name("web")).unwrap().deployer.name = "kubernetes".to_owned();
    insta::assert_snapshot!(draw_stack(&stack), @r#"
    services.web.use: there is no service deployer `kubernetes` (there are: ecs)
    registries.ghcr.use: there is no credential source `ghrc` (did you mean `ghcr`?)
    registries.ghcr.store: ECS cannot read pull credentials from the store `parameters` (ssm) (name a store with use = "secretsmanager")
    services.api.replicas: too few
    "#);
}

/// Yields an ARN, and refers to whatever its options do.
struct Balancer;

impl StepPlugin for Balancer {
    fn node(&self, declaration: &StepDeclaration<'_>) -> std::result::Result<Node, Vec<Problem>> {
        let references = Reference::all_in("", &declaration.options.values);
        let node = Node::new(declaration.id(), testing::node("x.y").step);
        Ok(node
            .output("target-group-arn", ValueType::of("target-group-arn"))
            .output("url", ValueType::of("url"))
            .references(references.into_iter().map(|(_, reference)| reference)))
    }
}

/// A stack with the steps `web` and `scaling`, the second of which has `options`.
fn stack_with_steps(options: Value, after: &[&str]) -> Stack {
    let mut stack = stack(SHOP);
    let mut web = AddedStep { plugin: plugin("steps.web", "balancer"), ..AddedStep::default() };
    web.after = after.iter().map(|step| StepId::named(step)).collect();
    stack.steps.insert(name("web"), web);
    let mut scaling = plugin("steps.scaling", "balancer");
    scaling.options.values = options.as_object().unwrap().clone();
    stack.steps.insert(name("scaling"), AddedStep { plugin: scaling, ..AddedStep::default() });
    stack.services.get_mut(&name("web")).unwrap().after = vec![StepId::named("steps.web")];
    stack.services.remove(&name("api"));
    stack
}

#[test]
fn added_steps_are_wired_by_references() {
    let target = json!({ "from": "steps.web", "output": "target-group-arn" });
    let stack = stack_with_steps(json!({ "targetGroupArn": target }), &["role.web"]);
    insta::assert_snapshot!(draw_stack(&stack));
}

#[test]
fn wrong_references_are_named_by_key() {
    let of = |from: &str, output: &str| json!({ "from": from, "output": output });
    let options = json!({
        "listenerArn": of("steps.web", "target-group-arn"),
        "target-group": of("steps.web", "url"),
        "step": of("steps.wbe", "target-group-arn"),
        "output": of("steps.web", "target-arn"),
        "none": of("service.web", "service-arn"),
    });
    insta::assert_snapshot!(draw_stack(&stack_with_steps(options, &["role.wbe"])));
}

#[test]
fn steps_have_tags_of_stack_and_service() {
    let tags = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let mut stack = stack_with_variables();
    stack.tags = tags(&[("owner", "shop"), ("cost", "1")]);
    stack.services.get_mut(&name("web")).unwrap().tags = tags(&[("cost", "2")]);
    let graph = expand_stack(&stack).ok().unwrap().graph;
    let of = |step: &str| {
        let node = graph.nodes().find(|node| node.id.as_str() == step);
        node.unwrap().tags.as_deref().cloned().unwrap_or_default()
    };
    for step in ["role.web", "secret.web.DATABASE_URL", "service.web"] {
        assert_eq!(of(step), tags(&[("owner", "shop"), ("cost", "2")]), "{step}");
    }
    for step in ["credential.ghcr", "cluster.default"] {
        assert_eq!(of(step), stack.tags, "{step}");
    }
}

#[test]
fn protected_service_protects_what_it_uses() {
    let protected = |change: fn(&mut Stack)| {
        let mut stack = stack_with_variables();
        change(&mut stack);
        let graph = expand_stack(&stack).ok().unwrap().graph;
        let steps: BTreeSet<_> =
            graph.nodes().filter(|node| node.is_protected).map(|node| node.id.to_string()).collect();
        steps.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(protected(|_| {}), "");
    let service = protected(|stack| stack.services.get_mut(&name("web")).unwrap().protect = true);
    assert_eq!(service, "cluster.default credential.ghcr role.web secret.web.DATABASE_URL service.web");
    let registry = protected(|stack| stack.registries.get_mut(&name("ghcr")).unwrap().protect = true);
    assert_eq!(registry, "credential.ghcr");
    let store = protected(|stack| stack.stores.get_mut(&name("default")).unwrap().protect = true);
    assert_eq!(store, "credential.ghcr");
}
