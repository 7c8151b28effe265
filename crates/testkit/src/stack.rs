//! A stack to declare steps in.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::{AwsTarget, Name, Stack};

use crate::told::name;

/// Returns a stack without registries, stores, services and steps, in the environment of the suites.
#[must_use]
pub fn stack(stack: &Name) -> Stack {
    Stack {
        name: stack.clone(),
        environment: name("suite"),
        aws: AwsTarget::default(),
        tags: BTreeMap::new(),
        adopt: BTreeSet::new(),
        registries: BTreeMap::new(),
        stores: BTreeMap::new(),
        services: BTreeMap::new(),
        steps: BTreeMap::new(),
    }
}
