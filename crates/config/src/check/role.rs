//! `[services.NAME.execution-role]`

use std::collections::BTreeMap;

use longshore_model::{Arn, ExecutionRole, Fields, Name, consists_of};

use super::{PluginKind, Plugins};

/// Reads an execution role.
pub(super) fn read(fields: &mut Fields<'_>, plugins: &Plugins<'_>) -> Option<ExecutionRole> {
    let builder = Plugins::name(fields, "iam");
    // IAM API reference, `CreateRole`.
    let name = fields.accepted(
        "name",
        |text| consists_of(text, "+=,.@-_", 64),
        "at most 64 letters, digits and +=,.@-_",
    );
    let managed_policies = fields.table("managed-policies", |fields| Some(managed_policies(fields)));
    let builder = plugins.options(PluginKind::RoleBuilder, builder, fields);
    Some(ExecutionRole { builder: builder?, name, managed_policies: managed_policies.unwrap_or_default() })
}

fn managed_policies(fields: &mut Fields<'_>) -> BTreeMap<Name, String> {
    let wanted = "an ARN, or the path and name of a policy that AWS manages, such as \"service-role/AmazonECSTaskExecutionRolePolicy\"";
    let mut policies = BTreeMap::new();
    for field in fields.names() {
        let Some(name) = fields.name_of(&field) else { continue };
        if let Some(policy) = fields.accepted(&field, is_policy, wanted) {
            policies.insert(name, policy);
        }
    }
    policies
}

fn is_policy(text: &str) -> bool {
    if text.starts_with("arn:") {
        let is_policy = |arn: Arn| arn.service() == "iam" && arn.resource().starts_with("policy/");
        return text.parse().is_ok_and(is_policy);
    }
    consists_of(text, "+=,.@-_/", 512) && !text.starts_with('/') && !text.ends_with('/')
}

/// Returns true if `text` is the ARN of a role.
pub(super) fn is_role(text: &str) -> bool {
    let is_role = |arn: Arn| arn.service() == "iam" && arn.resource().starts_with("role/");
    text.parse().is_ok_and(is_role)
}
