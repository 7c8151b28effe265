//! Secrets of the stack that no step makes any more.

use aws_sdk_secretsmanager::types::SecretListEntry;
use longshore_aws::{Freshness, Owner, Ownership, RESOURCE_TAG, is_protected};
use longshore_plugin::{Context, Declared, Result, UndeclaredSecret};

use crate::{
    labels,
    store::{self, SecretsManager},
};

impl SecretsManager {
    /// Sends one request for each hundred secrets of the stack, shared with the steps that plan secrets. Secrets that
    /// are scheduled for deletion are gone already.
    pub(crate) async fn find_undeclared(
        &self,
        context: &Context,
        declared: &Declared,
    ) -> Result<Vec<UndeclaredSecret>> {
        let ownership = Ownership::of(context);
        let listed = self.aws.reads().secrets(ownership.stack(), Freshness::Planned).await?;
        let there = listed.values().filter(|secret| secret.deleted_date.is_none());
        let mut secrets: Vec<_> =
            there.filter_map(|secret| undeclared(secret, &ownership, declared)).collect();
        secrets.sort();
        Ok(secrets)
    }
}

fn undeclared(
    secret: &SecretListEntry,
    ownership: &Ownership,
    declared: &Declared,
) -> Option<UndeclaredSecret> {
    let tags = || secret.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?)));
    let resource = tags().find(|(key, _)| *key == RESOURCE_TAG).map_or("", |(_, resource)| resource);
    let is_declared = declared.makes(resource, &store::resource(secret.name().unwrap_or_default()));
    // A replica is removed with its primary.
    let is_replica = secret.primary_region().is_some_and(|region| {
        secret.arn().is_some_and(|arn| arn.split(':').nth(3).is_some_and(|own| own != region))
    });
    (!is_declared && !is_replica && ownership.owner(tags()) == Owner::Ours).then(|| UndeclaredSecret {
        name: secret.name().unwrap_or_default().to_owned(),
        resource: resource.to_owned(),
        is_protected: is_protected(tags()),
        labels: labels::of(&tags().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()),
    })
}
