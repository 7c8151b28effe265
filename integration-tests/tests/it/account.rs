//! An account at a server that answers as AWS does, and the plugins that work in it.

use std::{sync::Arc, time::Duration};

use longshore_aws::{Aws, Target};
use longshore_model::{Name, Options, Plugin, StepId};
use longshore_plugin::{Context, Extensions, Plugins, RoleBuilder, SecretStore};
use longshore_testkit::Told;

pub(crate) const REGION: &str = "eu-central-1";

/// The clients of the account's owner.
pub(crate) fn connect(url: &str) -> Aws {
    let target = Target {
        region: Some(REGION.to_owned()),
        endpoint: Some(url.to_owned()),
        test_credentials: true,
        ..Target::default()
    };
    Aws::connect(target, None)
}

/// Waits until the server answers, and not just listens.
pub(crate) async fn ready(aws: &Aws) {
    for _ in 0..200 {
        if aws.sts().await.unwrap().get_caller_identity().send().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{aws:?} does not answer");
}

fn plugins() -> Plugins {
    let mut plugins = Plugins::default();
    longshore_store_secretsmanager::register(&mut plugins);
    longshore_store_ssm::register(&mut plugins);
    longshore_role_iam::register(&mut plugins);
    plugins
}

fn plugin(name: &str) -> Plugin {
    Plugin { name: name.to_owned(), options: Options::default() }
}

/// A store with its defaults.
pub(crate) fn store(aws: &Aws, name: &str) -> Arc<dyn SecretStore> {
    plugins().secret_store(&plugin(name), &Extensions::default().with(aws.clone())).unwrap()
}

/// The role builder with its defaults.
pub(crate) fn role_builder(aws: &Aws) -> Arc<dyn RoleBuilder> {
    plugins().role_builder(&plugin("iam"), &Extensions::default().with(aws.clone())).unwrap()
}

/// The context of a step of `stack`.
pub(crate) fn context(stack: &str, step: &str) -> Context {
    Arc::new(Told::default()).context(&Name::new(stack).unwrap(), StepId::new(step, "api"))
}
