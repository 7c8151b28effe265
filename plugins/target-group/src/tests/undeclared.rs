//! Orphans.

use longshore_model::StepId;
use longshore_plugin::{Declared, Stays};
use serde_json::json;

use super::harness::{Harness, NAME, plugin};

#[tokio::test(start_paused = true)]
async fn orphan_is_found_and_removed_with_its_rule() {
    let harness = Harness::deployed(json!({})).await;
    let orphans = plugin(&harness.aws).undeclared().remove(0);
    let context = harness.context_of("shop", "undeclared.target-groups");
    let resource = format!("target group {NAME}");
    let declared = Declared::of([(StepId::named("steps.web"), Some(resource.clone()))]);
    assert!(orphans.find(&context, &declared).await.unwrap().is_empty());
    let stranger = harness.context_of("blog", "undeclared.target-groups");
    assert!(orphans.find(&stranger, &Declared::default()).await.unwrap().is_empty());

    let found = orphans.find(&context, &Declared::default()).await.unwrap();
    let [orphan] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((&orphan.resource, orphan.step.as_str(), &orphan.stays), (&resource, "steps.web", &None));
    orphans.remove(&context, &Declared::default(), orphan).await.unwrap();
    assert!(harness.there().await.is_none() && harness.rules().await.is_empty());
    orphans.remove(&context, &Declared::default(), orphan).await.unwrap();
}

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
