//! The settings of a whole run of the command: flags first, then environment variables, then defaults.

use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf};

use clap::ValueEnum;
use longshore_config::OWN_VARIABLES;
use longshore_model::Name;

use crate::arguments::{Color, Global, OutputFormat};

/// The variable that shows what programs say that fail to yield a secret.
pub(crate) const SHOW_HELPER_ERRORS: &str = "LONGSHORE_SHOW_HELPER_ERRORS";

/// The settings of a whole run of the command.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) environment: Name,
    /// True if a flag or variable names the environment.
    pub(crate) names_environment: bool,
    pub(crate) directory: PathBuf,
    /// The values of `--set`.
    pub(crate) set: Vec<String>,
    pub(crate) output: OutputFormat,
    pub(crate) verbose: u8,
    /// The filter of the log.
    pub(crate) log: Option<String>,
    pub(crate) color: Color,
    /// True if the words of programs that fail to yield a secret are shown.
    pub(crate) show_helper_errors: bool,
    /// The number of steps that run at a time. If `None`, all that are ready run, because AWS's quotas pace the calls.
    pub(crate) concurrency: Option<NonZeroUsize>,
    /// The directory in which the embedded simulated cloud keeps its state.
    pub(crate) state_directory: PathBuf,
}

impl Settings {
    /// Reads flags and variables.
    ///
    /// # Errors
    /// When one of them has a value that it cannot have, with the name of the flag or variable.
    pub(crate) fn new(
        global: Global,
        concurrency: Option<NonZeroUsize>,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let variable = |name: &str| {
            debug_assert!(OWN_VARIABLES.contains(&name), "the configuration would take {name} for a key");
            variables.get(name).filter(|value| !value.is_empty()).cloned()
        };
        let (named, whose) = match (global.env, variable("LONGSHORE_ENV")) {
            (Some(environment), _) => (Some(environment), "--env"),
            (None, environment) => (environment, "LONGSHORE_ENV"),
        };
        let names_environment = named.is_some();
        let environment = named.unwrap_or_else(|| "local".to_owned());
        let environment = Name::new(environment).map_err(|error| format!("{whose}: {error}"))?;
        let directory = global
            .config_dir
            .or_else(|| variable("LONGSHORE_CONFIG_DIR").map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from("configs"));
        let beside = directory.parent().map(|parent| parent.join(".longshore")).unwrap_or_default();
        Ok(Self {
            environment,
            names_environment,
            set: global.set,
            output: choice(global.output, "LONGSHORE_OUTPUT", &variable)?.unwrap_or(OutputFormat::Text),
            verbose: match (global.verbose, variable("LONGSHORE_VERBOSE")) {
                (0, Some(text)) => number(&text, "LONGSHORE_VERBOSE")?,
                (verbose, _) => verbose,
            },
            log: variable("LONGSHORE_LOG"),
            show_helper_errors: match (global.show_helper_errors, variable(SHOW_HELPER_ERRORS)) {
                (false, Some(text)) => truth(&text, SHOW_HELPER_ERRORS)?,
                (shows, _) => shows,
            },
            color: choice(global.color, "LONGSHORE_COLOR", &variable)?.unwrap_or(Color::Auto),
            concurrency: match (concurrency, variable("LONGSHORE_CONCURRENCY")) {
                (Some(concurrency), _) => Some(concurrency),
                (None, Some(text)) => Some(number(&text, "LONGSHORE_CONCURRENCY")?),
                (None, None) => None,
            },
            state_directory: variable("LONGSHORE_STATE_DIR").map_or(beside, PathBuf::from),
            directory,
        })
    }
}

fn choice<T: ValueEnum>(
    flag: Option<T>,
    name: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<T>, String> {
    let (None, Some(text)) = (&flag, variable(name)) else { return Ok(flag) };
    T::from_str(&text, true).map(Some).map_err(|_| {
        let values = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let names: Vec<_> = values.map(|value| value.get_name().to_owned()).collect();
        format!("the environment variable {name} is `{text}`; it must be one of: {}", names.join(", "))
    })
}

fn truth(text: &str, name: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("the environment variable {name} is `{text}`; it must be true or false"))
}

fn number<T: std::str::FromStr>(text: &str, name: &str) -> Result<T, String> {
    text.parse().map_err(|_| {
        format!("the environment variable {name} is `{text}`; it must be a whole number, such as 10")
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::Arguments;

    fn settings(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Settings, String> {
        let arguments = [&["longshore", "plan"], arguments].concat();
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let arguments = Arguments::try_parse_from(arguments).unwrap();
        Settings::new(arguments.global, arguments.command.concurrency(), &variables)
    }

    #[test]
    fn flags_go_before_variables_and_these_before_defaults() {
        let default = settings(&[], &[("LONGSHORE_ENV", "")]).unwrap();
        assert_eq!(default.environment.as_str(), "local");
        assert_eq!(default.state_directory, PathBuf::from(".longshore"));
        let variables =
            [("LONGSHORE_ENV", "production"), ("LONGSHORE_OUTPUT", "json"), ("LONGSHORE_CONCURRENCY", "3")];
        let variable = settings(&[], &variables).unwrap();
        assert_eq!(variable.environment.as_str(), "production");
        assert_eq!(variable.output, OutputFormat::Json);
        assert_eq!(variable.concurrency.map(NonZeroUsize::get), Some(3));
        let flag = settings(
            &["--env", "test", "--config-dir", "a/b", "--output", "text", "--concurrency", "7"],
            &variables,
        )
        .unwrap();
        assert_eq!(flag.environment.as_str(), "test");
        assert_eq!(flag.output, OutputFormat::Text);
        assert_eq!(flag.concurrency.map(NonZeroUsize::get), Some(7));
        assert_eq!(flag.state_directory, PathBuf::from("a/.longshore"));
    }

    #[test]
    fn words_of_helpers_are_shown_on_demand() {
        let shows = |arguments: &[&str], value: &str| {
            let variables = [(SHOW_HELPER_ERRORS, value)];
            settings(arguments, &variables).map(|settings| settings.show_helper_errors)
        };
        assert_eq!(shows(&[], ""), Ok(false));
        assert_eq!(shows(&[], "true"), Ok(true));
        assert_eq!(shows(&["--show-helper-errors"], "false"), Ok(true));
        assert!(shows(&[], "perhaps").is_err());
    }

    #[test]
    fn wrong_values_are_refused_by_name() {
        insta::assert_snapshot!(settings(&[], &[("LONGSHORE_OUTPUT", "xml")]).unwrap_err());
        insta::assert_snapshot!(settings(&[], &[("LONGSHORE_CONCURRENCY", "0")]).unwrap_err());
        insta::assert_snapshot!(settings(&[], &[("LONGSHORE_ENV", "a/b")]).unwrap_err());
    }
}
