//! The suite of secret stores.

mod bench;
mod crashes;
mod life_cycle;
mod ownership;
mod rotation;
mod secrecy;

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Name, Secret};
use longshore_plugin::{SecretSpec, SecretStore};

use crate::{Report, report::cases, told::name};
use bench::Bench;

/// A store to be tested, and a look at what it keeps. Each harness has a backend, or names within a backend, of its own.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn SecretStore>;

    /// The value that consumers of the secret get, read past the store. Nothing when there is no such secret.
    async fn stored(&self, secret: &SecretSpec) -> Option<String>;

    /// Puts a value where `secret` will be, past the store and without its mark of ownership.
    async fn put_foreign(&self, secret: &SecretSpec, value: &str);

    /// A text that differs after anything was written: the backend's content, or the calls that write and their number.
    async fn writes(&self) -> String;

    /// Cuts the store off once `calls` more calls were answered: the backend does what it is asked, and no answer comes
    /// back, as when the process is killed. `false` when the backend cannot do that.
    async fn cut_off_after(&self, calls: u32) -> bool;

    /// Connects it again: the next run begins.
    async fn reconnect(&self) {}

    /// The stack. Harnesses that share a backend have different ones.
    fn stack(&self) -> Name {
        name("suite")
    }

    /// A secret to be kept; another `word` is another secret.
    fn secret(&self, word: &str) -> SecretSpec {
        SecretSpec {
            path: format!("{}/{word}/pull", self.stack()),
            description: "made by a behaviour suite".to_owned(),
            ..SecretSpec::default()
        }
    }

    /// A value that the store takes, with `word` in it as what is secret.
    fn value(&self, word: &str) -> Secret<String> {
        Secret::new(serde_json::json!({ "username": "acme", "password": word }).to_string())
    }
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
    let mut report = Report::of("secret store");
    let made = async || Bench::new(make().await);
    let (store, breaks) = {
        let bench = made().await;
        (bench.store.clone(), bench.harness.cut_off_after(0).await)
    };
    cases! { report, made:
        life_cycle::creates_what_is_not_there,
        life_cycle::writes_nothing_when_nothing_differs,
        life_cycle::changes_the_value_in_place,
        life_cycle::stores_a_value_that_it_held_before,
        life_cycle::keeps_any_text_as_it_is,
        life_cycle::removes_and_can_be_asked_again,
        life_cycle::stores_again_what_was_removed,
        life_cycle::keeps_secrets_apart,
        life_cycle::plans_without_writing,
        life_cycle::foresees_the_arn,
        ownership::leaves_alone_what_nobody_owns,
        ownership::leaves_alone_what_another_stack_owns,
        ownership::leaves_alone_what_another_stack_removed,
        rotation::reads_back_what_is_its_own,
        secrecy::tells_no_value,
    }
    const CANNOT_BREAK: &str = "the harness cannot cut off the plugin";
    if breaks {
        let made = &made;
        report.case("completes_a_creation_that_died", crashes::completes_a_creation_that_died(made)).await;
        report.case("completes_a_change_that_died", crashes::completes_a_change_that_died(made)).await;
        report.case("completes_a_removal_that_died", crashes::completes_a_removal_that_died(made)).await;
    } else {
        report.leave_out("completes_a_creation_that_died", CANNOT_BREAK);
        report.leave_out("completes_a_change_that_died", CANNOT_BREAK);
        report.leave_out("completes_a_removal_that_died", CANNOT_BREAK);
    }
    if store.labels().is_some() {
        cases! { report, made:
            life_cycle::knows_the_address_before_there_is_anything,
            rotation::keeps_labels_beside_the_value,
        }
    }
    if store.capabilities().finds_undeclared {
        cases! { report, made: ownership::names_what_nothing_declares }
    }
    if store.rotation().is_some() {
        cases! { report, made:
            rotation::stages_beside_the_current_value,
            rotation::promotes_what_was_staged,
            rotation::discards_what_was_staged,
            rotation::stages_only_what_it_owns,
        }
    }
    report
}
