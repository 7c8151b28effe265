//! What the tests share.

use std::sync::Arc;

use longshore_model::StepId;
use longshore_plugin::{Context, Reporter};
use tokio_util::sync::CancellationToken;

struct Silent;

impl Reporter for Silent {
    fn progress(&self, _step: &StepId, _message: &str) {}

    fn warning(&self, _step: &StepId, _message: &str) {}
}

/// A run that nobody watches.
pub(crate) fn context() -> Context {
    let step = StepId::new("registry", "ghcr");
    Context::new(
        "shop".parse().unwrap(),
        "test".parse().unwrap(),
        step,
        CancellationToken::new(),
        Arc::new(Silent),
    )
}
