//! Secrets that are as declared, going by what is read of all secrets of the stack together.

use aws_sdk_secretsmanager::types::SecretListEntry;
use longshore_aws::Freshness;

use crate::{
    difference::{Desired, Difference},
    observed::{Current, Observed},
    store::SecretsManager,
    write::CURRENT_STAGE,
};

/// A secret as the list has it: of its replicas it says nothing.
fn observed(entry: &SecretListEntry) -> Observed {
    let tags = entry.tags().iter().filter_map(|tag| Some((tag.key.clone()?, tag.value.clone()?)));
    let versions = entry.secret_versions_to_stages().cloned().unwrap_or_default();
    Observed {
        arn: entry.arn.clone().unwrap_or_default(),
        description: entry.description.clone().unwrap_or_default(),
        kms_key: entry.kms_key_id.clone().filter(|key| !key.is_empty()),
        tags: tags.collect(),
        deleted: entry.deleted_date,
        versions: versions.into_iter().collect(),
        rotates: entry.rotation_enabled.unwrap_or_default(),
        changed: entry.last_changed_date,
        ..Observed::default()
    }
}

impl SecretsManager {
    /// The secret, if the list of the stack's secrets and its value say that nothing is to be changed. Nothing otherwise:
    /// then the secret itself is looked at, because the list may be behind, or the caller may not have it.
    pub(crate) async fn unchanged(&self, desired: &Desired<'_>) -> Option<Observed> {
        if desired.replicate_to.is_some() {
            return None;
        }
        let stack = desired.ownership.stack();
        let listed = self.aws.reads().secrets(stack, Freshness::Planned).await.ok()?;
        let entry = listed.get(desired.name).filter(|entry| entry.deleted_date.is_none())?;
        let observed = self.with_key_arn(observed(entry)).await;
        let value = self.aws.reads().secret_value(&observed.arn).await.ok()??;
        // A version that the list does not know is newer than the list.
        if observed.staged(CURRENT_STAGE) != Some(&value.version) {
            return None;
        }
        let current = value.text.map_or(Current::Unreadable, Current::Text);
        Difference::between(&observed, Some(&current), desired).is_empty().then_some(observed)
    }
}
