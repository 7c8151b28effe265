//! `[adopt]`

use std::collections::BTreeSet;

use longshore_model::Fields;

/// Reads the steps that may adopt existing resources without an owner: `"role.api" = true`.
pub(super) fn read(fields: &mut Fields<'_>) -> BTreeSet<String> {
    fields.names().into_iter().filter(|step| fields.flag(step).unwrap_or(false)).collect()
}
