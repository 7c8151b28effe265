//! Orphans.

use longshore_plugin::{Declared, Stays};
use serde_json::json;

use super::harness::{Harness, plugin};

#[tokio::test(start_paused = true)]
async fn protected_orphan_stays() {
    let mut harness = Harness::new(json!({})).await;
    harness.protects = true;
    harness.apply().await.unwrap();
    let orphans = plugin(&harness.aws).undeclared().remove(0);
    let context = harness.context_of("shop", "undeclared.target-groups");
    let found = orphans.find(&context, &Declared::default()).await.unwrap();
    assert_eq!(found[0].stays, Some(Stays::Protected));
}
