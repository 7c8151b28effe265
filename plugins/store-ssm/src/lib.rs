//! Secret store on AWS Systems Manager Parameter Store: `SecureString` parameters, from which ECS reads environment
//! variables of containers. Pull credentials it reads from Secrets Manager only.
//!
//! A parameter belongs to the stack whose name its tag `longshore:stack` carries. A parameter that the stack does not
//! own is neither read nor changed. Every change of a parameter but that of its tags writes the value anew, as a new
//! version.

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
use longshore_plugin::Plugins;

use crate::{options::StoreOptions, store::ParameterStore};

/// Adds the secret store `ssm`. The host lends it [`Aws`].
pub fn register(plugins: &mut Plugins) {
    plugins.add_secret_store("ssm", |options, extensions| {
        let key = &options.key;
        let options = StoreOptions::read(options)?;
        let Some(aws) = extensions.get::<Aws>() else {
            return Err(vec![Problem::new(key, "needs AWS clients, and there are none here")]);
        };
        Ok(Arc::new(ParameterStore { aws: Aws::clone(&aws), options }))
    })
    .summary("AWS Systems Manager Parameter Store: variables of containers")
    .document("configuration.md")
    .options(&[
        ("prefix", "the beginning of the parameters' names (default /longshore/)"),
        ("tier", "standard, advanced or intelligent (default standard)"),
        ("kms-key", "the customer-managed key that encrypts them: ARN, id or alias (default: the key that AWS manages)"),
    ]);
}
