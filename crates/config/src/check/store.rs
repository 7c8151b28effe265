//! `[stores.NAME]`

use longshore_model::{Fields, Plugin};

use super::{PluginKind, Plugins};

/// Reads a secret store.
pub(super) fn read(fields: &mut Fields<'_>, plugins: &Plugins) -> Option<Plugin> {
    let name = Plugins::name(fields, "secretsmanager");
    plugins.options(PluginKind::SecretStore, name, fields)
}
