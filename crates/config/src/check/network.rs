//! `[services.NAME.network]`

use longshore_model::{Fields, Inputs, Network, Text};

/// Reads where a service's tasks are in the network.
pub(super) fn read(fields: &mut Fields<'_>) -> Network {
    Network {
        subnets: ids(fields, "subnets", "subnet-"),
        security_groups: ids(fields, "security-groups", "sg-"),
        assign_public_ip: fields.flag("assign-public-ip"),
    }
}

/// Ids of EC2, which begin with their kind, or references.
fn ids(fields: &mut Fields<'_>, field: &str, prefix: &str) -> Vec<Text> {
    let ids = fields.texts_or_references(field).unwrap_or_default();
    let known = Inputs::default();
    let literals = ids.iter().filter(|id| id.reference().is_none()).map(|id| id.shown(&known));
    for id in literals.filter(|id| !id.starts_with(prefix)) {
        fields.problem(
            field,
            format!("found the text \"{id}\""),
            format!("must be ids that begin with {prefix}"),
        );
    }
    ids
}
