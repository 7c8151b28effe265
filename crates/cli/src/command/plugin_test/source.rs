//! The suite of credential sources.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::Failure;
use longshore_plugin::{Credential, CredentialSource};
use longshore_testkit::source::{self, Given};

use super::{
    Checks,
    bench::{Bench, Case, Variant, wrong},
    context,
};

/// The suite's name.
const SUITE: &str = "credential-source";

struct Harness {
    case: Case,
    expected: Credential,
}

impl Case {
    fn source(&self, variant: Variant) -> Result<Arc<dyn CredentialSource>, Failure> {
        Self::plugins()
            .credential_source(&self.plugin(variant), &self.extensions())
            .map_err(|problems| wrong(&problems))
    }
}

pub(super) async fn test(bench: &Arc<Bench>, checks: &mut Checks) {
    let case = bench.case();
    let fetched = match case.source(Variant::Usual) {
        Ok(source) => source.fetch(&context()).await,
        Err(failure) => Err(failure),
    };
    // The suite holds all further answers against the first.
    let expected = match fetched {
        Ok(credential) => credential,
        Err(failure) => return checks.failure(SUITE, "yields_a_credential", &failure),
    };
    let report = source::run(async || Harness { case: bench.case(), expected: expected.clone() }).await;
    checks.report(SUITE, report);
}

#[async_trait]
impl source::Harness for Harness {
    async fn good(&self) -> Given {
        let source = self.case.source(Variant::Usual);
        Given {
            source: source.unwrap_or_else(|failure| panic!("{failure}")),
            username: self.expected.username.clone(),
            password: self.expected.password.expose().clone(),
        }
    }

    async fn absent(&self) -> Vec<Arc<dyn CredentialSource>> {
        if !self.case.has(Variant::Absent) {
            return Vec::new();
        }
        let source = self.case.source(Variant::Absent).unwrap_or_else(|failure| panic!("{failure}"));
        self.case.hide(&self.expected.password);
        vec![source]
    }

    async fn unstorable(&self) -> Vec<Given> {
        Vec::new()
    }
}
