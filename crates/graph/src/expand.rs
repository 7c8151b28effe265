//! From a stack to its graph.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use longshore_model::{
    ImageReference, Name, Platform, Plugin, Problem, Service, Stack, StepId, ValueType, closest, join_key,
};
use longshore_plugin::{
    Extensions, Node, Plugins, PullCheck, PullScope, SecretSpec, SecretStore, ServiceDeployer,
    StepDeclaration, Wires,
};
use longshore_steps::{ImagesWithoutCredentialStep, RegistryCredential};

use crate::{
    Graph,
    container_secrets::{self, Stores},
    execution_role::{self, StackSecrets},
    references,
    undeclared::{self, Used},
};

/// The host's plugins, extensions and pull checks for an expansion.
pub struct Host<'a> {
    /// The plugins that there are.
    pub plugins: &'a Plugins,
    /// The extensions that the host lends to plugins.
    pub extensions: &'a Extensions,
    /// The check that an image can be pulled.
    pub pull_check: Arc<dyn PullCheck>,
    /// The pull checks of the registries with connection settings of their own, by the registries' names.
    pub pull_checks: BTreeMap<Name, Arc<dyn PullCheck>>,
}

/// A stack's graph, and what answers for its services.
pub struct Expansion {
    /// The graph.
    pub graph: Graph,
    /// The deployer of each service.
    pub deployers: BTreeMap<Name, Arc<dyn ServiceDeployer>>,
    /// The credential of each registry that needs one.
    pub credentials: BTreeMap<Name, Arc<RegistryCredential>>,
}

/// The images of a stack that need a look at their registry, with the platforms that they run on.
type Images = BTreeSet<(ImageReference, Platform)>;

/// Unfolds `stack` into its graph: registry by registry a step that publishes the credential, and service by service an
/// execution role and what its deployer makes of it, and the steps that the stack adds. Services that pull from one registry
/// share its secret.
///
/// Pure: plugins are built, but nothing is read and nothing is called.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn expand(stack: &Stack, host: &Host<'_>) -> Result<Expansion, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut nodes = Vec::new();
    let built: BTreeMap<_, _> = stack
        .services
        .iter()
        .filter_map(|(name, service)| {
            let deployer = host.plugins.service_deployer(&service.deployer, host.extensions);
            Some((name, keep(deployer, &mut problems)?))
        })
        .collect();
    let (private, others) = images(stack, &built);

    let stores: Stores<'_> = stack
        .stores
        .iter()
        .filter_map(|(name, store)| {
            Some((name, keep(host.plugins.secret_store(&store.plugin, host.extensions), &mut problems)?))
        })
        .collect();
    let mut credentials = BTreeMap::new();
    let mut used = Used::default();
    for name in stack.registries.keys() {
        let Some(credential) = registry_credential(stack, name, &stores, &private, host, &mut problems)
        else {
            continue;
        };
        let credential = Arc::new(credential);
        if stack.registries[name].removed {
            used.removed.push((&stack.registries[name].store, credential));
            continue;
        }
        let mut node = Node::new(credential.step(), credential.clone().publishing());
        node.resource = credential.store.resource(&credential.secret);
        let registry = &stack.registries[name];
        node.is_protected = registry.protect || stack.stores[&registry.store].protect;
        // One that is not used may not be stored, and nothing needs its ARN.
        if !credential.is_unused() {
            node = node.output(<dyn SecretStore>::ARN, ValueType::SECRET_ARN);
        }
        nodes.push(with_digests(node, &credential.images));
        credentials.insert(name.clone(), credential);
    }
    for (host_name, images) in others {
        let images: Vec<_> = images.into_iter().collect();
        let step = ImagesWithoutCredentialStep {
            host: host_name.clone(),
            images: images.clone(),
            pull_check: anonymous_check(stack, &host_name, host),
        };
        nodes.push(with_digests(Node::new(images_step(&host_name), Arc::new(step)), &images));
    }
    tag(&mut nodes, stack, &BTreeMap::new());
    let secrets = StackSecrets::of(stack, &stores);
    let mut deployers = BTreeMap::new();
    for (name, service) in &stack.services {
        let first = nodes.len();
        let wires = wires(stack, name, service);
        nodes.extend(container_secrets::nodes(stack, name, service, &stores, host, &mut problems));
        let builder =
            keep(host.plugins.role_builder(&service.execution_role.builder, host.extensions), &mut problems);
        let deployer = built.get(name).cloned();
        if let Some(builder) = builder {
            used.roles.entry(service.execution_role.builder.name.clone()).or_insert_with(|| builder.clone());
            let declared = execution_role::Declared { stack, name, service, wires: &wires };
            let uses =
                deployer.as_ref().map(|it| execution_role::Uses::of(it.as_ref(), stack, name, service));
            nodes.push(execution_role::node(
                &declared,
                builder,
                uses.unwrap_or_default(),
                &stores,
                &secrets,
                &credentials,
            ));
        }
        if let Some(balancer) = &service.load_balancer {
            let declaration = StepDeclaration { stack, name, options: &balancer.options };
            let node = added(balancer, &declaration, host, &mut used, &mut problems);
            let is_protected = service.protect;
            nodes.extend(node.map(|node| Node {
                id: Service::load_balancer_step(name),
                is_protected,
                ..node
            }));
        }
        if let Some(deployer) = deployer {
            used.deployers.entry(service.deployer.name.clone()).or_insert_with(|| deployer.clone());
            let expanded = keep(deployer.expand(name, service, &wires), &mut problems).unwrap_or_default();
            let is_protected = service.protect;
            nodes.extend(expanded.into_iter().map(|node| Node { is_protected, ..node }));
            deployers.insert(name.clone(), deployer);
        }
        tag(&mut nodes[first..], stack, &service.tags);
    }
    for (name, step) in &stack.steps {
        let declaration = StepDeclaration { stack, name, options: &step.plugin.options };
        let Some(mut node) = added(&step.plugin, &declaration, host, &mut used, &mut problems) else {
            continue;
        };
        node.id = declaration.id();
        node.after.extend(step.after.iter().cloned());
        node.is_protected = step.protect;
        let mut nodes_of_step = [node];
        tag(&mut nodes_of_step, stack, &step.tags);
        nodes.extend(nodes_of_step);
    }
    if problems.is_empty() {
        problems.extend(references::wrong(stack, &nodes));
    }
    protect_dependencies(&mut nodes);
    adopt(stack, &mut nodes, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    used.credentials.extend(credentials.values().cloned());
    nodes.extend(undeclared::nodes(stack, used, &stores, host, &nodes));
    match Graph::new(nodes) {
        Ok(graph) => Ok(Expansion { graph, deployers, credentials }),
        Err(errors) => Err(errors.iter().map(|error| Problem::new("services", error.to_string())).collect()),
    }
}

/// The node of a step that the plugin `plugin` adds.
fn added(
    plugin: &Plugin,
    declaration: &StepDeclaration<'_>,
    host: &Host<'_>,
    used: &mut Used<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Node> {
    let built = keep(host.plugins.step_plugin(plugin, host.extensions), problems)?;
    used.steps.entry(plugin.name.clone()).or_insert_with(|| built.clone());
    keep(built.node(declaration), problems)
}

/// Protects what protected steps depend on: a service does not outlast its execution role, its secrets or its cluster.
fn protect_dependencies(nodes: &mut [Node]) {
    let mut of_step = BTreeMap::<_, Vec<_>>::new();
    for node in nodes.iter() {
        of_step.entry(&node.id).or_default().push(node);
    }
    let mut protected = BTreeSet::new();
    let mut open: Vec<_> = nodes.iter().filter(|node| node.is_protected).map(|node| &node.id).collect();
    while let Some(step) = open.pop() {
        if !protected.insert(step.clone()) {
            continue;
        }
        for node in of_step.get(step).into_iter().flatten() {
            open.extend(node.inputs.iter().map(|input| &input.from).chain(&node.after));
        }
    }
    for node in nodes {
        // Services may share a step: each has a node of it.
        node.is_protected = protected.contains(&node.id);
    }
}

/// Gives `nodes` the tags of the stack, and those that are of one service alone its `own`, too.
fn tag(nodes: &mut [Node], stack: &Stack, own: &BTreeMap<String, String>) {
    let all: BTreeMap<_, _> =
        stack.tags.iter().chain(own).map(|(key, value)| (key.clone(), value.clone())).collect();
    let shared = |tags: &BTreeMap<String, String>| (!tags.is_empty()).then(|| Arc::new(tags.clone()));
    let (of_stack, of_one) = (shared(&stack.tags), shared(&all));
    for node in nodes {
        node.tags.clone_from(if node.is_shared { &of_stack } else { &of_one });
    }
}

/// Marks the steps that may adopt existing resources without an owner.
fn adopt(stack: &Stack, nodes: &mut [Node], problems: &mut Vec<Problem>) {
    let mut named = BTreeSet::new();
    for node in nodes.iter_mut().filter(|node| stack.adopt.contains(node.id.as_str())) {
        node.adopts = true;
        named.insert(node.id.clone());
    }
    for name in stack.adopt.iter().filter(|name| !named.contains(name.as_str())) {
        let help = match closest(name, nodes.iter().map(|node| node.id.as_str())) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "`longshore graph` shows the steps".to_owned(),
        };
        problems.push(Problem::new(join_key("adopt", name), "there is no such step").help(help));
    }
}

pub(crate) fn keep<T>(result: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|found| problems.extend(found)).ok()
}

/// The images that a registry's credential pulls, by registry, and those that need none, by host.
fn images(
    stack: &Stack,
    deployers: &BTreeMap<&Name, Arc<dyn ServiceDeployer>>,
) -> (BTreeMap<Name, Images>, BTreeMap<String, Images>) {
    let mut private = BTreeMap::<_, Images>::new();
    let mut others = BTreeMap::<_, Images>::new();
    for (name, service) in &stack.services {
        // Without a deployer the stack is refused.
        let platform = deployers.get(name).map(|deployer| deployer.platform(service)).unwrap_or_default();
        for container in service.containers.values() {
            let image = (container.image.clone(), platform);
            match &container.registry {
                Some(registry) => drop(private.entry(registry.clone()).or_default().insert(image)),
                None => drop(others.entry(container.image.host().to_owned()).or_default().insert(image)),
            }
        }
    }
    (private, others)
}

/// Returns the check of an anonymous pull from the host `name`: that of a declared registry with this host and without
/// an endpoint of its own, or else the default.
fn anonymous_check(stack: &Stack, name: &str, host: &Host<'_>) -> Arc<dyn PullCheck> {
    let mut registries = stack.registries.iter();
    let there = registries.find(|(_, one)| one.prefix.host() == name && one.endpoint.is_none());
    there.map_or_else(|| host.pull_check.clone(), |(registry, _)| host.check_of(registry))
}

impl Host<'_> {
    fn check_of(&self, registry: &Name) -> Arc<dyn PullCheck> {
        self.pull_checks.get(registry).unwrap_or(&self.pull_check).clone()
    }
}

fn registry_credential(
    stack: &Stack,
    name: &Name,
    stores: &Stores<'_>,
    private: &BTreeMap<Name, Images>,
    host: &Host<'_>,
    problems: &mut Vec<Problem>,
) -> Option<RegistryCredential> {
    let registry = &stack.registries[name];
    let source = keep(host.plugins.credential_source(&registry.source, host.extensions), problems);
    let store = stores.get(&registry.store)?.clone();
    if !store.capabilities().pull_credentials {
        let plugin = &stack.stores[&registry.store].plugin.name;
        problems.push(
            Problem::new(
                format!("registries.{name}.store"),
                format!("ECS cannot read pull credentials from the store `{}` ({plugin})", registry.store),
            )
            .help("name a store with use = \"secretsmanager\""),
        );
    }
    let mints = source.as_ref().is_some_and(|source| source.minter().is_some());
    if mints && store.labels().is_none() {
        let message = format!(
            "tokens cannot be made for the registry, because its store `{}` does not note which one it holds",
            registry.store
        );
        problems.push(
            Problem::new(format!("registries.{name}.store"), message).help(
                "name a store with labels, such as one with use = \"secretsmanager\", or remove `mint`",
            ),
        );
    }
    let secret = SecretSpec {
        // A secret's name must never end in a hyphen and six characters, which a registry's name may well do.
        path: format!("{}/{name}/pull", stack.name),
        name: registry.secret_name.clone(),
        description: format!(
            "Pull credential for {}, kept by Longshore for the stack {}",
            registry.prefix, stack.name
        ),
        labels: BTreeMap::new(),
    };
    let mut credential = RegistryCredential::new(name.clone(), source?, store, secret, host.check_of(name));
    credential.images = private.get(name).into_iter().flatten().cloned().collect();
    credential.endpoint.clone_from(&registry.endpoint);
    credential.path = registry.prefix.path().to_owned();
    credential.scope = PullScope {
        stack: stack.name.to_string(),
        host: registry.prefix.host().to_owned(),
        repositories: credential.images.iter().map(|(image, _)| image.repository().to_owned()).collect(),
        holder: String::new(),
    };
    Some(credential)
}

/// Declares the outputs of a step that proves pulls: the digests of the images.
fn with_digests(mut node: Node, images: &[(ImageReference, Platform)]) -> Node {
    let images: BTreeSet<_> = images.iter().map(|(image, _)| image).collect();
    for image in images {
        node = node.output(<dyn PullCheck>::digests_output(image), ValueType::DIGEST);
    }
    node
}

fn images_step(host: &str) -> StepId {
    StepId::new("images", host)
}

fn credential_step(registry: &Name) -> StepId {
    StepId::new("credential", registry)
}

fn wires(stack: &Stack, name: &Name, service: &Service) -> Wires {
    let registries = service.containers.values().filter_map(|container| container.registry.as_ref());
    let images = service.containers.values().map(|container| {
        let of_host = || images_step(container.image.host());
        (container.image.clone(), container.registry.as_ref().map_or_else(of_host, credential_step))
    });
    Wires {
        stack: stack.name.clone(),
        role: StepId::new("role", name),
        secrets: registries.map(|registry| (registry.clone(), credential_step(registry))).collect(),
        variables: container_secrets::steps(name, service),
        after: service.after.clone(),
        images: images.collect(),
    }
}
