//! Making secrets as they are declared, and removing them.

use std::time::Duration;

use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::Tag,
};
use longshore_aws::{
    Owner, Ownership, code, failure,
    wait::{self, Patience, Probe},
};
use longshore_model::{Failure, FailureKind, Secret};
use longshore_plugin::{Context, Result, SecretSpec};

use crate::{
    difference::{Desired, Difference},
    labels,
    observed::{self, Observed},
    rotate::unstage,
    store::{SecretsManager, require_ours, resource},
    token,
};

/// The time limit for retries when another process writes at the same time, or when a deletion without recovery, which
/// takes effect a little later, still holds the name.
const PATIENCE: Patience = Patience::of(Duration::from_secs(60));

/// Only the stage AWSCURRENT is read at a task's launch.
pub(crate) const CURRENT_STAGE: &str = "AWSCURRENT";

impl SecretsManager {
    /// Looks, and does what is missing, until nothing is. So it makes no difference where an earlier run ended.
    pub(crate) async fn converge(
        &self,
        context: &Context,
        secret: &SecretSpec,
        value: &Secret<String>,
    ) -> Result<String> {
        let name = self.name(secret)?;
        self.check(value).await?;
        let client = self.aws.secretsmanager().await?;
        let ownership = Ownership::of(context);
        let key = self.key().await?;
        let desired = &self.desired(&name, secret, value, &ownership, key.as_deref());
        let probe = |attempt| async move {
            let Some(observed) = observed::describe(client, desired.name).await? else {
                context.progress(format!("creating the secret {}", desired.name));
                return create(client, desired, attempt).await;
            };
            require_ours(desired.name, &observed, desired.ownership)?;
            let observed = self.with_key_arn(observed).await;
            if observed.deleted.is_some() {
                context.progress(format!("restoring the secret {}", desired.name));
                return restore(client, desired, &observed).await;
            }
            context.keep_first(|| observed.clone());
            update(context, client, desired, &observed, attempt).await
        };
        let arn = wait::until(context, PATIENCE, probe).await?;
        self.replicate(context, client, desired).await?;
        Ok(arn)
    }

    /// Schedules the deletion of a secret that the stack owns.
    pub(crate) async fn schedule_deletion(&self, context: &Context, secret: &SecretSpec) -> Result<()> {
        let name = self.name(secret)?;
        let client = self.aws.secretsmanager().await?;
        let Some(observed) = observed::describe(client, &name).await? else { return Ok(()) };
        let ownership = Ownership::of(context);
        if observed.deleted.is_some() || ownership.owner(observed.tags()) != Owner::Ours {
            return Ok(());
        }
        require_unprotected(&ownership, &name, &observed)?;
        self.remove_replicas(context, client, &name, &observed).await?;
        context.progress(format!("scheduling the deletion of the secret {name}"));
        let window = i64::from(self.options.recovery_window_days);
        let (arn, name) = (&observed.arn, name.as_str());
        let delete = || async move {
            let request = client.delete_secret().secret_id(arn).recovery_window_in_days(window);
            match request.send().await {
                Err(error) if !is_gone(&error) => {
                    return Err(failure(&error, format!("secretsmanager:DeleteSecret {name}")));
                }
                _ => {}
            }
            Ok(observed::describe(client, name).await?.is_none_or(|secret| secret.deleted.is_some()))
        };
        wait::until_deleted(context, &resource(name), delete).await
    }
}

/// Makes sure that the secret may be removed.
pub(crate) fn require_unprotected(ownership: &Ownership, name: &str, observed: &Observed) -> Result<()> {
    let checked = ownership.require_unprotected(resource(name), observed.tags());
    checked.map_err(|failure| failure.at(format!("secretsmanager:DescribeSecret {name}")))
}

async fn create(client: &Client, desired: &Desired<'_>, attempt: u32) -> Result<Probe<String>> {
    let ownership = desired.ownership.tags().into_iter().map(|(key, value)| (key.to_owned(), value));
    let noted = desired.labels.iter().map(|(label, value)| (labels::tag(label), value.as_str()));
    let own = desired.own_tags.iter().map(|(key, value)| (key.clone(), value.as_str()));
    let tags = ownership.chain(noted).chain(own);
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
    let request = client
        .create_secret()
        .name(desired.name)
        .description(desired.description)
        .set_kms_key_id(desired.kms_key.map(str::to_owned))
        .set_tags(Some(tags.collect()))
        .secret_string(desired.value.expose())
        .client_request_token(token::of_creation(desired.name, attempt));
    match request.send().await {
        Ok(answer) => Ok(Probe::Done(answer.arn.unwrap_or_default())),
        Err(error) => {
            let deleting = is_being_deleted(&error);
            let failure = failure(&error, format!("secretsmanager:CreateSecret {}", desired.name));
            // Another process was faster, or a deletion without recovery still holds the name.
            if deleting || failure.kind == FailureKind::Conflict {
                Ok(Probe::Again(failure))
            } else {
                Err(failure)
            }
        }
    }
}

async fn restore(client: &Client, desired: &Desired<'_>, secret: &Observed) -> Result<Probe<String>> {
    let at = format!("secretsmanager:RestoreSecret {}", desired.name);
    let request = client.restore_secret().secret_id(&secret.arn);
    request.send().await.map_err(|error| failure(&error, &at))?;
    let message = "the secret was restored and is still reported as deleted";
    Ok(Probe::Again(Failure::new(FailureKind::Unavailable, message).at(at)))
}

async fn update(
    context: &Context,
    client: &Client,
    desired: &Desired<'_>,
    secret: &Observed,
    attempt: u32,
) -> Result<Probe<String>> {
    let current = observed::current(client, desired.name, secret).await?;
    let difference = Difference::between(secret, Some(&current), desired);
    if !difference.is_empty() {
        context.progress(format!("updating the secret {}", desired.name));
    }
    set_tags(client, desired.name, secret, &difference.tags).await?;
    unset_tags(client, desired.name, secret, &difference.surplus).await?;
    if difference.description || difference.kms_key {
        let mut request = client.update_secret().secret_id(&secret.arn);
        if difference.description {
            request = request.description(desired.description);
        }
        if difference.kms_key {
            // The empty text means the key that AWS manages (API reference, UpdateSecret).
            request = request.kms_key_id(desired.kms_key.unwrap_or_default());
        }
        let at = format!("secretsmanager:UpdateSecret {}", desired.name);
        request.send().await.map_err(|error| failure(&error, at))?;
    }
    if let Some(version) = &difference.unstage {
        unstage(client, desired.name, secret, version).await?;
    }
    if difference.value { put_value(client, desired, secret, attempt).await } else { Ok(done(secret)) }
}

pub(crate) async fn set_tags(
    client: &Client,
    name: &str,
    secret: &Observed,
    tags: &[(String, String)],
) -> Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    let request = client.tag_resource().secret_id(&secret.arn).set_tags(Some(tags.collect()));
    let at = format!("secretsmanager:TagResource {name}");
    request.send().await.map(drop).map_err(|error| failure(&error, at))
}

pub(crate) async fn unset_tags(
    client: &Client,
    name: &str,
    secret: &Observed,
    keys: &[String],
) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let request = client.untag_resource().secret_id(&secret.arn).set_tag_keys(Some(keys.to_vec()));
    let at = format!("secretsmanager:UntagResource {name}");
    request.send().await.map(drop).map_err(|error| failure(&error, at))
}

async fn put_value(
    client: &Client,
    desired: &Desired<'_>,
    secret: &Observed,
    attempt: u32,
) -> Result<Probe<String>> {
    let at = format!("secretsmanager:PutSecretValue {}", desired.name);
    let request = client
        .put_secret_value()
        .secret_id(&secret.arn)
        .secret_string(desired.value.expose())
        .client_request_token(token::of_next_version(secret, attempt));
    match request.send().await {
        // A token that was used before, with the same value, writes nothing: the version need not be the current one.
        Ok(answer) if answer.version_stages().iter().any(|stage| stage == CURRENT_STAGE) => Ok(done(secret)),
        Ok(_) => {
            let message = "the value was stored before, in a version that is not the current one";
            Ok(Probe::Again(Failure::new(FailureKind::Conflict, message).at(at)))
        }
        Err(error) => {
            let failure = failure(&error, at);
            if failure.kind == FailureKind::Conflict { Ok(Probe::Again(failure)) } else { Err(failure) }
        }
    }
}

fn done(secret: &Observed) -> Probe<String> {
    Probe::Done(secret.arn.clone())
}

/// Returns true if the name of a new secret is held by one whose deletion takes effect a little later.
fn is_being_deleted<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let message = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
    code(error) == Some("InvalidRequestException") && message.contains("scheduled for deletion")
}

/// Returns true if what is to be deleted is deleted already.
fn is_gone<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let message = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
    let deleted = message.contains("scheduled for deletion") || message.contains("marked for deletion");
    match code(error) {
        Some("ResourceNotFoundException") => true,
        Some("InvalidRequestException") => deleted,
        _ => false,
    }
}
