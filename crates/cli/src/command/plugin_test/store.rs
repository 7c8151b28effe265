//! The suite of secret stores.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Failure, Name, Secret, StepId};
use longshore_plugin::{Context, SecretSpec, SecretStore, Stored};
use longshore_testkit::{Told, store, suite_name};

use super::{
    Checks,
    bench::{Bench, Case, Variant, wrong},
};

/// The suite's name.
const SUITE: &str = "secret-store";

/// The stacks that the suite plays, beside its own: another one, and one that stands for a foreign owner.
const OTHERS: [&str; 2] = ["another-stack", "foreign-stack"];

struct Harness {
    case: Case,
    store: Arc<dyn SecretStore>,
}

impl Case {
    fn store(&self) -> Result<Arc<dyn SecretStore>, Failure> {
        Self::plugins()
            .secret_store(&self.plugin(Variant::Usual), &self.extensions())
            .map_err(|problems| wrong(&problems))
    }
}

pub(super) async fn test(bench: &Arc<Bench>, checks: &mut Checks) {
    let case = bench.case();
    let read = match case.store() {
        Ok(store) => {
            read(
                &store,
                &suite_name(),
                &SecretSpec { path: "suite/none/pull".to_owned(), ..SecretSpec::default() },
            )
            .await
        }
        Err(failure) => Err(failure),
    };
    if let Err(failure) = read {
        return checks.failure(SUITE, "reads_what_is_not_there", &failure);
    }
    let report = store::run(async || {
        let case = bench.case();
        let store = case.store().unwrap_or_else(|failure| panic!("{failure}"));
        Harness { case, store }
    });
    checks.report(SUITE, report.await);
}

async fn read(
    store: &Arc<dyn SecretStore>,
    stack: &Name,
    secret: &SecretSpec,
) -> Result<Option<Stored>, Failure> {
    store.read(&context(stack), secret).await
}

fn context(stack: &Name) -> Context {
    Arc::<Told>::default().context(stack, StepId::new("credential", "first"))
}

fn stacks() -> Vec<Name> {
    let others = OTHERS.iter().filter_map(|name| Name::new(*name).ok());
    [suite_name()].into_iter().chain(others).collect()
}

impl Harness {
    /// Reads the secret as each of the stacks, in a program of its own.
    async fn read_all(&self, secret: &SecretSpec) -> Vec<Option<Stored>> {
        let case = self.case.next_run();
        let store = case.store().unwrap_or_else(|failure| panic!("{failure}"));
        let mut all = Vec::new();
        for stack in stacks() {
            let stored = read(&store, &stack, secret).await;
            all.push(stored.unwrap_or_else(|failure| panic!("{failure}")));
        }
        all
    }
}

#[async_trait]
impl store::Harness for Harness {
    fn store(&self) -> Arc<dyn SecretStore> {
        self.store.clone()
    }

    async fn stored(&self, secret: &SecretSpec) -> Option<String> {
        let stored = self.read_all(secret).await.into_iter().flatten().next()?;
        Some(stored.value.expose().clone())
    }

    async fn put_foreign(&self, secret: &SecretSpec, value: &str) {
        let Some(foreign) = stacks().pop() else { return };
        let applied = self.store.apply(&context(&foreign), secret, &Secret::new(value.to_owned())).await;
        if let Err(failure) = applied {
            panic!("{failure}");
        }
    }

    async fn writes(&self) -> String {
        let mut all = String::new();
        for word in ["first", "second"] {
            for stored in self.read_all(&self.secret(word)).await {
                let value = stored.as_ref().map(|stored| stored.value.expose().as_str());
                let version = stored.as_ref().map(|stored| (&stored.version, stored.changed_at));
                all.push_str(&format!("{value:?} {version:?}\n"));
            }
        }
        all
    }

    async fn cut_off_after(&self, _: u32) -> bool {
        false
    }
}
