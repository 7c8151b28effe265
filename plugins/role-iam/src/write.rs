//! Making roles as they are declared.

use std::time::Duration;

use aws_sdk_iam::{
    Client,
    error::{BuildError, ProvideErrorMetadata, SdkError},
    types::Tag,
};
use longshore_aws::{
    failure,
    wait::{self, Patience, Probe},
};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Result};

use crate::{
    builder::{IamRoles, require_usable},
    desired::{Desired, Inline, MAX_SESSION},
    difference::Difference,
    observed::{self, Observed},
    removal,
};

/// The time limit for IAM until a role that was just removed or created can be created or changed, and until another
/// process's change at the same time is over.
pub(crate) const PATIENCE: Patience = Patience::of(Duration::from_secs(30));

impl IamRoles {
    /// Looks, and does what is missing, until nothing is. So it makes no difference where an earlier run ended.
    pub(crate) async fn converge(&self, context: &Context, desired: &Desired) -> Result<()> {
        let client = self.aws.iam().await?;
        let probe = |_| async move {
            match self.attempt(context, client, desired).await {
                Ok(()) => Ok(Probe::Done(())),
                // The role is gone meanwhile, not visible everywhere yet, or changed by another process at the same
                // time.
                Err(Problem::Passing(failure)) => Ok(Probe::Again(failure)),
                Err(Problem::Lasting(failure)) => Err(failure),
            }
        };
        wait::until(context, PATIENCE, probe).await
    }

    async fn attempt(
        &self,
        context: &Context,
        client: &Client,
        desired: &Desired,
    ) -> std::result::Result<(), Problem> {
        let name = &desired.name;
        let found = match observed::role(client, name).await? {
            Some(observed) => {
                require_usable(&observed, desired)?;
                let observed = observed::policies(client, name, observed).await?;
                context.keep_first(|| observed.clone());
                Some(observed)
            }
            None => None,
        };
        let observed = match found {
            Some(observed) if observed.path == desired.path => observed,
            found => {
                if let Some(old) = found {
                    context.progress(format!("removing the role {name} with the path {}", old.path));
                    removal::delete(&self.aws, context, name).await?;
                }
                context.progress(format!("creating the role {name}"));
                let kept = context.kept::<Observed>().map(|before| before.tags).unwrap_or_default();
                create(client, desired, kept).await?
            }
        };
        let difference = Difference::between(&observed, desired);
        if !difference.is_empty() {
            context.progress(format!("writing the policies of the role {name}"));
        }
        change_role(client, desired, &difference).await?;
        grant(client, desired, &difference).await?;
        revoke(client, desired, &difference).await
    }
}

/// True if it makes sense to look and try again.
enum Problem {
    Passing(Failure),
    Lasting(Failure),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Lasting(failure)
    }
}

/// The problem that a refused change of a role is.
fn refused<E>(error: &SdkError<E>, at: String) -> Problem
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let failure = failure(error, at);
    match failure.kind {
        // The role exists; a managed policy is missing, which another owner would have to create.
        _ if failure.message.contains("not attachable") => Problem::Lasting(
            failure.help("correct `execution-role.managed-policies` or `permissions-boundary`"),
        ),
        FailureKind::NotFound | FailureKind::Conflict => Problem::Passing(failure),
        _ => Problem::Lasting(failure),
    }
}

/// Makes a role with everything that can be given at once, and answers with what is then there. It keeps the tags of the
/// one that it replaces.
async fn create(
    client: &Client,
    desired: &Desired,
    kept: Vec<(String, String)>,
) -> std::result::Result<Observed, Problem> {
    let own = desired.ownership.tags().into_iter();
    let mut all: Vec<_> = own.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let is_new = |(key, _): &(String, String)| !all.iter().any(|(own, _)| own.eq_ignore_ascii_case(key));
    let kept: Vec<_> = kept.into_iter().filter(is_new).collect();
    all.extend(kept);
    let pairs: Vec<_> = all.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let request = client
        .create_role()
        .role_name(&desired.name)
        .path(&desired.path)
        .description(&desired.description)
        .assume_role_policy_document(&desired.trust)
        .set_permissions_boundary(desired.boundary.clone())
        .set_tags(Some(tags(&pairs)?));
    request.send().await.map_err(|error| refused(&error, format!("iam:CreateRole {}", desired.name)))?;
    Ok(Observed {
        arn: desired.arn.clone(),
        path: desired.path.clone(),
        trust: desired.trust.clone(),
        boundary: desired.boundary.clone(),
        tags: all,
        ..Observed::default()
    })
}

async fn change_role(
    client: &Client,
    desired: &Desired,
    difference: &Difference,
) -> std::result::Result<(), Problem> {
    let name = &desired.name;
    if !difference.tags.is_empty() {
        let pairs: Vec<_> =
            difference.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let request = client.tag_role().role_name(name).set_tags(Some(tags(&pairs)?));
        request.send().await.map_err(|error| refused(&error, format!("iam:TagRole {name}")))?;
    }
    if difference.description || difference.max_session {
        // Always both: a session that an update does not name becomes that of an hour again (API reference, UpdateRole).
        let request = client.update_role().role_name(name).description(&desired.description);
        let request = request.max_session_duration(MAX_SESSION);
        request.send().await.map_err(|error| refused(&error, format!("iam:UpdateRole {name}")))?;
    }
    if difference.trust {
        let request = client.update_assume_role_policy().role_name(name).policy_document(&desired.trust);
        let at = format!("iam:UpdateAssumeRolePolicy {name}");
        request.send().await.map_err(|error| refused(&error, at))?;
    }
    if difference.boundary {
        let request = client.put_role_permissions_boundary().role_name(name);
        let request = request.set_permissions_boundary(desired.boundary.clone());
        let at = format!("iam:PutRolePermissionsBoundary {name}");
        request.send().await.map_err(|error| refused(&error, at))?;
    }
    Ok(())
}

/// Gives first and takes later: tasks that start in between must not lose what they need.
async fn grant(
    client: &Client,
    desired: &Desired,
    difference: &Difference,
) -> std::result::Result<(), Problem> {
    let name = &desired.name;
    for policy in &difference.inline {
        let Some(Inline::Document(document)) = desired.inline.get(policy) else {
            return Err(Failure::new(FailureKind::Internal, "a secret's ARN is not known at apply").into());
        };
        let request = client.put_role_policy().role_name(name).policy_name(*policy).policy_document(document);
        let at = format!("iam:PutRolePolicy {name} {policy}");
        request.send().await.map_err(|error| refused(&error, at))?;
    }
    for policy in &difference.attach {
        let request = client.attach_role_policy().role_name(name).policy_arn(policy);
        let at = format!("iam:AttachRolePolicy {name} {policy}");
        request.send().await.map_err(|error| refused(&error, at))?;
    }
    Ok(())
}

async fn revoke(
    client: &Client,
    desired: &Desired,
    difference: &Difference,
) -> std::result::Result<(), Problem> {
    let name = &desired.name;
    for policy in &difference.obsolete_inline {
        let request = client.delete_role_policy().role_name(name).policy_name(policy);
        let at = format!("iam:DeleteRolePolicy {name} {policy}");
        request.send().await.map_err(|error| refused(&error, at))?;
    }
    for policy in &difference.detach {
        let request = client.detach_role_policy().role_name(name).policy_arn(policy);
        let at = format!("iam:DetachRolePolicy {name} {policy}");
        request.send().await.map_err(|error| refused(&error, at))?;
    }
    Ok(())
}

pub(crate) fn tags(pairs: &[(&str, &str)]) -> Result<Vec<Tag>> {
    // Those of AWS's own come and go without us.
    let settable = pairs.iter().filter(|(key, _)| !key.starts_with("aws:"));
    let tags: std::result::Result<_, BuildError> =
        settable.map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
    tags.map_err(|error| Failure::new(FailureKind::Internal, format!("a tag cannot be built: {error}")))
}
