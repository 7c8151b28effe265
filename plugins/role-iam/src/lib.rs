//! Role builder on AWS IAM: execution roles that may read the secrets and parameters of their service, and nothing else.
//!
//! A role has a trust policy for ECS, an inline policy that names each secret and parameter by its full ARN, the
//! managed policies that are declared, and, where these do not have AWS's own for ECS tasks, an inline policy for the
//! images in ECR and for the logs. Any other inline or attached policy of the role is removed: the role is the stack's,
//! as its tags say. A policy is proved before it is used, by evaluating it; and a role that was changed by IAM's own
//! policy simulator, before the step succeeds.

mod builder;
mod compare;
mod desired;
mod difference;
mod document;
mod evaluator;
mod existing;
mod files;
mod needs;
mod observed;
mod options;
mod ownership;
mod policy;
mod pull_and_log;
mod purpose;
mod removal;
mod simulator;
mod undeclared;
mod undo;
mod verdict;
mod write;

#[cfg(test)]
mod proof;

#[cfg(test)]
mod tests;

use std::sync::{Arc, atomic::AtomicBool};

use longshore_aws::Aws;
use longshore_model::Problem;
use longshore_plugin::Plugins;
use tokio::sync::OnceCell;

use crate::{builder::IamRoles, options::RoleOptions};

/// Adds the role builder `iam`. The host lends it [`Aws`].
pub fn register(plugins: &mut Plugins) {
    plugins
        .add_role_builder("iam", |options, extensions| {
            let key = &options.key;
            let options = RoleOptions::read(options)?;
            let Some(aws) = extensions.get::<Aws>() else {
                return Err(vec![Problem::new(key, "needs AWS clients, and there are none here")]);
            };
            Ok(Arc::new(IamRoles {
                aws: Aws::clone(&aws),
                options,
                one_action_at_a_time: AtomicBool::new(false),
                listed: OnceCell::new(),
            }))
        })
        .summary("Execution roles in AWS IAM")
        .document("configuration.md")
        .options(&[
            ("arn", "an existing role, which is checked and never changed; stands alone"),
            ("path", "the path of the role (default /)"),
            ("permissions-boundary", "the ARN of the managed policy that bounds the role"),
            (
                "confused-deputy-conditions",
                "true if the trust policy admits ECS only on behalf of account and region (default true)",
            ),
        ]);
}
