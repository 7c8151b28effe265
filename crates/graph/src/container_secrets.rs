//! The environment variables whose values Longshore keeps in stores.

use std::{collections::BTreeMap, sync::Arc};

use longshore_model::{ContainerSecret, Name, Options, Problem, Service, Stack, StepId, ValueType};
use longshore_plugin::{ContainerVariable, Node, Readable, SecretSpec, SecretStore};
use longshore_steps::{ContainerSecretStep, KeptSecret};

use crate::expand::{Host, keep};

/// The stores of a stack, by name.
pub(crate) type Stores<'a> = BTreeMap<&'a Name, Arc<dyn SecretStore>>;

/// A variable whose value Longshore keeps.
struct Written<'a> {
    variable: ContainerVariable,
    store: &'a Name,
    value: &'a Options,
}

fn written(service: &Service) -> impl Iterator<Item = Written<'_>> {
    service.containers.iter().flat_map(|(container, declared)| {
        declared.secrets.iter().filter_map(move |(name, secret)| match secret {
            ContainerSecret::Written { store, value } => {
                let variable = ContainerVariable { container: container.clone(), name: name.clone() };
                Some(Written { variable, store, value })
            }
            ContainerSecret::Existing { .. } => None,
        })
    })
}

/// The steps that keep the variables of a service.
pub(crate) fn steps(name: &Name, service: &Service) -> BTreeMap<ContainerVariable, StepId> {
    let alone = service.containers.len() == 1 && service.containers.contains_key(name);
    written(service)
        .map(|Written { variable, .. }| {
            let of = if alone { variable.name.clone() } else { variable.to_string() };
            (variable, StepId::new("secret", format!("{name}.{of}")))
        })
        .collect()
}

/// The nodes that keep the variables of a service.
pub(crate) fn nodes(
    stack: &Stack,
    name: &Name,
    service: &Service,
    stores: &Stores<'_>,
    host: &Host<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Node> {
    let steps = steps(name, service);
    let mut nodes = Vec::new();
    for Written { variable, store: store_name, value: options } in written(service) {
        let value = keep(host.plugins.secret_value(options, host.extensions), problems);
        let Some(store) = stores.get(store_name) else { continue };
        if !store.capabilities().container_secrets {
            let plugin = &stack.stores[store_name].plugin.name;
            problems.push(
                Problem::new(
                    format!("{}.store", options.key),
                    format!("ECS cannot read environment variables from the store `{store_name}` ({plugin})"),
                )
                .help("name a store with use = \"ssm\" or use = \"secretsmanager\""),
            );
        }
        let (Some(value), Some(id)) = (value, steps.get(&variable)) else { continue };
        let secret = spec(stack, name, &variable);
        let resource = store.resource(&secret);
        let step = ContainerSecretStep::new(value, store.clone(), secret);
        let is_protected = stack.stores[store_name].protect;
        let node = Node { resource, is_protected, ..Node::new(id.clone(), Arc::new(step)) }
            .output(<dyn SecretStore>::ARN, ValueType::SECRET_ARN)
            .output(<dyn SecretStore>::WRITTEN_AT, ValueType::MOMENT);
        nodes.push(node);
    }
    nodes
}

/// The secret of a variable whose value Longshore keeps.
fn spec(stack: &Stack, service: &Name, variable: &ContainerVariable) -> SecretSpec {
    let ContainerVariable { container, name } = variable;
    SecretSpec {
        path: format!("{}/{service}/{container}/{name}", stack.name),
        description: format!(
            "{name} of the container {container} of the service {service}, kept by Longshore for the stack {}",
            stack.name
        ),
        ..SecretSpec::default()
    }
}

/// Returns the kept secrets of a service's variables, by variable.
pub(crate) fn kept(
    stack: &Stack,
    name: &Name,
    service: &Service,
    stores: &Stores<'_>,
) -> BTreeMap<ContainerVariable, KeptSecret> {
    let kept = written(service).filter_map(|Written { variable, store, .. }| {
        let (store, secret) = (stores.get(store)?.clone(), spec(stack, name, &variable));
        Some((variable, KeptSecret { store, secret }))
    });
    kept.collect()
}

/// The secrets and parameters of a service that are there already.
pub(crate) fn existing(service: &Service) -> Vec<Readable> {
    let secrets = service.containers.values().flat_map(|container| container.secrets.values());
    let existing = secrets.filter_map(|secret| match secret {
        ContainerSecret::Existing { arn, kms_key } => {
            Some(Readable { arn: arn.to_string().into(), foreseen: None, key: kms_key.clone() })
        }
        ContainerSecret::Written { .. } => None,
    });
    existing.collect()
}
