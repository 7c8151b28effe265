//! `[stores.NAME]`

use longshore_model::{Fields, Store};

use super::{PluginKind, Plugins};

/// Reads a secret store.
pub(super) fn read(fields: &mut Fields<'_>, plugins: &Plugins<'_>) -> Option<Store> {
    let name = Plugins::name(fields, "secretsmanager");
    let protect = fields.flag("protect").unwrap_or_default();
    Some(Store { plugin: plugins.options(PluginKind::SecretStore, name, fields)?, protect })
}
