//! The actual secrets.

use std::{collections::BTreeMap, fmt};

use aws_sdk_secretsmanager::{
    Client,
    error::ProvideErrorMetadata as _,
    operation::get_secret_value::GetSecretValueError,
    primitives::DateTime,
    types::{ReplicationStatusType, StatusType},
};
use aws_smithy_types::date_time::Format;
use longshore_aws::failure;
use longshore_model::{FailureKind, Secret};
use longshore_plugin::Result;

use crate::{
    rotate::{PENDING_STAGE, PREVIOUS_STAGE},
    write::CURRENT_STAGE,
};

/// A secret as Secrets Manager describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Observed {
    /// The full ARN, suffix included.
    pub(crate) arn: String,
    pub(crate) description: String,
    /// The key as it was given: an ARN, an id or an alias; nothing for the key that AWS manages.
    pub(crate) kms_key: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// When it was deleted, or will be; it can still be restored.
    pub(crate) deleted: Option<DateTime>,
    /// The stages of its versions, by the versions' ids.
    pub(crate) versions: BTreeMap<String, Vec<String>>,
    /// AWS rotates it by a function of its own, which keeps the stage of the pending version.
    pub(crate) rotates: bool,
    /// When it last changed.
    pub(crate) changed: Option<DateTime>,
    /// Its replicas, by region.
    pub(crate) replicas: BTreeMap<String, Replica>,
}

/// A replica in another region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Replica {
    InSync,
    InProgress,
    /// The reason for the failure.
    Failed(String),
}

impl Replica {
    fn of(status: &ReplicationStatusType) -> Self {
        match status.status() {
            Some(StatusType::Failed) => {
                Self::Failed(status.status_message().unwrap_or("AWS gives no reason").to_owned())
            }
            Some(StatusType::InProgress) => Self::InProgress,
            _ => Self::InSync,
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InSync => f.write_str("InSync"),
            Self::InProgress => f.write_str("InProgress"),
            Self::Failed(why) => write!(f, "Failed: {why}"),
        }
    }
}

/// The value of a secret's current version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Current {
    Text(Secret<String>),
    /// Bytes, or no value at all: nothing that the ECS agent could read.
    Unreadable,
}

impl Observed {
    /// The tags as pairs.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The version at a stage.
    pub(crate) fn staged(&self, stage: &str) -> Option<&str> {
        let at_stage = |stages: &Vec<String>| stages.iter().any(|other| other == stage);
        self.versions.iter().find(|(_, stages)| at_stage(stages)).map(|(id, _)| id.as_str())
    }

    /// The version that is still at the stage of a pending one though it was promoted: a rotation ended between its two
    /// changes of stages.
    pub(crate) fn promoted_and_pending(&self) -> Option<&str> {
        let pending = self.staged(PENDING_STAGE).filter(|_| !self.rotates);
        pending.filter(|pending| {
            [CURRENT_STAGE, PREVIOUS_STAGE].iter().any(|at| self.staged(at) == Some(pending))
        })
    }
}

/// Looks a secret up by its name.
pub(crate) async fn describe(client: &Client, name: &str) -> Result<Option<Observed>> {
    let answer = match client.describe_secret().secret_id(name).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let failure = failure(&error, format!("secretsmanager:DescribeSecret {name}"));
            return if failure.kind == FailureKind::NotFound { Ok(None) } else { Err(failure) };
        }
    };
    let tags = answer.tags.unwrap_or_default();
    let versions = answer.version_ids_to_stages.unwrap_or_default();
    Ok(Some(Observed {
        arn: answer.arn.unwrap_or_default(),
        description: answer.description.unwrap_or_default(),
        kms_key: answer.kms_key_id.filter(|key| !key.is_empty()),
        tags: tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect(),
        deleted: answer.deleted_date,
        versions: versions
            .into_iter()
            .map(|(id, mut stages)| {
                stages.sort();
                (id, stages)
            })
            .collect(),
        rotates: answer.rotation_enabled.unwrap_or_default(),
        changed: answer.last_changed_date,
        replicas: answer
            .replication_status
            .unwrap_or_default()
            .into_iter()
            .filter_map(|status| Some((status.region.clone()?, Replica::of(&status))))
            .collect(),
    }))
}

/// A version of a secret.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) value: Current,
    pub(crate) created: Option<DateTime>,
}

/// Reads the value of the version that the ECS agent reads: `AWSCURRENT`.
pub(crate) async fn current(client: &Client, name: &str, secret: &Observed) -> Result<Current> {
    Ok(version(client, name, secret, None).await?.value)
}

/// Reads a version; without an id the one that the ECS agent reads.
pub(crate) async fn version(
    client: &Client,
    name: &str,
    secret: &Observed,
    id: Option<&str>,
) -> Result<Version> {
    let request = client.get_secret_value().secret_id(&secret.arn);
    let request = match id {
        Some(id) => request.version_id(id),
        // The stage that AWS takes by default. moto would take the version that was put last.
        None => request.version_stage(CURRENT_STAGE),
    };
    let error = match request.send().await {
        Ok(mut answer) => {
            let text = answer.secret_string.take();
            return Ok(Version {
                id: answer.version_id.take().unwrap_or_default(),
                value: text.map_or(Current::Unreadable, |text| Current::Text(Secret::new(text))),
                created: answer.created_date,
            });
        }
        Err(error) => error,
    };
    let failed = failure(&error, format!("secretsmanager:GetSecretValue {name}"));
    let of_kms =
        error.as_service_error().and_then(GetSecretValueError::message).is_some_and(|m| m.contains("KMS"));
    match failed.kind {
        // The secret is there, so what is not there is the version.
        FailureKind::NotFound => Ok(Version {
            id: id.unwrap_or_default().to_owned(),
            value: Current::Unreadable,
            created: None,
        }),
        FailureKind::Denied if of_kms => Err(failed.help(
            "Longshore compares the stored value before it writes: allow `kms:Decrypt` on the secret's key to the \
             caller",
        )),
        FailureKind::Denied => Err(failed.help(
            "Longshore compares the stored value before it writes: allow `secretsmanager:GetSecretValue` on this \
             secret to the caller",
        )),
        _ => Err(failed),
    }
}

/// A moment as people read it: to the second.
pub(crate) fn shown(moment: &DateTime) -> String {
    DateTime::from_secs(moment.secs()).fmt(Format::DateTime).unwrap_or_else(|_| moment.to_string())
}
