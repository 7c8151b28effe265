//! The steps that find and remove what the stack owns and nothing declares any more.

use std::{collections::BTreeMap, sync::Arc};

use longshore_model::{Name, Stack, StepId};
use longshore_plugin::{Declared, Node, RoleBuilder, SecretStore, ServiceDeployer, StepPlugin, Undeclared};
use longshore_steps::{RegistryCredential, Revokers, UndeclaredSecretsStep, UndeclaredStep};

use crate::{container_secrets::Stores, expand::Host};

/// The plugins and registries that the stack uses: plugins by the names that the configuration calls them, and
/// registries.
#[derive(Default)]
pub(crate) struct Used<'a> {
    pub(crate) roles: BTreeMap<String, Arc<dyn RoleBuilder>>,
    pub(crate) deployers: BTreeMap<String, Arc<dyn ServiceDeployer>>,
    pub(crate) steps: BTreeMap<String, Arc<dyn StepPlugin>>,
    pub(crate) credentials: Vec<Arc<RegistryCredential>>,
    /// The registries that are marked as removed, each with its store.
    pub(crate) removed: Vec<(&'a Name, Arc<RegistryCredential>)>,
}

/// One step for each kind of resource. The last service of a stack may have left the configuration: so plugins look that
/// the stack does not use any more, as far as they need no options for that. Whatever uses other resources goes first.
pub(crate) fn nodes(
    stack: &Stack,
    mut used: Used<'_>,
    stores: &Stores<'_>,
    host: &Host<'_>,
    made: &[Node],
) -> Vec<Node> {
    let declared = Arc::new(Declared::by(made));
    for (name, builder) in host.plugins.role_builders(host.extensions) {
        used.roles.entry(name.to_owned()).or_insert(builder);
    }
    for (name, deployer) in host.plugins.service_deployers(host.extensions) {
        used.deployers.entry(name.to_owned()).or_insert(deployer);
    }
    for (name, plugin) in host.plugins.step_plugins(host.extensions) {
        used.steps.entry(name.to_owned()).or_insert(plugin);
    }
    let of_steps = used.steps.values().flat_map(|plugin| plugin.undeclared());
    let of_deployers = used.deployers.values().flat_map(|deployer| deployer.undeclared());
    let of_roles = used.roles.values().flat_map(|builder| builder.undeclared());
    let (users, others): (Vec<_>, Vec<_>) =
        of_deployers.chain(of_roles).chain(of_steps).partition(|undeclared| undeclared.uses_others());

    let node = |undeclared: Arc<dyn Undeclared>| {
        let id = StepId::new("undeclared", undeclared.what());
        let step = UndeclaredStep { undeclared, declared: declared.clone() };
        Node::new(id, Arc::new(step)).last()
    };
    let users: Vec<_> = users.into_iter().map(|user| Node { is_removed_first: true, ..node(user) }).collect();
    let after: Vec<_> = users.iter().map(|user| user.id.clone()).collect();
    let others = others.into_iter().map(node).chain(secrets(stack, &used, stores, host, &declared));
    let others: Vec<_> = others.map(|other| Node { after: after.clone(), ..other }).collect();
    users.into_iter().chain(others).collect()
}

/// One step for each kind of store, whatever their number: its secrets that carry the stack's tag are found wherever they
/// are.
fn secrets(
    stack: &Stack,
    used: &Used<'_>,
    stores: &Stores<'_>,
    host: &Host<'_>,
    declared: &Arc<Declared>,
) -> Vec<Node> {
    let mut kinds: BTreeMap<String, Arc<dyn SecretStore>> = BTreeMap::new();
    for (name, store) in stores {
        kinds.entry(stack.stores[*name].plugin.name.clone()).or_insert_with(|| store.clone());
    }
    for (kind, store) in host.plugins.secret_stores(host.extensions) {
        kinds.entry(kind.to_owned()).or_insert(store);
    }
    let node = |(kind, store): (String, Arc<dyn SecretStore>)| {
        let id = StepId::new("undeclared-secrets", &kind);
        let is_here = |(name, _): &&(&Name, _)| stack.stores[*name].plugin.name == kind;
        let removed = used.removed.iter().filter(is_here).map(|(_, credential)| credential.clone()).collect();
        let revokers = Revokers { declared: used.credentials.clone(), removed };
        let step = UndeclaredSecretsStep { name: kind, store, declared: declared.clone(), revokers };
        Node::new(id, Arc::new(step)).last()
    };
    kinds.into_iter().map(node).collect()
}
