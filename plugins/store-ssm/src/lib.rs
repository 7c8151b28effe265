//! Secret store on AWS Systems Manager Parameter Store: `SecureString` parameters, from which ECS reads environment
//! variables of containers. Pull credentials it reads from Secrets Manager only.
//!
//! A parameter belongs to the stack whose name its tag `longshore:stack` carries. What the stack does not own is neither
//! read nor changed. Every change of a parameter but that of its tags writes the value anew, as a new version.

mod difference;
mod name;
mod observed;
mod options;
mod store;
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

use crate::{options::StoreOptions, store::ParameterStore};

/// Adds the secret store `ssm`. The host lends it [`Aws`].
///
/// Its options, all of them optional:
/// - `prefix`: what every parameter's name begins with, `/longshore/` by default;
/// - `tier`: `standard` (values of 4 KB), `advanced` (8 KB) or `intelligent` (the smaller one that fits), `standard` by
///   default;
/// - `kms-key`: the ARN, id or alias of the customer-managed key that encrypts the parameters; otherwise the key that
///   AWS manages.
pub fn register(registry: &mut Registry) {
    registry.add_secret_store("ssm", |options, extensions| {
        let key = &options.key;
        let options = StoreOptions::read(options)?;
        let Some(aws) = extensions.get::<Aws>() else {
            return Err(vec![Problem::new(key, "needs AWS clients, and there are none here")]);
        };
        Ok(Arc::new(ParameterStore { aws: Aws::clone(&aws), options }))
    });
}
