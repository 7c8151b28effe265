//! The files of a configuration directory.

use std::{fs, io::ErrorKind, path::Path};

use longshore_model::{Name, closest};

use super::{Layer, document};
use crate::{ConfigError, Origin};

/// The largest file that is read, in bytes: that of tens of thousands of services.
const LARGEST: usize = 64 << 20;

/// The environments of a configuration directory: its `.toml` files, `base.toml` aside.
#[must_use]
pub fn environments(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".toml")?.to_owned()))
        .filter(|name| name != "base" && Name::new(name.as_str()).is_ok())
        .collect();
    names.sort();
    names
}

/// Reads `base.toml` and the environment's file. Says everything that is wrong with both.
pub(super) fn read(
    directory: &Path,
    environment: &Name,
    errors: &mut Vec<ConfigError>,
) -> Option<Vec<Layer>> {
    if !directory.is_dir() {
        errors.push(
            ConfigError::new(Origin::file(directory), "there is no such directory")
                .help("name the one that holds base.toml with --config-dir"),
        );
        return None;
    }
    let base = directory.join("base.toml");
    let base = read_file(&base, || {
        ConfigError::new(Origin::file(&base), "there is no such file")
            .help("it holds what all environments share; another directory is named with --config-dir")
    });
    let path = directory.join(format!("{environment}.toml"));
    let own = if environment.as_str() == "base" {
        let message = "`base` is what all environments share, and no environment itself";
        Err(Box::new(ConfigError::new(Origin::file(&path), message).help(existing(directory, environment))))
    } else {
        read_file(&path, || {
            ConfigError::new(Origin::file(&path), format!("there is no environment `{environment}`"))
                .help(existing(directory, environment))
        })
    };
    let layers: Vec<_> =
        [base, own].into_iter().filter_map(|file| file.map_err(|error| errors.push(*error)).ok()).collect();
    (layers.len() == 2).then_some(layers)
}

/// Names the environments that exist.
fn existing(directory: &Path, environment: &Name) -> String {
    let names = environments(directory);
    if names.is_empty() {
        return format!("{} has no environments", directory.display());
    }
    let meant = closest(environment.as_str(), names.iter().map(String::as_str));
    let meant = meant.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    format!("{meant}there are: {}", names.join(", "))
}

fn read_file(path: &Path, missing: impl FnOnce() -> ConfigError) -> Result<Layer, Box<ConfigError>> {
    match longshore_files::read_text(path, LARGEST) {
        Ok(text) => document::parse(path, &text),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Box::new(missing())),
        Err(error) => Err(Box::new(ConfigError::new(Origin::file(path), format!("cannot be read: {error}")))),
    }
}
