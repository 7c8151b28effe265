//! Secret store on AWS Secrets Manager: the one place from which the ECS agent reads pull credentials.
//!
//! A secret is read by its name and belongs to the stack whose name its tag `longshore:stack` carries. A secret that
//! the stack does not own is neither read nor changed. A value is written only where it differs in meaning: Secrets
//! Manager keeps about a hundred versions and asks for no more than one write per ten minutes over a longer time (API
//! reference, PutSecretValue).

mod difference;
mod labels;
mod listed;
mod name;
mod observed;
mod options;
mod replicate;
mod rotate;
mod store;
mod token;
mod undeclared;
mod undo;
mod value;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use longshore_aws::Aws;
use longshore_model::Problem;
use longshore_plugin::Plugins;

use crate::{options::StoreOptions, store::SecretsManager};

/// Adds the secret store `secretsmanager`. The host lends it [`Aws`].
pub fn register(plugins: &mut Plugins) {
    plugins.add_secret_store("secretsmanager", |options, extensions| {
        let key = &options.key;
        let options = StoreOptions::read(options)?;
        let Some(aws) = extensions.get::<Aws>() else {
            return Err(vec![Problem::new(key, "needs AWS clients, and there are none here")]);
        };
        Ok(Arc::new(SecretsManager { aws: Aws::clone(&aws), options }))
    })
    .summary("AWS Secrets Manager: pull credentials and variables of containers")
    .document("configuration.md")
    .options(&[
        ("prefix", "the beginning of the secrets' names (default longshore/)"),
        ("kms-key", "the customer-managed key that encrypts them: ARN, id or alias (default: the key that AWS manages)"),
        ("recovery-window-days", "the days for which a deleted secret can be restored, 7 to 30 (default 30)"),
        ("replicate-to", "the other regions that have a replica"),
        ("tags", "tags of your own"),
    ]);
}
