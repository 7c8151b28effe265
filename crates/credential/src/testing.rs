//! The tests' shared code.

use std::sync::Arc;

use longshore_model::{Name, StepId};
use longshore_plugin::Context;
use longshore_testkit::Told;

/// Returns the context of a step whose reports are dropped.
pub(crate) fn context() -> Context {
    Arc::new(Told::default()).context(&Name::new("shop").unwrap(), StepId::new("registry", "ghcr"))
}
