//! Registries that leave the configuration, and the tokens that were made for them.

use longshore_model::Action;

use super::{
    API, FAULTS,
    world::{DAY, Fault, World},
};
use crate::Revokers;

fn removed(world: &World) -> Revokers {
    Revokers { removed: vec![world.declared_as("hub")], ..Revokers::default() }
}

#[tokio::test]
async fn a_removed_registry_revokes_its_token_before_its_secret_goes() {
    let world = World::default();
    world.deploy(API).await.unwrap();
    let plan = world.leave(removed(&world)).await.unwrap();
    assert_eq!((plan.action, plan.resources), (Action::Delete, 1));
    let note = "the token 1 of longshore/shop/hub/pull will be revoked";
    assert_eq!((plan.orphans[0].note.as_deref(), &plan.notes[..]), (Some(note), &[][..]));
    assert_eq!((world.current(), world.tokens().len()), (None, 0));

    let plan = world.leave(removed(&world)).await.unwrap();
    assert_eq!(plan.action, Action::NoChange);
    assert_eq!(plan.notes, ["nothing is left of the registry `hub`: remove [registries.hub]"]);
    assert!(world.outside().warnings.is_empty());
}

#[tokio::test]
async fn a_removal_that_goes_wrong_anywhere_is_completed_by_the_next_run() {
    for fault in FAULTS {
        let mut changes = 0;
        loop {
            let what = format!("{fault:?} at change {changes}");
            let world = World::default();
            world.deploy(API).await.unwrap();
            world.outside().fault = Some((changes, fault));
            let result = world.leave(removed(&world)).await;
            if world.outside().fault.take().is_some() {
                assert!(result.is_ok() && changes == 2, "{what}: {result:?}");
                break;
            }
            let is_named = world.current().is_some();
            assert!(world.tokens().is_empty() || is_named, "{what}: nothing names the token any more");
            world.leave(removed(&world)).await.unwrap_or_else(|failure| panic!("{what}: {failure}"));
            assert_eq!((world.current(), world.tokens().len()), (None, 0), "{what}");
            changes += 1;
        }
    }
}

#[tokio::test]
async fn a_token_that_was_never_stored_is_revoked_too() {
    let world = World::default();
    world.outside().fault = Some((0, Fault::KilledAfter));
    world.deploy(API).await.unwrap_err();
    assert_eq!((world.current(), world.tokens().len()), (None, 1));
    let plan = world.leave(removed(&world)).await.unwrap();
    assert_eq!((plan.action, plan.resources), (Action::Delete, 1));
    assert_eq!(plan.orphans[0].resource, "token 1");
    assert!(world.tokens().is_empty());
}

#[tokio::test]
async fn a_registry_of_the_same_issuer_revokes_it_as_after_a_change_of_name() {
    let world = World::default();
    world.deploy(API).await.unwrap();
    let renamed = Revokers { declared: vec![world.declared_as("dockerhub")], ..Revokers::default() };
    assert_eq!(world.leave(renamed.clone()).await.unwrap().action, Action::Delete);
    assert_eq!((world.current(), world.tokens().len()), (None, 0));

    let world = World::default();
    world.deploy(API).await.unwrap();
    world.outside().labels.insert("token-issuer".to_owned(), "dockerhub hub.docker.com other".to_owned());
    let renamed = Revokers { declared: vec![world.declared_as("dockerhub")], ..Revokers::default() };
    assert_eq!(world.leave(renamed).await.unwrap().action, Action::NoChange);
    assert_eq!(world.tokens(), ["1"], "it is another organisation's");
}

#[tokio::test]
async fn a_token_that_nothing_can_revoke_keeps_its_secret_until_it_expires() {
    let world = World::default();
    world.deploy(API).await.unwrap();
    let plan = world.leave(Revokers::default()).await.unwrap();
    assert_eq!((plan.action, plan.resources), (Action::NoChange, 0));
    assert!(world.current().is_some() && world.tokens() == ["1"]);

    // The registry is there, but its source makes no tokens any more.
    world.outside().fetched = Some("secret-own".to_owned());
    world.leave(removed(&world)).await.unwrap();
    world.outside().fetched = None;
    insta::assert_snapshot!(world.outside().warnings.join("\n"));

    world.outside().now = 90 * DAY;
    let plan = world.leave(Revokers::default()).await.unwrap();
    assert_eq!(plan.action, Action::Delete);
    assert_eq!(plan.notes, ["longshore/shop/hub/pull: the token 1, which it names, has expired"]);
    assert!(world.current().is_none());
}

#[tokio::test]
async fn a_registry_that_refuses_to_revoke_keeps_the_secret() {
    let world = World::default();
    world.deploy(API).await.unwrap();
    world.outside().refuses_to_revoke = true;
    let failure = world.leave(removed(&world)).await.unwrap_err();
    insta::assert_snapshot!(failure, @"the token 1 could not be revoked: docker.io: not an owner of acme; the secret stays, because it names the token: repeat this when the registry's API answers");
    assert!(world.current().is_some());
}
