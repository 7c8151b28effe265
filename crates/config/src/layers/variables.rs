//! `LONGSHORE_…` environment variables.

use std::collections::BTreeSet;

use longshore_model::{closest, join_key};
use serde_json::{Map, Value};

use super::{Layer, value};
use crate::{ConfigError, Origin, check::TOP_LEVEL};

const PREFIX: &str = "LONGSHORE_";

/// The variables that the command itself reads, and that are no keys of the configuration.
pub const OWN_VARIABLES: [&str; 9] = [
    "LONGSHORE_COLOR",
    "LONGSHORE_CONCURRENCY",
    "LONGSHORE_CONFIG_DIR",
    "LONGSHORE_ENV",
    "LONGSHORE_LOG",
    "LONGSHORE_OUTPUT",
    "LONGSHORE_SHOW_HELPER_ERRORS",
    "LONGSHORE_STATE_DIR",
    "LONGSHORE_VERBOSE",
];

/// The prefix of the variables with which a test run demands helpers that are optional otherwise.
const REQUIREMENTS: &str = "LONGSHORE_REQUIRE_";

/// The variables that mean keys of the configuration, unless the configuration names them.
pub(super) fn of_keys(variables: &[(String, String)]) -> Vec<&(String, String)> {
    let of_keys = variables.iter().filter(|(name, _)| {
        name.starts_with(PREFIX) && !name.starts_with(REQUIREMENTS) && !OWN_VARIABLES.contains(&name.as_str())
    });
    of_keys.collect()
}

/// Reads `variables`. `below` is what the files say: names that exist there are found in whatever way they are
/// written. A variable that the configuration names (`token = { env = "LONGSHORE_TOKEN" }`) is no key.
pub(super) fn read(
    mut variables: Vec<&(String, String)>,
    below: &Map<String, Value>,
    above: &Layer,
    errors: &mut Vec<ConfigError>,
) -> Layer {
    let mut layer = Layer::default();
    let mut named = BTreeSet::new();
    named_variables(below, &mut named);
    named_variables(&above.values, &mut named);
    variables.retain(|(name, _)| !named.contains(name.as_str()));
    variables.sort();
    for (name, text) in variables {
        let origin = Origin::Variable { name: name.clone() };
        match path(&name[PREFIX.len()..], below) {
            Ok(path) if path.first().is_some_and(|key| TOP_LEVEL.contains(&key.as_str())) => {
                layer.insert(&path, value::parse(text), &origin);
            }
            Ok(path) => {
                errors.push(ConfigError::new(origin, "unknown variable").help(suggestion(name, &path)))
            }
            Err(Unclear { message, help }) => errors.push(ConfigError::new(origin, message).help(help)),
        }
    }
    layer
}

/// The variables that are named in `values` as the place of a credential.
pub(crate) fn named_variables<'a>(values: &'a Map<String, Value>, names: &mut BTreeSet<&'a str>) {
    for (key, value) in values {
        match value {
            Value::Object(values) => named_variables(values, names),
            Value::String(name) if key == "env" => {
                names.insert(name);
            }
            _ => {}
        }
    }
}

/// The reason for which a variable's name is no key.
struct Unclear {
    message: String,
    help: String,
}

/// The key that a variable means, by its name without the prefix.
fn path(name: &str, below: &Map<String, Value>) -> Result<Vec<String>, Unclear> {
    let mut path: Vec<String> = Vec::new();
    let mut rest = name;
    let mut table = Some(below);
    while !rest.is_empty() {
        let (part, after) = match existing(rest, &path, table)? {
            Some(found) => found,
            // The names of a container's environment variables are written as they are.
            None if path.first().is_some_and(|key| key == "services")
                && path.len() > 2
                && path.last().is_some_and(|key| key == "environment" || key == "secrets") =>
            {
                (rest.to_owned(), "")
            }
            None => {
                let (part, after) = rest.split_once("__").unwrap_or((rest, ""));
                if part.is_empty() || (after.is_empty() && rest.ends_with("__")) {
                    return Err(Unclear {
                        message: "the name has an empty level".to_owned(),
                        help: "two underscores separate levels, as in LONGSHORE_SERVICES__API__MEMORY"
                            .to_owned(),
                    });
                }
                (part.to_ascii_lowercase().replace('_', "-"), after)
            }
        };
        table = table.and_then(|table| table.get(&part)).and_then(Value::as_object);
        path.push(part);
        rest = after;
    }
    Ok(path)
}

/// The longest key of `table` with which `rest` begins, and what follows it.
fn existing<'a>(
    rest: &'a str,
    path: &[String],
    table: Option<&Map<String, Value>>,
) -> Result<Option<(String, &'a str)>, Unclear> {
    let upper = rest.to_ascii_uppercase();
    let matches = |key: &&String| {
        let shouted = shout(key);
        upper.strip_prefix(&shouted).is_some_and(|after| {
            after.is_empty() || after.strip_prefix("__").is_some_and(|after| !after.is_empty())
        })
    };
    let mut keys: Vec<_> = table.into_iter().flat_map(Map::keys).filter(matches).collect();
    keys.sort_by_key(|key| std::cmp::Reverse(shout(key).len()));
    let Some(first) = keys.first() else { return Ok(None) };
    let length = shout(first).len();
    if let Some(second) = keys.get(1).filter(|key| shout(key).len() == length) {
        let table = path.iter().fold(String::new(), |key, part| join_key(&key, part));
        let [first, second] = [first, second].map(|key| join_key(&table, key));
        return Err(Unclear {
            message: format!("may mean `{first}` or `{second}`"),
            help: "say which with --set".to_owned(),
        });
    }
    let after = &rest[length..];
    Ok(Some(((*first).clone(), after.strip_prefix("__").unwrap_or(after))))
}

/// A key as it can stand in a variable's name.
fn shout(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

fn suggestion(name: &str, path: &[String]) -> String {
    let first = path.first().map(String::as_str).unwrap_or_default();
    let own = OWN_VARIABLES.map(|own| &own[PREFIX.len()..]);
    if let Some(own) = closest(&name[PREFIX.len()..], own) {
        return format!("did you mean {PREFIX}{own}?");
    }
    if let Some(key) = TOP_LEVEL.into_iter().find(|key| first.starts_with(&format!("{key}-"))) {
        return format!("two underscores separate levels, as in {PREFIX}{}__…", shout(key));
    }
    if let Some(key) = closest(first, TOP_LEVEL) {
        let rest = &name[(PREFIX.len() + first.len()).min(name.len())..];
        return format!("did you mean {PREFIX}{}{rest}?", shout(key));
    }
    let keys = TOP_LEVEL.map(|key| format!("{PREFIX}{}", shout(key))).join(", ");
    format!("keys of the configuration begin with {keys}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn below() -> Map<String, Value> {
        let Value::Object(values) = json!({
            "registries": {"ghcr": {"token": {"env": "LONGSHORE_GHCR_TOKEN"}}},
            "services": {
                "my_api": {"environment": {"log_level": "info"}},
                "Web": {},
                "web-2": {},
                "web_2": {},
                "a__b": {},
            },
            "cloud": {"registries": {"ghcr.io": {}}},
        }) else {
            unreachable!()
        };
        values
    }

    fn found(name: &str) -> String {
        match path(name, &below()) {
            Ok(path) => path.iter().fold(String::new(), |key, part| join_key(&key, part)),
            Err(error) => format!("{}; {}", error.message, error.help),
        }
    }

    #[test]
    fn finds_names_in_whatever_way_they_are_written() {
        assert_eq!(found("SERVICES__MY_API__DESIRED_COUNT"), "services.my_api.desired-count");
        assert_eq!(found("services__web__memory"), "services.Web.memory");
        assert_eq!(found("SERVICES__NEW_ONE__IMAGE"), "services.new-one.image");
        assert_eq!(found("SERVICES__A__B__IMAGE"), "services.a__b.image");
        assert_eq!(found("CLOUD__REGISTRIES__GHCR_IO__FAULT"), "cloud.registries.\"ghcr.io\".fault");
        assert_eq!(
            found("SERVICES__WEB_2__IMAGE"),
            "may mean `services.web-2` or `services.web_2`; say which with --set"
        );
    }

    #[test]
    fn leaves_the_names_of_a_containers_variables_as_they_are() {
        assert_eq!(
            found("SERVICES__WEB__ENVIRONMENT__SPRING_PROFILES__X"),
            "services.Web.environment.SPRING_PROFILES__X"
        );
        assert_eq!(
            found("SERVICES__MY_API__ENVIRONMENT__LOG_LEVEL"),
            "services.my_api.environment.log_level"
        );
    }

    #[test]
    fn unknown_variables_are_errors_that_name_them() {
        let variables = [
            "LONGSHORE_ENV",
            "LONGSHORE_ENVV",
            "LONGSHORE_GHCR_TOKEN",
            "LONGSHORE_REQUIRE_DOCKER",
            "LONGSHORE_SERVICE__API__MEMORY",
            "LONGSHORE_SERVICES_API_MEMORY",
            "LONGSHORE_SERVICES____MEMORY",
            "LONGSHORE_SERVICES__WEB_2__MEMORY",
            "LONGSHORE_WHATEVER",
            "LONGSHOREMAN",
        ];
        let variables = variables.map(|name| (name.to_owned(), "hunter2".to_owned()));
        let mut errors = Vec::new();
        let layer = read(of_keys(&variables), &below(), &Layer::default(), &mut errors);
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(Value::Object(layer.values), json!({}));
        insta::assert_snapshot!(errors.join("\n"));
    }
}
