//! `--set key=value`.

use longshore_model::without_tokens;
use toml_edit::Key;

use super::{Layer, value};
use crate::{ConfigError, Origin};

/// Reads what `--set` was given, the later ones over the earlier ones.
pub(super) fn read(arguments: &[String], errors: &mut Vec<ConfigError>) -> Layer {
    let mut layer = Layer::default();
    for argument in arguments {
        match split(argument) {
            Ok((path, key, text)) => {
                layer.insert(&path, value::parse(text.trim()), &Origin::Set { key: key.to_owned() });
            }
            Err(error) => errors.push(*error),
        }
    }
    layer
}

/// Splits a `key=value` into the parts of the key, the key and the value.
fn split(argument: &str) -> Result<(Vec<String>, &str, &str), Box<ConfigError>> {
    let mut quote = None;
    let equals = argument.char_indices().find_map(|(index, c)| {
        match (quote, c) {
            (None, '=') => return Some(index),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        None
    });
    let help = "the form is --set key=value, such as --set services.api.memory=1024";
    let error = |key: &str, message: &str, help: &str| {
        Box::new(ConfigError::new(Origin::Set { key: key.to_owned() }, message).help(help))
    };
    let Some(equals) = equals else {
        // Only what can be a key is repeated: the rest may be a secret.
        let end = argument.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.\"'".contains(c)));
        return Err(error(
            &without_tokens(&argument[..end.unwrap_or(argument.len())]),
            "there is no `=`",
            help,
        ));
    };
    let (key, text) = (argument[..equals].trim(), &argument[equals + 1..]);
    match Key::parse(key) {
        Ok(parts) => Ok((parts.iter().map(|part| part.get().to_owned()).collect(), key, text)),
        Err(_) if key.is_empty() => Err(error(key, "there is no key before `=`", help)),
        Err(_) => Err(error(
            key,
            "the key is no dotted key of TOML",
            "quote a part that has other characters, as in --set 'cloud.registries.\"ghcr.io\".fault=…'",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn layer(arguments: &[&str]) -> (Value, Vec<String>) {
        let mut errors = Vec::new();
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        let layer = read(&arguments, &mut errors);
        (Value::Object(layer.values), errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn reads_dotted_and_quoted_keys() {
        let (values, errors) = layer(&[
            "services.api.memory=1024",
            "cloud.registries.\"ghcr.io\".fault = unreachable",
            "cloud.registries.'a=b.io'.fault=x=y",
            "services.api.memory=2048",
            "services.api.network.subnets=[\"subnet-1\"]",
        ]);
        assert_eq!(errors, [""; 0]);
        assert_eq!(
            values,
            json!({
                "services": {"api": {"memory": 2048, "network": {"subnets": ["subnet-1"]}}},
                "cloud": {"registries": {"ghcr.io": {"fault": "unreachable"}, "a=b.io": {"fault": "x=y"}}},
            })
        );
    }

    #[test]
    fn says_what_is_malformed_without_repeating_values() {
        let (values, errors) = layer(&["registries.ghcr.token:hunter2", "=3", "a..b=hunter2", "a b=1"]);
        assert_eq!(values, json!({}));
        insta::assert_snapshot!(errors.join("\n"));
        assert!(!errors.concat().contains("hunter2"));
    }
}
