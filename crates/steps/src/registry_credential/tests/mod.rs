//! Credentials through their whole life, and runs that are killed or go wrong at any change that they make.

mod leave;
mod world;

use longshore_model::{Action, FailureKind, StepPlan};
use longshore_plugin::Result;

use self::world::{DAY, Fault, World};
use super::TokenLabels;
use crate::Revokers;

const API: &[&str] = &["acme/api:1"];
const BOTH: &[&str] = &["acme/api:1", "acme/web:1"];

#[tokio::test]
async fn a_token_is_made_once_and_again_when_it_no_longer_serves() {
    let world = World::default();
    let plan = world.deploy(API).await.unwrap();
    assert_eq!((plan.action, plan.reason.as_deref()), (Action::Create, Some("no token is stored")));
    assert_eq!(plan.notes, ["a token will be made: limited to acme/api"]);
    world.assert_settled("made");
    assert_eq!(world.labels().expires_at, Some(90 * DAY));

    world.outside().now = 82 * DAY;
    assert_eq!(world.deploy(API).await.unwrap().action, Action::NoChange);
    let mut reasons = Vec::new();
    world.outside().now = 84 * DAY;
    reasons.push(world.deploy(API).await.unwrap());
    world.assert_settled("expires soon");
    reasons.push(world.deploy(BOTH).await.unwrap());
    world.assert_settled("another repository");
    assert_eq!(world.deploy(API).await.unwrap().action, Action::NoChange, "it pulls more than it must");
    world.outside().tokens.clear();
    reasons.push(world.deploy(API).await.unwrap());
    world.assert_settled("revoked by hand");
    world.outside().now = 300 * DAY;
    reasons.push(world.deploy(API).await.unwrap());
    world.assert_settled("expired");
    let reasons: Vec<_> = reasons.iter().map(|plan| plan.reason.clone().unwrap()).collect();
    insta::assert_snapshot!(reasons.join("\n"), @r"
    the stored token expires at 1970-04-01T00:00:00Z
    the stored token was made for other repositories
    the stored token is refused: docker.io: acme/api:1: access denied
    the stored token expired at 1970-06-24T00:00:00Z
    ");
    assert_eq!(world.outside().minted, 5);
    assert!(world.outside().warnings.is_empty());
}

#[tokio::test]
async fn an_image_that_is_not_there_is_no_reason_for_another_token() {
    let world = World::default();
    world.deploy(API).await.unwrap();
    let failure = world.deploy(&["acme/api:missing"]).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert_eq!(world.outside().minted, 1);
}

#[tokio::test]
async fn a_token_that_does_not_pull_is_revoked_and_never_stored() {
    let world = World::default();
    world.outside().mints_bad = true;
    let failure = world.deploy(API).await.unwrap_err();
    insta::assert_snapshot!(failure, @"docker.io: acme/api:1: access denied; the new token 1 was revoked");
    assert_eq!((world.tokens().len(), world.outside().versions.len()), (0, 0));

    world.outside().mints_bad = false;
    world.deploy(API).await.unwrap();
    world.outside().mints_bad = true;
    let failure = world.rotate(API).await.unwrap_err();
    assert!(failure.message.ends_with("not promoted; the new token 3 was revoked"), "{failure}");
    world.assert_settled("the bad one is forgotten");
    assert_eq!(world.current().as_deref(), Some("2"));
    let outside = world.outside();
    assert_eq!((outside.current, outside.pending), (Some(0), None));
}

#[tokio::test]
async fn what_is_promoted_is_what_was_proved_as_it_is_stored() {
    let world = World::default();
    world.deploy(API).await.unwrap();
    world.outside().truncates = true;
    let failure = world.rotate(API).await.unwrap_err();
    insta::assert_snapshot!(failure, @"what the store answers for the new version is no credential; it was not promoted; the new token 2 was revoked");
    world.assert_settled("truncated");
    assert_eq!(world.current().as_deref(), Some("1"));

    world.outside().truncates = false;
    assert_eq!(world.rotate(API).await.unwrap().action, Action::Update);
    world.assert_settled("rotated");
    let outside = world.outside();
    assert_eq!((outside.previous, outside.current, outside.minted), (Some(0), Some(2), 3));
}

#[tokio::test]
async fn a_fetched_credential_is_rotated_only_when_it_is_another_one_that_pulls() {
    let world = World::default();
    for id in ["1", "2"] {
        world.outside().tokens.insert(id.to_owned(), ["acme/api".to_owned()].into());
    }
    world.outside().fetched = Some("secret-1".to_owned());
    let failure = world.rotate(API).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound, "{failure}");
    world.deploy(API).await.unwrap();
    assert_eq!(world.rotate(API).await.unwrap().action, Action::NoChange);
    world.outside().fetched = Some("secret-3".to_owned());
    assert_eq!(world.rotate(API).await.unwrap_err().kind, FailureKind::Denied);
    assert_eq!(world.outside().versions.len(), 1, "nothing was staged");
    world.outside().fetched = Some("secret-2".to_owned());
    assert_eq!(world.rotate(API).await.unwrap().action, Action::Update);
    assert_eq!(world.current().as_deref(), Some("2"));
    assert_eq!(world.tokens(), ["1", "2"], "what was not made for the stack is not revoked");
}

#[tokio::test]
async fn a_token_that_cannot_be_revoked_is_told_and_tried_again() {
    let world = World::default();
    world.deploy(API).await.unwrap();
    world.outside().refuses_to_revoke = true;
    let failure = world.rotate(API).await.unwrap_err();
    insta::assert_snapshot!(failure, @"the token 1 could not be revoked: docker.io: not an owner of acme");
    assert_eq!((world.current().as_deref(), world.tokens().len()), (Some("2"), 2));
    world.outside().refuses_to_revoke = false;
    let plan = world.deploy(API).await.unwrap();
    assert_eq!((plan.action, plan.reason.as_deref()), (Action::Update, Some("the token 1 will be revoked")));
    world.assert_settled("revoked later");

    world.outside().refuses_to_revoke = true;
    let failure = world.destroy(API).await.unwrap_err();
    insta::assert_snapshot!(failure, @"the token 2 could not be revoked: docker.io: not an owner of acme; the secret stays, because it names the token: repeat this when the registry's API answers");
    assert!(world.current().is_some());
}

#[tokio::test]
async fn a_registry_that_leaves_takes_its_tokens_along() {
    let world = World::default();
    world.deploy(API).await.unwrap();
    let plan = world.destroy(API).await.unwrap();
    assert_eq!(
        (plan.action, &plan.notes[..]),
        (Action::Delete, &["the token 1 will be revoked".to_owned()][..])
    );
    assert_eq!((world.current(), world.tokens().len()), (None, 0));
    assert_eq!(world.destroy(API).await.unwrap().action, Action::NoChange);

    // Killed between making the first token and storing it.
    world.outside().fault = Some((0, Fault::KilledAfter));
    world.deploy(API).await.unwrap_err();
    assert_eq!((world.current(), world.tokens().len()), (None, 1));
    assert_eq!(world.destroy(API).await.unwrap().action, Action::Delete);
    assert!(world.tokens().is_empty());
}

#[tokio::test]
async fn tokens_for_the_secret_of_others_stay() {
    let world = World::default();
    world.deploy(API).await.unwrap();
    world.outside().is_of_others = true;
    assert_eq!(world.destroy(API).await.unwrap().action, Action::NoChange);
    let leaving = Revokers { removed: vec![world.declared_as("hub")], ..Revokers::default() };
    assert_eq!(world.leave(leaving).await.unwrap().action, Action::NoChange);
    assert_eq!(world.tokens(), ["1"]);
}

#[tokio::test]
async fn a_source_that_no_longer_makes_tokens_is_told_of_those_that_it_made() {
    let world = World::default();
    world.deploy(API).await.unwrap();
    world.outside().tokens.insert("own".to_owned(), ["acme/api".to_owned()].into());
    world.outside().fetched = Some("secret-own".to_owned());
    assert_eq!(world.deploy(API).await.unwrap().action, Action::Update);
    assert_eq!((world.current().as_deref(), world.labels()), (Some("own"), TokenLabels::default()));
    let warnings = world.outside().warnings.clone();
    assert!(
        matches!(&warnings[..], [warning] if warning.contains("the token 1 cannot be revoked")),
        "{warnings:?}"
    );
}

const FAULTS: [Fault; 4] = [Fault::KilledBefore, Fault::KilledAfter, Fault::Refused, Fault::Lost];

/// Lets `work` go wrong at each of its changes in each way, and then repeats it until it says that it is done.
async fn in_spite_of_everything(
    prepare: impl AsyncFn(&World),
    work: impl AsyncFn(&World) -> Result<StepPlan>,
) {
    for fault in FAULTS {
        let mut changes = 0;
        loop {
            let what = format!("{fault:?} at change {changes}");
            let world = World::default();
            prepare(&world).await;
            let had = world.current().is_some();
            world.outside().fault = Some((changes, fault));
            let result = work(&world).await;
            if world.outside().fault.take().is_some() {
                assert!(result.is_ok() && changes >= 2, "{what}: {result:?}");
                break;
            }
            if had {
                let current = world.current().unwrap();
                assert!(world.tokens().contains(&current), "{what}: tasks could not be launched now");
            }
            work(&world).await.unwrap_or_else(|failure| panic!("{what}: {failure}"));
            world.assert_settled(&what);
            changes += 1;
        }
    }
}

#[tokio::test]
async fn a_first_token_that_goes_wrong_anywhere_is_made_by_the_next_run() {
    in_spite_of_everything(async |_| {}, async |world| world.deploy(API).await).await;
}

#[tokio::test]
async fn a_replacement_that_goes_wrong_anywhere_is_completed_by_the_next_run() {
    let prepare = async |world: &World| {
        world.deploy(API).await.unwrap();
        world.outside().now = 85 * DAY;
    };
    in_spite_of_everything(prepare, async |world| world.deploy(BOTH).await).await;
}

#[tokio::test]
async fn a_rotation_that_goes_wrong_anywhere_is_completed_by_the_next_one() {
    let prepare = async |world: &World| drop(world.deploy(API).await.unwrap());
    in_spite_of_everything(prepare, async |world| world.rotate(API).await).await;
}

#[tokio::test]
async fn a_deployment_completes_a_rotation_that_was_killed() {
    for changes in 0..6 {
        let world = World::default();
        world.deploy(API).await.unwrap();
        world.outside().fault = Some((changes, Fault::KilledAfter));
        let killed = world.rotate(API).await.is_err();
        assert!(killed, "there are more changes than {changes}");
        let noted = world.labels().ids();
        world.deploy(API).await.unwrap();
        // A token that was made and not noted is found by the next rotation, or when the registry leaves.
        if changes == 0 {
            assert_eq!((noted.len(), world.tokens().len()), (1, 2));
            world.rotate(API).await.unwrap();
        }
        world.assert_settled(&format!("killed after change {changes}"));
    }
}
