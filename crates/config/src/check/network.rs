//! `[services.NAME.network]`

use longshore_model::{Fields, Network};

/// Reads where a service's tasks are in the network.
pub(super) fn read(fields: &mut Fields<'_>) -> Network {
    Network {
        subnets: ids(fields, "subnets", "subnet-"),
        security_groups: ids(fields, "security-groups", "sg-"),
        assign_public_ip: fields.flag("assign-public-ip"),
    }
}

/// Ids of EC2, which begin with their kind.
fn ids(fields: &mut Fields<'_>, field: &str, prefix: &str) -> Vec<String> {
    let ids = fields.texts(field).unwrap_or_default();
    for id in ids.iter().filter(|id| !id.starts_with(prefix)) {
        fields.problem(
            field,
            format!("found the text \"{id}\""),
            format!("must be ids that begin with {prefix}"),
        );
    }
    ids
}
