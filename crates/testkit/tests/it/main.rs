//! A complete example of a plugin's tests, for authors of plugins: a store in memory, its harness and its suite. And
//! the proof that the suites notice what is wrong.
#![expect(clippy::unwrap_used, reason = "in a test, whatever goes wrong fails it")]

mod flaws;
mod keychain;
mod sources;
mod steps;

use keychain::{Chained, Keychain};
use longshore_testkit::store;

/// This is all that a plugin's own test has to be.
#[tokio::test]
async fn a_store_in_memory_passes_the_suite_of_stores() {
    let report = store::suite(async || Chained::new(Keychain::default())).await;
    assert_eq!(report.left_out, []);
}
