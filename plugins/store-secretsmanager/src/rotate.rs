//! Reading back and rotating: a new value waits as AWSPENDING until it is proved, then becomes AWSCURRENT. The value
//! before stays as AWSPREVIOUS by Secrets Manager's own rule (API reference, UpdateSecretVersionStage).

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use longshore_aws::{
    Owner, Ownership, failure,
    wait::{self, Patience, Probe},
};
use longshore_model::{Failure, FailureKind, Secret};
use longshore_plugin::{Context, Result, SecretSpec, Stored};

use crate::{
    labels,
    observed::{self, Current, Observed},
    store::{SecretsManager, require_ours},
    token,
    write::{CURRENT_STAGE, set_tags, unset_tags},
};

/// The stage of a value that is not proved yet.
pub(crate) const PENDING_STAGE: &str = "AWSPENDING";

/// The stage of the value before the current one.
pub(crate) const PREVIOUS_STAGE: &str = "AWSPREVIOUS";

/// The time limit for retries when another process writes at the same time.
const PATIENCE: Patience = Patience::of(Duration::from_secs(60));

impl SecretsManager {
    /// The ARN of the secret without the six characters that AWS adds.
    pub(crate) async fn address_of(&self, secret: &SecretSpec) -> Result<String> {
        let name = self.name(secret)?;
        let identity = self.aws.identity().await?;
        let region = self.aws.region().await?;
        Ok(format!("arn:{}:secretsmanager:{region}:{}:secret:{name}", identity.partition, identity.account))
    }

    pub(crate) async fn read_back(&self, context: &Context, secret: &SecretSpec) -> Result<Option<Stored>> {
        let name = self.name(secret)?;
        let client = self.aws.secretsmanager().await?;
        let Some(observed) = observed::describe(client, &name).await? else { return Ok(None) };
        if observed.deleted.is_some() || Ownership::of(context).owner(observed.tags()) != Owner::Ours {
            return Ok(None);
        }
        let version = observed::version(client, &name, &observed, None).await?;
        Ok(Some(Stored {
            name,
            value: match version.value {
                Current::Text(value) => value,
                Current::Unreadable => Secret::new(String::new()),
            },
            labels: labels::of(&observed.tags),
            version: version.id,
            changed_at: version.created.and_then(|at| u64::try_from(at.secs()).ok()),
            arn: observed.arn,
        }))
    }

    pub(crate) async fn set_labels(&self, context: &Context, secret: &SecretSpec) -> Result<()> {
        let (name, client, observed) = self.ours(context, secret).await?;
        let (set, unset) = labels::difference(&observed.tags, &secret.labels);
        set_tags(client, &name, &observed, &set).await?;
        unset_tags(client, &name, &observed, &unset).await
    }

    pub(crate) async fn stage_value(
        &self,
        context: &Context,
        secret: &SecretSpec,
        value: &Secret<String>,
    ) -> Result<String> {
        self.check(value).await?;
        let probe = |attempt| async move {
            // The actual secret is part of the token: each attempt reads it again.
            let (name, client, observed) = self.ours(context, secret).await?;
            let at = format!("secretsmanager:PutSecretValue {name}");
            let request = client
                .put_secret_value()
                .secret_id(&observed.arn)
                .secret_string(value.expose())
                .version_stages(PENDING_STAGE)
                .client_request_token(token::of_next_version(&observed, attempt));
            match request.send().await {
                Ok(answer) if answer.version_stages().iter().any(|stage| stage == PENDING_STAGE) => {
                    Ok(Probe::Done(answer.version_id.unwrap_or_default()))
                }
                Ok(_) => {
                    let message = "the value was stored before, in a version that is not the pending one";
                    Ok(Probe::Again(Failure::new(FailureKind::Conflict, message).at(at)))
                }
                Err(error) => {
                    let failure = failure(&error, at);
                    if failure.kind == FailureKind::Conflict {
                        Ok(Probe::Again(failure))
                    } else {
                        Err(failure)
                    }
                }
            }
        };
        wait::until(context, PATIENCE, probe).await
    }

    pub(crate) async fn value_of(
        &self,
        context: &Context,
        secret: &SecretSpec,
        version: &str,
    ) -> Result<Secret<String>> {
        let (name, client, observed) = self.ours(context, secret).await?;
        match observed::version(client, &name, &observed, Some(version)).await?.value {
            Current::Text(value) => Ok(value),
            Current::Unreadable => {
                let message = format!("the version {version} of the secret has no text");
                Err(Failure::new(FailureKind::NotFound, message)
                    .at(format!("secretsmanager:GetSecretValue {name}")))
            }
        }
    }

    pub(crate) async fn promote_version(
        &self,
        context: &Context,
        secret: &SecretSpec,
        version: &str,
    ) -> Result<()> {
        let probe = |_| async move {
            self.move_stages(context, secret, version).await?;
            let (name, _, now) = self.ours(context, secret).await?;
            if now.staged(CURRENT_STAGE) == Some(version) && now.staged(PENDING_STAGE) != Some(version) {
                return Ok(Probe::Done(()));
            }
            let message = "the stages of the secret's versions are not as AWS has confirmed them";
            let failure = Failure::new(FailureKind::Unavailable, message).help("run this command again");
            Ok(Probe::Again(failure.at(format!("secretsmanager:UpdateSecretVersionStage {name}"))))
        };
        wait::until(context, PATIENCE, probe).await
    }

    /// Makes `version` the current one, and no pending one. The pending stage goes last: some endpoints delete a version
    /// at once when its last stage goes, and a version with both stages is a promoted one (API reference, RotateSecret).
    async fn move_stages(&self, context: &Context, secret: &SecretSpec, version: &str) -> Result<()> {
        let (name, client, observed) = self.ours(context, secret).await?;
        make_current(client, &name, &observed, version).await?;
        // Another writer may have staged a value of its own meanwhile.
        let (name, client, observed) = self.ours(context, secret).await?;
        unstage(client, &name, &observed, version).await
    }

    pub(crate) async fn discard_version(
        &self,
        context: &Context,
        secret: &SecretSpec,
        version: &str,
    ) -> Result<()> {
        let (name, client, observed) = self.ours(context, secret).await?;
        unstage(client, &name, &observed, version).await
    }

    /// The secret's name, the client, and the secret as it is there, which must be the stack's.
    pub(crate) async fn ours(
        &self,
        context: &Context,
        secret: &SecretSpec,
    ) -> Result<(String, &Client, Observed)> {
        let name = self.name(secret)?;
        let client = self.aws.secretsmanager().await?;
        let at = format!("secretsmanager:DescribeSecret {name}");
        let Some(observed) = observed::describe(client, &name).await? else {
            return Err(Failure::new(FailureKind::NotFound, "the secret is not there").at(at));
        };
        require_ours(&name, &observed, &Ownership::of(context))?;
        if observed.deleted.is_some() {
            return Err(Failure::new(FailureKind::Conflict, "the secret is scheduled for deletion")
                .at(at)
                .help("deploy the stack, which restores it"));
        }
        Ok((name, client, observed))
    }
}

/// Moves AWSCURRENT to a version; Secrets Manager gives AWSPREVIOUS to the one that had it.
pub(crate) async fn make_current(
    client: &Client,
    name: &str,
    secret: &Observed,
    version: &str,
) -> Result<()> {
    let holder = secret.staged(CURRENT_STAGE);
    if holder == Some(version) {
        return Ok(());
    }
    let request = client
        .update_secret_version_stage()
        .secret_id(&secret.arn)
        .version_stage(CURRENT_STAGE)
        .move_to_version_id(version)
        .set_remove_from_version_id(holder.map(str::to_owned));
    let at = format!("secretsmanager:UpdateSecretVersionStage {name}");
    request.send().await.map(drop).map_err(|error| failure(&error, at))
}

/// Takes AWSPENDING off a version. Without a stage, Secrets Manager lets the version go some time.
pub(crate) async fn unstage(client: &Client, name: &str, secret: &Observed, version: &str) -> Result<()> {
    if secret.staged(PENDING_STAGE) != Some(version) {
        return Ok(());
    }
    let request = client
        .update_secret_version_stage()
        .secret_id(&secret.arn)
        .version_stage(PENDING_STAGE)
        .remove_from_version_id(version);
    let at = format!("secretsmanager:UpdateSecretVersionStage {name}");
    request.send().await.map(drop).map_err(|error| failure(&error, at))
}
