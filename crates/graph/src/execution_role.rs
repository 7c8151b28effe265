//! The execution role of a service.

use std::{collections::BTreeMap, sync::Arc};

use longshore_model::{ContainerSecret, Name, Service, Stack, ValueType};
use longshore_plugin::{
    LogStream, Node, Readable, RoleBuilder, RoleSpec, SecretStore, ServiceDeployer, Wires,
};
use longshore_steps::{ExecutionRoleStep, KeptSecret, RegistryCredential};

use crate::container_secrets::{self, Stores};

/// As many of the stack's other secrets as a role is looked at for. A policy that is too wide seldom opens a single one.
const OTHERS: usize = 20;

/// A service as it is declared.
pub(crate) struct Declared<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) name: &'a Name,
    pub(crate) service: &'a Service,
    pub(crate) wires: &'a Wires,
}

/// The uses of the role that a deployer knows of.
#[derive(Default)]
pub(crate) struct Uses {
    log_streams: Vec<LogStream>,
    secrets: Vec<String>,
    files: Vec<String>,
}

impl Uses {
    /// The uses of the role of a service, for which `deployer` runs it.
    pub(crate) fn of(deployer: &dyn ServiceDeployer, stack: &Stack, name: &Name, service: &Service) -> Self {
        Self {
            log_streams: deployer.log_streams(&stack.name, name, service),
            secrets: deployer.secrets(name, service),
            files: deployer.files(name, service),
        }
    }
}

/// The node that builds the role.
pub(crate) fn node(
    declared: &Declared<'_>,
    builder: Arc<dyn RoleBuilder>,
    uses: Uses,
    stores: &Stores<'_>,
    secrets: &StackSecrets<'_>,
    credentials: &BTreeMap<Name, Arc<RegistryCredential>>,
) -> Node {
    let Declared { stack, name, service, wires } = declared;
    let without_credential = service.containers.values().filter(|container| container.registry.is_none());
    let readable = |arn: String| Readable { arn: arn.into(), foreseen: None, key: None };
    let mut existing = container_secrets::existing(service);
    existing.extend(uses.secrets.into_iter().map(readable));
    let role = RoleSpec {
        name: service.execution_role.name.clone(),
        secrets: existing,
        files: uses.files,
        log_streams: uses.log_streams,
        images: without_credential.map(|container| container.image.clone()).collect(),
        others: secrets.existing_of_others(declared),
        managed_policies: service.execution_role.managed_policies.values().cloned().collect(),
        ..RoleSpec::new((*name).clone())
    };
    // The secrets that the role may read, by the names of its inputs.
    let mut kept = BTreeMap::new();
    let mut inputs = Vec::new();
    for (registry, step) in &wires.secrets {
        let input = format!("secret.{registry}");
        kept.extend(credentials.get(registry).map(|credential| (input.clone(), kept_of(credential))));
        inputs.push((input, step));
    }
    let mut variables = container_secrets::kept(stack, name, service, stores);
    for (variable, step) in &wires.variables {
        let input = format!("variable.{variable}");
        kept.extend(variables.remove(variable).map(|secret| (input.clone(), secret)));
        inputs.push((input, step));
    }
    let resource = builder.resource(&stack.name, &role);
    let step =
        ExecutionRoleStep { builder, role, kept, others: secrets.kept_for_others(declared, credentials) };
    let mut node = Node { resource, ..Node::new(wires.role.clone(), Arc::new(step)) };
    for (input, step) in inputs {
        node = node.input(input, ValueType::SECRET_ARN, step, <dyn SecretStore>::ARN);
    }
    node.output(<dyn RoleBuilder>::ARN, ValueType::ROLE_ARN)
}

fn kept_of(credential: &Arc<RegistryCredential>) -> KeptSecret {
    KeptSecret { store: credential.store.clone(), secret: credential.secret.clone() }
}

/// The secrets of all services of a stack, by service.
pub(crate) struct StackSecrets<'a> {
    kept: Vec<(&'a Name, Arc<KeptSecret>)>,
    existing: Vec<(&'a Name, String)>,
}

impl<'a> StackSecrets<'a> {
    /// Collects the secrets of `stack`.
    pub(crate) fn of(stack: &'a Stack, stores: &Stores<'_>) -> Self {
        let kept = stack.services.iter().flat_map(|(name, service)| {
            let kept = container_secrets::kept(stack, name, service, stores).into_values();
            kept.map(move |kept| (name, Arc::new(kept)))
        });
        let existing = stack.services.iter().flat_map(|(name, service)| {
            let secrets = service.containers.values().flat_map(|container| container.secrets.values());
            secrets.filter_map(move |secret| match secret {
                ContainerSecret::Existing { arn, .. } => Some((name, arn.to_string())),
                ContainerSecret::Written { .. } => None,
            })
        });
        Self { kept: kept.collect(), existing: existing.collect() }
    }

    /// Returns secrets that the stack keeps for its other registries and services.
    fn kept_for_others(
        &self,
        declared: &Declared<'_>,
        credentials: &BTreeMap<Name, Arc<RegistryCredential>>,
    ) -> Vec<Arc<KeptSecret>> {
        let registries =
            credentials.iter().filter(|(registry, _)| !declared.wires.secrets.contains_key(*registry));
        let registries = registries.map(|(_, credential)| Arc::new(kept_of(credential)));
        let services = self.kept.iter().filter(|(service, _)| *service != declared.name);
        registries.chain(services.map(|(_, kept)| kept.clone())).take(OTHERS).collect()
    }

    /// Returns ARNs of secrets that the other services read and Longshore does not keep.
    fn existing_of_others(&self, declared: &Declared<'_>) -> Vec<String> {
        let services = self.existing.iter().filter(|(service, _)| *service != declared.name);
        services.map(|(_, arn)| arn.clone()).take(OTHERS).collect()
    }
}
