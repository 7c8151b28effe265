//! Taking back what this run changed.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::Client;
use longshore_aws::{
    failure,
    wait::{self, Probe},
};
use longshore_model::{Action, Failure, FailureKind, StepPlan};
use longshore_plugin::{Context, Result, RoleBuilder, RoleSpec, stuck};

use crate::{
    builder::IamRoles,
    desired,
    observed::{self, Observed, found},
    removal,
    write::{PATIENCE, tags},
};

impl IamRoles {
    /// A role that was made goes again, and one that was replaced is made again as it was. One that was changed gets back
    /// its policies, trust, description and tags.
    pub(crate) async fn take_back(&self, context: &Context, role: &RoleSpec, plan: &StepPlan) -> Result<()> {
        match plan.action {
            Action::NoChange => Ok(()),
            Action::Create => self.remove(context, role).await,
            action => {
                let name = desired::name(&context.stack, role);
                let before = context.kept::<Observed>().ok_or_else(|| stuck(action, &plan.resource))?;
                self.go_back(context, action, &name, &before).await.map_err(|failure| Failure {
                    help: failure
                        .help
                        .or_else(|| Some(format!("look at it with `aws iam get-role --role-name {name}`"))),
                    ..failure
                })
            }
        }
    }

    /// Looks, and goes back to `before`, until IAM has noticed everything.
    async fn go_back(&self, context: &Context, action: Action, name: &str, before: &Observed) -> Result<()> {
        let client = self.aws.iam().await?;
        let probe = |_| async move {
            let there = observed::role(client, name).await?;
            if there.as_ref().is_some_and(|role| role.path != before.path) {
                removal::delete(&self.aws, context, name).await?;
            }
            let gone_back = match there.filter(|role| role.path == before.path) {
                Some(role) => restore(client, name, before, role).await,
                // Another process has removed the role that was changed in place.
                None if action != Action::Replace => Ok(()),
                None => {
                    context.progress(format!("creating the role {name} as it was"));
                    match create(client, name, before).await {
                        Ok(role) => restore(client, name, before, role).await,
                        Err(failure) => Err(failure),
                    }
                }
            };
            match gone_back {
                Ok(()) => Ok(Probe::Done(())),
                Err(failure) if matches!(failure.kind, FailureKind::NotFound | FailureKind::Conflict) => {
                    Ok(Probe::Again(failure))
                }
                Err(failure) => Err(failure),
            }
        };
        wait::until(context, PATIENCE, probe).await
    }
}

/// Makes the role again, without its policies.
async fn create(client: &Client, name: &str, before: &Observed) -> Result<Observed> {
    let pairs: Vec<_> = before.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let request = client
        .create_role()
        .role_name(name)
        .path(&before.path)
        .set_description(before.description.clone().filter(|text| !text.is_empty()))
        .set_max_session_duration(before.max_session)
        .assume_role_policy_document(&before.trust)
        .set_permissions_boundary(before.boundary.clone())
        .set_tags(Some(tags(&pairs)?));
    request.send().await.map_err(|error| failure(&error, format!("iam:CreateRole {name}")))?;
    Ok(Observed { inline: BTreeMap::new(), managed: BTreeSet::new(), ..before.clone() })
}

/// Makes the role what it was. Gives first and takes later: tasks that start in between must not lose what they need.
async fn restore(client: &Client, name: &str, before: &Observed, role: Observed) -> Result<()> {
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
