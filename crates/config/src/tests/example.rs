//! The configuration that the repository ships.

use std::path::PathBuf;

use longshore_model::{Name, split_key};

use super::Configuration;
use crate::{Layers, Loaded, environments, load};

fn directory() -> PathBuf {
    PathBuf::from("../../configs")
}

fn example(environment: &str) -> Loaded {
    let environment = Name::new(environment).unwrap();
    let layers = Layers { directory: directory(), environment, set: Vec::new(), variables: Vec::new() };
    load(&layers, &super::plugins()).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn every_environment_loads() {
    let environments = environments(&directory());
    assert!(environments.len() >= 2, "{environments:?}");
    for environment in environments {
        assert_eq!(example(&environment).embedded, environment == "local");
    }
}

#[test]
fn the_local_environment_with_all_origins() {
    let listing = example("local").listing();
    let lines: Vec<_> = listing.iter().map(|entry| format!("{entry}  # {}", entry.origin)).collect();
    insta::assert_snapshot!(lines.join("\n").replace("../../configs", "configs"));
}

#[test]
fn the_examples_of_the_reference_are_a_configuration() {
    let reference = std::fs::read_to_string("../../docs/configuration.md").unwrap();
    let examples = reference.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let example = examples.collect::<String>();
    let listing = Configuration::new(&example, "").listing();
    // Every key that the examples show, the defaults aside, is explained in one of the tables.
    for line in listing.lines().filter(|line| !line.ends_with("# default")) {
        let (key, _) = line.split_once(" = ").unwrap();
        let last = split_key(key).pop().unwrap();
        let named = [
            format!("`{last}`"),
            format!(".{last}`"),
            format!(".{last}."),
            format!("{last} ="),
            format!("`{last}."),
        ];
        assert!(named.iter().any(|named| reference.contains(named)), "{key}");
    }
}
