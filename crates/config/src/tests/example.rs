//! The configuration that the repository ships.

use std::path::PathBuf;

use longshore_model::Name;

use crate::{Layers, Loaded, environments, load};

fn directory() -> PathBuf {
    PathBuf::from("../../configs")
}

fn example(environment: &str) -> Loaded {
    let environment = Name::new(environment).unwrap();
    let layers = Layers { directory: directory(), environment, set: Vec::new(), variables: Vec::new() };
    load(&layers).unwrap_or_else(|errors| panic!("{errors}"))
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
