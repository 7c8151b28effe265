//! The actual roles.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::RoleDetail,
};
use longshore_aws::{Aws, Listed, failure};
use longshore_model::FailureKind;
use longshore_plugin::Result;

use crate::document::decoded;

/// A role as IAM describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) arn: String,
    pub(crate) path: String,
    /// The description, empty if the role has no description, `None` if it is unknown.
    pub(crate) description: Option<String>,
    /// The longest session, in seconds; nothing where it is not known.
    pub(crate) max_session: Option<i32>,
    /// The trust policy as JSON.
    pub(crate) trust: String,
    /// The ARN of the permissions boundary.
    pub(crate) boundary: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    /// The inline policies as JSON, by name.
    pub(crate) inline: BTreeMap<String, String>,
    /// The ARNs of the managed policies.
    pub(crate) managed: BTreeSet<String>,
}

/// The role alone, without its policies.
pub(crate) async fn role(client: &Client, name: &str) -> Result<Option<Observed>> {
    let answer = client.get_role().role_name(name).send().await;
    let Some(answer) = found(answer, &format!("iam:GetRole {name}"))? else { return Ok(None) };
    Ok(answer.role.map(|role| Observed {
        arn: role.arn,
        path: role.path,
        // IAM leaves a description out that there is not.
        description: Some(role.description.unwrap_or_default()),
        max_session: role.max_session_duration,
        trust: decoded(&role.assume_role_policy_document.unwrap_or_default()),
        boundary: role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
        tags: role.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect(),
        ..Observed::default()
    }))
}

/// The role with its policies, as the account's list has it: without what [`with_settings`] adds.
pub(crate) fn of_detail(role: &RoleDetail) -> Observed {
    let boundary = role.permissions_boundary.as_ref();
    let inline = role.role_policy_list().iter().filter_map(|policy| {
        Some((policy.policy_name.clone()?, decoded(policy.policy_document.as_deref()?)))
    });
    let managed = role.attached_managed_policies().iter().filter_map(|policy| policy.policy_arn.clone());
    Observed {
        arn: role.arn.clone().unwrap_or_default(),
        path: role.path.clone().unwrap_or_default(),
        description: None,
        max_session: None,
        trust: decoded(role.assume_role_policy_document().unwrap_or_default()),
        boundary: boundary.and_then(|boundary| boundary.permissions_boundary_arn.clone()),
        tags: role.tags().iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
        inline: inline.collect(),
        managed: managed.collect(),
    }
}

/// The role with its description and its longest session, which the account's details lack: from the list of roles, or
/// else from the role itself. Unreported settings stay unknown.
pub(crate) async fn with_settings(aws: &Aws, name: &str, role: Observed) -> Result<Observed> {
    if let Listed::Found(listed) = aws.reads().role_settings(name).await?
        && let (Some(description), Some(seconds)) = (&listed.description, listed.max_session_duration)
    {
        return Ok(Observed { description: Some(description.clone()), max_session: Some(seconds), ..role });
    }
    // Not listed, or without a description: that it has none, an emulator's list does not tell.
    let Some(alone) = self::role(aws.iam().await?, name).await? else { return Ok(role) };
    Ok(Observed { description: alone.description, max_session: alone.max_session, ..role })
}

/// Reads the policies of a role.
pub(crate) async fn policies(client: &Client, name: &str, role: Observed) -> Result<Observed> {
    let mut inline = BTreeMap::new();
    for policy in inline_names(client, name).await? {
        let answer = client.get_role_policy().role_name(name).policy_name(&policy).send().await;
        if let Some(answer) = found(answer, &format!("iam:GetRolePolicy {name} {policy}"))? {
            inline.insert(policy, decoded(&answer.policy_document));
        }
    }
    Ok(Observed { inline, managed: managed_arns(client, name).await?, ..role })
}

/// The names of a role's inline policies.
pub(crate) async fn inline_names(client: &Client, name: &str) -> Result<Vec<String>> {
    let mut pages = client.list_role_policies().role_name(name).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let Some(page) = found(page, &format!("iam:ListRolePolicies {name}"))? else { break };
        names.extend(page.policy_names);
    }
    Ok(names)
}

/// The ARNs of a role's managed policies.
pub(crate) async fn managed_arns(client: &Client, name: &str) -> Result<BTreeSet<String>> {
    let mut pages = client.list_attached_role_policies().role_name(name).into_paginator().send();
    let mut arns = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let Some(page) = found(page, &format!("iam:ListAttachedRolePolicies {name}"))? else { break };
        arns.extend(
            page.attached_policies.unwrap_or_default().into_iter().filter_map(|policy| policy.policy_arn),
        );
    }
    Ok(arns)
}

/// An answer, or nothing where there is no such thing.
pub(crate) fn found<T, E>(answer: std::result::Result<T, SdkError<E>>, at: &str) -> Result<Option<T>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => {
            let failure = failure(&error, at);
            if failure.kind == FailureKind::NotFound { Ok(None) } else { Err(failure) }
        }
    }
}
