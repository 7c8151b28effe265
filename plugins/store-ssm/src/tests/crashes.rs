//! Wherever a run ends, the next one goes on.

use aws_sdk_ssm::types::ResourceTypeForTagging;
use longshore_model::{Action, FailureKind};
use longshore_simcloud::Effect;
use serde_json::json;

use super::harness::{Harness, NAME};

/// More than the SDK's attempts: the call is done, and the caller does not learn of it, as when the process is killed.
const ALL: u32 = longshore_aws::ATTEMPTS;

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_after_any_call_is_completed_by_the_next() {
    for (operation, is_new) in [
        ("PutParameter", true),
        ("GetParameter", true),
        ("PutParameter", false),
        ("AddTagsToResource", false),
    ] {
        let harness = Harness::new(json!({}));
        if !is_new {
            harness.apply("old").await.unwrap();
            let client = harness.client().await;
            let untag = client.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter);
            untag.resource_id(NAME).tag_keys("longshore:resource").send().await.unwrap();
        }
        harness.fault(&format!("ssm:{operation}"), ALL, Effect::LoseAnswer);
        let failure = harness.apply("new").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
        assert!(failure.at.unwrap().contains(operation));
        harness.apply("new").await.unwrap();
        assert_eq!(harness.stored().await.unwrap().0, "new", "{operation}");
        assert_eq!(harness.action("new").await, Action::NoChange, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_agree() {
    let harness = Harness::new(json!({}));
    let (one, other) = tokio::join!(harness.apply("one"), harness.apply("one"));
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(harness.stored().await, Some(("one".to_owned(), 1)));
}

#[tokio::test(start_paused = true)]
async fn a_deletion_whose_answer_is_lost_is_done() {
    let harness = Harness::new(json!({}));
    harness.apply("one").await.unwrap();
    harness.fault("ssm:DeleteParameter", 1, Effect::LoseAnswer);
    harness.remove().await.unwrap();
    assert_eq!(harness.stored().await, None);
}
