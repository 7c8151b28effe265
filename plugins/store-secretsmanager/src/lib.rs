//! Secret store on AWS Secrets Manager: the one place from which the ECS agent reads pull credentials.
//!
//! A secret is read by its name and belongs to the stack whose name its tag `longshore:stack` carries. What the stack
//! does not own is neither read nor changed. A value is written only where it differs in meaning: Secrets Manager keeps
//! about a hundred versions and asks for no more than one write per ten minutes over a longer time (API reference,
//! PutSecretValue).

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
use longshore_plugin::Registry;

use crate::{options::StoreOptions, store::SecretsManager};

/// Adds the secret store `secretsmanager`. The host lends it [`Aws`].
///
/// Its options, all of them optional:
/// - `prefix`: what every secret's name begins with, `longshore/` by default;
/// - `kms-key`: the ARN, id or alias of the customer-managed key that encrypts the secrets; otherwise the key that AWS
///   manages;
/// - `recovery-window-days`: for how many days a removed secret can be restored, from 7 to 30, 30 by default;
/// - `tags`: tags of one's own; others that a secret has stay;
/// - `replicate-to`: the other regions that have a replica. Where it is not set, replicas that a secret has stay.
pub fn register(registry: &mut Registry) {
    registry.add_secret_store("secretsmanager", |options, extensions| {
        let key = &options.key;
        let options = StoreOptions::read(options)?;
        let Some(aws) = extensions.get::<Aws>() else {
            return Err(vec![Problem::new(key, "needs AWS clients, and there are none here")]);
        };
        Ok(Arc::new(SecretsManager { aws: Aws::clone(&aws), options }))
    });
}
