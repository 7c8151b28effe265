//! Taking back what this run changed.

use aws_sdk_iam::Client;
use longshore_aws::failure;
use longshore_model::{Action, Failure, StepPlan};
use longshore_plugin::{Context, Result, RoleBuilder, RoleSpec, stuck};

use crate::{
    builder::IamRoles,
    desired,
    observed::{self, Observed, found},
    write::tags,
};

impl IamRoles {
    /// A role that was made goes again; one that was changed gets back its policies, trust, description and tags.
    pub(crate) async fn take_back(&self, context: &Context, role: &RoleSpec, plan: &StepPlan) -> Result<()> {
        match plan.action {
            Action::NoChange => Ok(()),
            Action::Create => self.remove(context, role).await,
            action => {
                let name = desired::name(&context.stack, role);
                let before = self.before.of(&name).ok_or_else(|| stuck(action, &plan.resource))?;
                restore(self.aws.iam().await?, &name, &before).await.map_err(|failure| Failure {
                    help: failure
                        .help
                        .or_else(|| Some(format!("look at it with `aws iam get-role --role-name {name}`"))),
                    ..failure
                })
            }
        }
    }
}

/// Makes the role what it was. Gives first and takes later: tasks that start in between must not lose what they need.
async fn restore(client: &Client, name: &str, before: &Observed) -> Result<()> {
    let Some(role) = observed::role(client, name).await? else { return Ok(()) };
    let now = observed::policies(client, name, role).await?;
    if (&now.description, now.max_session) != (&before.description, before.max_session) {
        let request = client.update_role().role_name(name).set_description(before.description.clone());
        let request = request.set_max_session_duration(before.max_session);
        request.send().await.map_err(|error| failure(&error, format!("iam:UpdateRole {name}")))?;
    }
    if now.trust != before.trust {
        let request = client.update_assume_role_policy().role_name(name).policy_document(&before.trust);
        let at = format!("iam:UpdateAssumeRolePolicy {name}");
        request.send().await.map_err(|error| failure(&error, at))?;
    }
    if let Some(boundary) = before.boundary.as_ref().filter(|_| now.boundary != before.boundary) {
        let request = client.put_role_permissions_boundary().role_name(name).permissions_boundary(boundary);
        let at = format!("iam:PutRolePermissionsBoundary {name}");
        request.send().await.map_err(|error| failure(&error, at))?;
    }
    for (policy, document) in
        before.inline.iter().filter(|(policy, document)| now.inline.get(*policy) != Some(*document))
    {
        let request = client.put_role_policy().role_name(name).policy_name(policy).policy_document(document);
        let at = format!("iam:PutRolePolicy {name} {policy}");
        request.send().await.map_err(|error| failure(&error, at))?;
    }
    for policy in before.managed.difference(&now.managed) {
        let request = client.attach_role_policy().role_name(name).policy_arn(policy);
        let at = format!("iam:AttachRolePolicy {name} {policy}");
        request.send().await.map_err(|error| failure(&error, at))?;
    }
    take(client, name, before, &now).await
}

/// Takes what the role did not have, its tags last: they say who may do this.
async fn take(client: &Client, name: &str, before: &Observed, now: &Observed) -> Result<()> {
    for policy in now.inline.keys().filter(|policy| !before.inline.contains_key(*policy)) {
        let answer = client.delete_role_policy().role_name(name).policy_name(policy).send().await;
        found(answer, &format!("iam:DeleteRolePolicy {name} {policy}"))?;
    }
    for policy in now.managed.difference(&before.managed) {
        let answer = client.detach_role_policy().role_name(name).policy_arn(policy).send().await;
        found(answer, &format!("iam:DetachRolePolicy {name} {policy}"))?;
    }
    if now.boundary.is_some() && before.boundary.is_none() {
        let answer = client.delete_role_permissions_boundary().role_name(name).send().await;
        found(answer, &format!("iam:DeleteRolePermissionsBoundary {name}"))?;
    }
    let pairs: Vec<_> = before
        .tags
        .iter()
        .filter(|tag| !now.tags.contains(tag))
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    if !pairs.is_empty() {
        let request = client.tag_role().role_name(name).set_tags(Some(tags(&pairs)?));
        request.send().await.map_err(|error| failure(&error, format!("iam:TagRole {name}")))?;
    }
    let is_new = |key: &&String| !before.tags.iter().any(|(old, _)| old == *key);
    let new: Vec<_> = now.tags.iter().map(|(key, _)| key).filter(is_new).cloned().collect();
    if !new.is_empty() {
        let request = client.untag_role().role_name(name).set_tag_keys(Some(new));
        request.send().await.map_err(|error| failure(&error, format!("iam:UntagRole {name}")))?;
    }
    Ok(())
}
