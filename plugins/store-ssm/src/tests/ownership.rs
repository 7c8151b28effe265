//! What the stack does not own stays as it is.

use longshore_model::FailureKind;
use serde_json::json;

use super::harness::{Harness, NAME, secret, text};

#[tokio::test(start_paused = true)]
async fn a_parameter_of_nobody_is_neither_read_nor_changed() {
    let harness = Harness::new(json!({}));
    let client = harness.client().await;
    let theirs = client.put_parameter().name(NAME).value("theirs").r#type("SecureString".into());
    theirs.send().await.unwrap();
    let calls = harness.calls("ssm:PutParameter");

    let planned = harness.plan("one").await.unwrap_err();
    assert_eq!(planned.kind, FailureKind::Conflict);
    insta::assert_snapshot!("nobody", planned);
    assert_eq!(harness.apply("one").await.unwrap_err(), planned);
    insta::assert_snapshot!("nobody_stays", text(&harness.plan_removal().await.unwrap()));
    harness.remove().await.unwrap();
    assert_eq!(harness.store.read(&harness.context(), &harness.spec).await.unwrap(), None);
    assert_eq!(harness.stored().await.unwrap().0, "theirs");
    assert_eq!(harness.calls("ssm:PutParameter"), calls);
    for call in ["GetParameter", "DeleteParameter", "AddTagsToResource"] {
        assert_eq!(harness.calls(&format!("ssm:{call}")), 0, "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_parameter_of_another_stack_is_left_alone() {
    let harness = Harness::new(json!({}));
    let other = harness.context_of("blog");
    harness.store.apply(&other, &harness.spec, &secret("theirs")).await.unwrap();
    insta::assert_snapshot!("other_stack", harness.plan("one").await.unwrap_err());
    harness.remove().await.unwrap();
    assert_eq!(harness.stored().await.unwrap().0, "theirs");
    insta::assert_snapshot!("other_stack_stays", text(&harness.plan_removal().await.unwrap()));
}
