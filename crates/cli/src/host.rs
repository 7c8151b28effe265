//! The composition: which plugins there are, and how a configuration becomes a graph that can be run.

use std::{collections::BTreeMap, sync::Arc};

use longshore_aws::{Aws, Target};
use longshore_config::{ConfigError, ConfigErrors, Contributions, Layers, Loaded, PluginKind, PluginUse};
use longshore_credential::Environment;
use longshore_graph::{Expansion, Host};
use longshore_model::{AwsTarget, Failure, FailureKind, Problem};
use longshore_plugin::{Extensions, Plugins};
use longshore_process::Processes;

use crate::{
    blueprint::draft,
    ecr::EcrImages,
    place::Pullers,
    settings::{SHOW_HELPER_ERRORS, Settings},
};

/// Longshore's own plugins.
pub(crate) fn plugins() -> Plugins {
    let mut plugins = Plugins::default();
    longshore_credential_docker_config::register(&mut plugins);
    longshore_credential_dockerhub::register(&mut plugins);
    longshore_credential_ghcr::register(&mut plugins);
    longshore_credential_gitlab::register(&mut plugins);
    longshore_credential_static::register(&mut plugins);
    longshore_store_secretsmanager::register(&mut plugins);
    longshore_store_ssm::register(&mut plugins);
    longshore_credential::register(&mut plugins);
    longshore_role_iam::register(&mut plugins);
    longshore_service_ecs::register(&mut plugins);
    longshore_autoscaling::register(&mut plugins);
    longshore_target_group::register(&mut plugins);
    longshore_command::register(&mut plugins);
    longshore_process::register(&mut plugins);
    plugins
}

/// Loads the configuration. The plugins judge their options in the same go.
///
/// # Errors
/// Everything that is wrong, at once.
pub(crate) fn load(
    settings: &Settings,
    variables: &BTreeMap<String, String>,
    plugins: &Plugins,
) -> Result<Loaded, Vec<Failure>> {
    let layers = Layers {
        directory: settings.directory.clone(),
        environment: settings.environment.clone(),
        set: settings.set.clone(),
        variables: variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    };
    // Building a plugin calls nothing: whom the clients would reach does not matter here.
    let extensions = extensions(&Aws::connect(Target::default(), None), looking_up(variables));
    let judge = |used: &PluginUse| judge(used, plugins, &extensions);
    let deployers = |deployer: &str| plugins.service_layers(deployer);
    let contributions = Contributions { judge: &judge, deployers: &deployers, hosts: &plugins.hosts() };
    longshore_config::load(&layers, &contributions).map_err(|errors| refused(&errors))
}

/// The variables of the command, as the secrets of the configuration are looked up in them. A program that yields one
/// secret has no business with the others.
pub(crate) fn environment(loaded: &Loaded, variables: &BTreeMap<String, String>) -> Environment {
    let credentials = ["DOCKER_AUTH_CONFIG".to_owned()];
    let shows_errors = variables.get(SHOW_HELPER_ERRORS).is_some_and(|value| value == "true");
    let hidden = loaded.secret_variables().into_iter().chain(credentials);
    looking_up(variables).hiding(hidden).showing_errors(shows_errors)
}

fn looking_up(variables: &BTreeMap<String, String>) -> Environment {
    let variables = variables.clone();
    Environment::new(move |name| variables.get(name).map(Into::into))
}

/// Returns the extensions for plugins: the AWS clients, and the environment variables, with the secret values that AWS
/// keeps.
fn extensions(aws: &Aws, environment: Environment) -> Extensions {
    Extensions::default().with(aws.clone()).with(environment.with_vault(Arc::new(aws.clone())))
}

fn judge(used: &PluginUse, plugins: &Plugins, extensions: &Extensions) -> Vec<Problem> {
    let built = match used.kind {
        PluginKind::CredentialSource => plugins.credential_source(&used.plugin, extensions).map(drop),
        PluginKind::SecretStore => plugins.secret_store(&used.plugin, extensions).map(drop),
        PluginKind::SecretValue => plugins.secret_value(&used.plugin.options, extensions).map(drop),
        PluginKind::RoleBuilder => plugins.role_builder(&used.plugin, extensions).map(drop),
        PluginKind::ServiceDeployer => plugins.service_deployer(&used.plugin, extensions).map(drop),
        PluginKind::Step => plugins.step_plugin(&used.plugin, extensions).map(drop),
        PluginKind::SimulatedCloud => draft(Some(&used.plugin.options), &AwsTarget::default()).map(drop),
    };
    built.err().unwrap_or_default()
}

/// Unfolds the stack into its graph. Programs that are plugins are kept in `processes`.
///
/// # Errors
/// Everything that is wrong, at once.
pub(crate) fn expand(
    loaded: &Loaded,
    plugins: &Plugins,
    aws: &Aws,
    pullers: Pullers,
    variables: &BTreeMap<String, String>,
    processes: &Processes,
) -> Result<Expansion, Vec<Failure>> {
    let mut extensions = extensions(aws, environment(loaded, variables)).with(processes.clone());
    if let Some(around) = pullers.around {
        extensions = extensions.with(around);
    }
    let pull_check = Arc::new(EcrImages::new(aws.clone(), pullers.usual));
    let host = Host { plugins, extensions: &extensions, pull_check, pull_checks: pullers.others };
    longshore_graph::expand(&loaded.stack, &host).map_err(|problems| refused(&loaded.locate(problems)))
}

/// Converts the errors of a configuration to failures of the command.
pub(crate) fn refused(errors: &ConfigErrors) -> Vec<Failure> {
    errors.iter().map(refusal).collect()
}

fn refusal(error: &ConfigError) -> Failure {
    let column = error.column.map(|column| format!(":{column}")).unwrap_or_default();
    let message = match &error.key {
        Some(key) => format!("{key}: {}", error.message),
        None => error.message.clone(),
    };
    let failure = Failure::new(FailureKind::Invalid, message).at(format!("{}{column}", error.origin));
    match &error.help {
        Some(help) => failure.help(help),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use longshore_model::{Options, Plugin};

    use super::*;

    /// The options that a plugin knows, as it names them to a configuration with another one.
    fn known(problems: &[Problem]) -> BTreeSet<String> {
        let unknown = problems.iter().find(|problem| problem.message == "unknown key").unwrap();
        let help = unknown.help.as_deref().unwrap_or_default();
        help.strip_prefix("known here: ").unwrap_or_default().split(", ").map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn descriptions_name_the_options_that_plugins_know() {
        let plugins = plugins();
        let lent = extensions(&Aws::connect(Target::default(), None), Environment::default());
        for (kind, described) in plugins.described() {
            for (name, description) in described {
                assert!(!description.summary.is_empty(), "{kind} {name}");
                if description.options.is_empty() {
                    continue;
                }
                let values = [("q".repeat(20), 1.into())].into_iter().collect();
                let options = Options { key: "here".to_owned(), values, ..Options::default() };
                let plugin = Plugin { name: name.to_owned(), options };
                let problems = match kind {
                    "credential source" => plugins.credential_source(&plugin, &lent).map(drop).unwrap_err(),
                    "secret store" => plugins.secret_store(&plugin, &lent).map(drop).unwrap_err(),
                    _ => plugins.role_builder(&plugin, &lent).map(drop).unwrap_err(),
                };
                let named: BTreeSet<_> =
                    description.options.iter().map(|option| option.name.to_owned()).collect();
                assert_eq!(known(&problems), named, "{kind} {name}");
            }
        }
    }
}
