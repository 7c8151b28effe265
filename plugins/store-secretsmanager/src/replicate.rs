//! Replicas of a secret in other regions.

use std::time::Duration;

use aws_sdk_secretsmanager::{Client, types::ReplicaRegionType};
use longshore_aws::{
    failure,
    wait::{self, Patience, Probe},
};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Result};

use crate::{
    difference::{Desired, Difference},
    observed::{self, Observed, Replica},
    options::alias,
    store::SecretsManager,
};

/// The time limit for a replica. AWS gives no bound; replicas were seen to take seconds.
const PATIENCE: Patience = Patience::of(Duration::from_secs(120));

impl SecretsManager {
    /// Makes the replicas those that are declared, and waits until they hold what the secret does.
    pub(crate) async fn replicate(
        &self,
        context: &Context,
        client: &Client,
        desired: &Desired<'_>,
    ) -> Result<()> {
        if desired.replicate_to.is_none() {
            return Ok(());
        }
        wait::until(context, PATIENCE, |attempt| async move {
            let at = format!("secretsmanager:ReplicateSecretToRegions {}", desired.name);
            let Some(secret) = observed::describe(client, desired.name).await? else {
                let message = "the secret was made and is not visible yet";
                return Ok(Probe::Again(Failure::new(FailureKind::Unavailable, message).at(at)));
            };
            let difference = Difference::between(&secret, None, desired);
            let failed = difference.replicate.iter().find_map(|region| match secret.replicas.get(region) {
                Some(Replica::Failed(why)) => Some(format!("the replica in {region} failed: {why}")),
                _ => None,
            });
            // A replica that had failed before this run gets another try.
            if let Some(message) = failed.filter(|_| attempt > 0) {
                return Err(Failure::new(FailureKind::Conflict, message).at(at).help(
                    "remove what is in the way in that region, or take the region out of `replicate-to` of the store",
                ));
            }
            self.unreplicate(context, client, desired.name, &secret, &difference.unreplicate).await?;
            if !difference.replicate.is_empty() {
                let regions = difference.replicate.join(", ");
                context.progress(format!("replicating the secret {} to {regions}", desired.name));
                let key = self.options.kms_key.as_deref().and_then(alias);
                let add = difference.replicate.iter().map(|region| {
                    ReplicaRegionType::builder().region(region).set_kms_key_id(key.map(str::to_owned)).build()
                });
                let request = client.replicate_secret_to_regions().secret_id(&secret.arn);
                let request = request.set_add_replica_regions(Some(add.collect()));
                request.send().await.map_err(|error| failure(&error, &at))?;
            }
            let waits = secret.replicas.values().any(|replica| *replica == Replica::InProgress);
            if waits || !difference.replicate.is_empty() || !difference.unreplicate.is_empty() {
                let message = "the replicas of the secret are not in sync yet";
                return Ok(Probe::Again(Failure::new(FailureKind::DeadlineExceeded, message).at(at)));
            }
            Ok(Probe::Done(()))
        })
        .await
    }

    /// Deletes all replicas of a secret: Secrets Manager deletes none that has some.
    pub(crate) async fn remove_replicas(
        &self,
        context: &Context,
        client: &Client,
        name: &str,
        secret: &Observed,
    ) -> Result<()> {
        if secret.replicas.is_empty() {
            return Ok(());
        }
        wait::until(context, PATIENCE, |_| async move {
            let Some(secret) = observed::describe(client, name).await? else { return Ok(Probe::Done(())) };
            if secret.replicas.is_empty() {
                return Ok(Probe::Done(()));
            }
            let regions: Vec<_> = secret.replicas.keys().cloned().collect();
            self.unreplicate(context, client, name, &secret, &regions).await?;
            let message = "the replicas of the secret are not deleted yet";
            let at = format!("secretsmanager:RemoveRegionsFromReplication {name}");
            Ok(Probe::Again(Failure::new(FailureKind::DeadlineExceeded, message).at(at)))
        })
        .await
    }

    async fn unreplicate(
        &self,
        context: &Context,
        client: &Client,
        name: &str,
        secret: &Observed,
        regions: &[String],
    ) -> Result<()> {
        if regions.is_empty() {
            return Ok(());
        }
        context.progress(format!("deleting the replicas of the secret {name} in {}", regions.join(", ")));
        let request = client.remove_regions_from_replication().secret_id(&secret.arn);
        let request = request.set_remove_replica_regions(Some(regions.to_vec()));
        let at = format!("secretsmanager:RemoveRegionsFromReplication {name}");
        request.send().await.map(drop).map_err(|error| failure(&error, at))
    }
}
