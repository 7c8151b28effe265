//! The suite of secret values.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Failure, Options, Secret};
use longshore_plugin::SecretValue;
use longshore_testkit::value::{self, Given};
use serde_json::Value;

use super::{
    Checks,
    bench::{Bench, Case, Variant, wrong},
    context,
};

/// The suite's name.
const SUITE: &str = "secret-value";

struct Harness {
    case: Case,
    expected: Secret<String>,
}

impl Case {
    fn value(&self, variant: Variant) -> Result<Arc<dyn SecretValue>, Failure> {
        let plugin = self.plugin(variant);
        let mut table = plugin.options.values;
        table.insert("use".to_owned(), plugin.name.into());
        let values = [("value".to_owned(), Value::Object(table))].into_iter().collect();
        let options = Options { key: plugin.options.key, values, ..Options::default() };
        let value = Self::plugins().secret_value(&options, &self.extensions());
        value.map_err(|problems| wrong(&problems))
    }
}

pub(super) async fn test(bench: &Arc<Bench>, checks: &mut Checks) {
    let case = bench.case();
    let fetched = match case.value(Variant::Usual) {
        Ok(value) => value.fetch(&context()).await,
        Err(failure) => Err(failure),
    };
    // The suite holds all further answers against the first.
    let expected = match fetched {
        Ok(value) => value,
        Err(failure) => return checks.failure(SUITE, "yields_a_value", &failure),
    };
    let report = value::run(async || Harness { case: bench.case(), expected: expected.clone() }).await;
    checks.report(SUITE, report);
}

#[async_trait]
impl value::Harness for Harness {
    async fn good(&self) -> Given {
        let source = self.case.value(Variant::Usual).unwrap_or_else(|failure| panic!("{failure}"));
        Given { source, value: self.expected.expose().clone() }
    }

    async fn absent(&self) -> Vec<Arc<dyn SecretValue>> {
        if !self.case.has(Variant::Absent) {
            return Vec::new();
        }
        let source = self.case.value(Variant::Absent).unwrap_or_else(|failure| panic!("{failure}"));
        self.case.hide(&self.expected);
        vec![source]
    }
}
