//! `[steps.NAME]`

use longshore_model::{AddedStep, Fields, StepId};

use super::{PluginKind, Plugins, tags};

/// Reads a step that is added to the graph.
pub(super) fn read(fields: &mut Fields<'_>, plugins: &Plugins<'_>) -> Option<AddedStep> {
    let name = Plugins::name(fields, "target-group");
    let after = after(fields);
    let tags = fields.table("tags", |fields| Some(tags::read(fields)));
    let protect = fields.flag("protect").unwrap_or_default();
    let plugin = plugins.options(PluginKind::Step, name, fields)?;
    Some(AddedStep { plugin, after, tags: tags.unwrap_or_default(), protect })
}

/// Reads `after`: the steps that come first.
pub(super) fn after(fields: &mut Fields<'_>) -> Vec<StepId> {
    let steps = fields.texts("after").unwrap_or_default();
    steps.iter().map(|step| StepId::named(step)).collect()
}
