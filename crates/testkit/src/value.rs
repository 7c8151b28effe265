//! The suite of secret values.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{FailureKind, StepId};
use longshore_plugin::{Context, SecretValue};

use crate::{
    Report, Told,
    report::cases,
    told::{name, ok, refused},
};

/// A source of a value, and the value that it has to yield.
#[derive(Clone)]
pub struct Given {
    /// The source.
    pub source: Arc<dyn SecretValue>,
    /// The value: long and unlike any other text.
    pub value: String,
}

/// Sources of values to be tested.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A source that finds a value.
    async fn good(&self) -> Given;

    /// Sources that find nothing where they look. If there are none, their case is left out.
    async fn absent(&self) -> Vec<Arc<dyn SecretValue>>;
}

struct Bench<H> {
    harness: H,
    told: Arc<Told>,
    context: Context,
}

/// Runs all cases that apply, and ends the test when one of them fails.
///
/// # Panics
/// With the name and the reason of each case that failed.
pub async fn suite<H: Harness>(make: impl AsyncFn() -> H) -> Report {
    let report = run(make).await;
    report.assert();
    report
}

/// Runs all cases that apply.
pub async fn run<H: Harness>(make: impl AsyncFn() -> H) -> Report {
    let mut report = Report::of("secret value");
    let made = async || {
        let told = Arc::<Told>::default();
        let context = told.context(&name("suite"), StepId::new("secret", "first"));
        Bench { harness: make().await, told, context }
    };
    cases! { report, made: yields_the_value_each_time, tells_the_value_to_nobody }
    if made().await.harness.absent().await.is_empty() {
        report
            .leave_out("says_what_to_do_when_there_is_none", "the harness has no source that finds nothing");
    } else {
        cases! { report, made: says_what_to_do_when_there_is_none }
    }
    report
}

async fn yields_the_value_each_time<H: Harness>(bench: &Bench<H>) {
    let given = bench.harness.good().await;
    for _ in 0..3 {
        let value = ok(given.source.fetch(&bench.context).await, "fetch");
        assert!(*value.expose() == given.value, "another value");
    }
}

async fn tells_the_value_to_nobody<H: Harness>(bench: &Bench<H>) {
    let given = bench.harness.good().await;
    for _ in 0..2 {
        let description = given.source.describe();
        assert_eq!(description.lines().count(), 1, "a few words on one line: {description:?}");
        bench.told.text(description);
        bench.told.result(&given.source.fetch(&bench.context).await);
    }
    bench.told.assert_unseen(&given.value);
}

async fn says_what_to_do_when_there_is_none<H: Harness>(bench: &Bench<H>) {
    for source in bench.harness.absent().await {
        let what = source.describe();
        let failure = refused(source.fetch(&bench.context).await, &what);
        assert_ne!(
            failure.kind,
            FailureKind::Internal,
            "{what}: a value that is missing is no fault: {failure}"
        );
    }
}
