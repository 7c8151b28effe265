//! From nothing to a secret, through its changes, and to its removal and back.

use longshore_model::Action;
use longshore_plugin::SecretSpec;

use super::{Harness, bench::Bench};
use crate::told::ok;

pub(super) async fn creates_what_is_not_there<H: Harness>(bench: &Bench<H>) {
    let value = bench.value("created");
    let plan = bench.plan(&value).await;
    assert_eq!(plan.action, Action::Create, "the plan of what is not there");
    assert!(!plan.resource.trim().is_empty(), "the plan names no resource");
    let arn = bench.apply(&value).await;
    assert!(!arn.trim().is_empty(), "apply answers with the secret's ARN");
    bench.expect_stored(&value, "after apply").await;
    bench.expect_settled(&value, &arn, "after apply").await;
}

pub(super) async fn writes_nothing_when_nothing_differs<H: Harness>(bench: &Bench<H>) {
    let value = bench.value("steady");
    let arn = bench.apply(&value).await;
    let before = bench.harness.writes().await;
    assert_eq!(bench.apply(&value).await, arn, "the same secret has the same ARN");
    assert_eq!(bench.harness.writes().await, before, "something was written although nothing differs");
}

pub(super) async fn changes_the_value_in_place<H: Harness>(bench: &Bench<H>) {
    let (old, new) = (bench.value("old"), bench.value("new"));
    let arn = bench.apply(&old).await;
    let plan = bench.plan(&new).await;
    assert_eq!(plan.action, Action::Update, "the plan of another value");
    bench.expect_stored(&old, "after a plan").await;
    assert_eq!(bench.apply(&new).await, arn, "another value is another secret");
    bench.expect_stored(&new, "after the change").await;
    bench.expect_settled(&new, &arn, "after the change").await;
}

pub(super) async fn stores_a_value_that_it_held_before<H: Harness>(bench: &Bench<H>) {
    let (first, second) = (bench.value("one"), bench.value("two"));
    for value in [&first, &second, &first, &second] {
        let arn = bench.apply(value).await;
        bench.expect_stored(value, "after going back and forth").await;
        bench.expect_settled(value, &arn, "after going back and forth").await;
    }
}

pub(super) async fn keeps_any_text_as_it_is<H: Harness>(bench: &Bench<H>) {
    for word in [
        "a\"b\\c",
        "line\nbreak\ttab",
        "größe ✓ 漢字 🚢",
        " spaces ",
        "${HOME} $(id) {{x}} %s",
        &"x".repeat(2000),
    ] {
        let value = bench.value(word);
        let arn = bench.apply(&value).await;
        bench.expect_stored(&value, "when the value holds special characters").await;
        bench.expect_settled(&value, &arn, "when the value holds special characters").await;
    }
}

pub(super) async fn removes_and_can_be_asked_again<H: Harness>(bench: &Bench<H>) {
    assert_eq!(bench.plan_removal().await.action, Action::NoChange, "there is nothing to remove yet");
    bench.remove().await;
    bench.apply(&bench.value("short-lived")).await;
    assert_eq!(bench.plan_removal().await.action, Action::Delete, "the plan to remove what is there");
    bench.remove().await;
    assert!(bench.stored().await.is_none(), "the secret is there after its removal");
    assert_eq!(bench.plan_removal().await.action, Action::NoChange, "it is removed already");
    bench.remove().await;
}

pub(super) async fn stores_again_what_was_removed<H: Harness>(bench: &Bench<H>) {
    let (old, new) = (bench.value("before"), bench.value("after"));
    for value in [&old, &new] {
        let first = bench.apply(&old).await;
        bench.remove().await;
        assert_eq!(bench.plan(value).await.action, Action::Create, "the plan of what was removed");
        let arn = bench.apply(value).await;
        if bench.store.capabilities().restores {
            assert_eq!(arn, first, "what is restored keeps its ARN");
        }
        bench.expect_stored(value, "after a removal and a deployment").await;
        bench.expect_settled(value, &arn, "after a removal and a deployment").await;
    }
}

pub(super) async fn keeps_secrets_apart<H: Harness>(bench: &Bench<H>) {
    let other = bench.harness.secret("second");
    let (first, second) = (bench.value("for-one"), bench.value("for-the-other"));
    let one = bench.apply(&first).await;
    let two = ok(bench.store.apply(&bench.context, &other, &second).await, "apply of another secret");
    assert_ne!(one, two, "two secrets have one ARN");
    bench.expect_stored(&first, "beside another secret").await;
    bench.remove().await;
    let left = bench.harness.stored(&other).await;
    assert!(left.as_ref() == Some(second.expose()), "the removal of one secret changed another");
}

pub(super) async fn plans_without_writing<H: Harness>(bench: &Bench<H>) {
    let (old, new) = (bench.value("old"), bench.value("new"));
    let plan_all = async |state: &str| {
        let before = bench.harness.writes().await;
        for value in [&old, &new] {
            bench.plan(value).await;
        }
        bench.plan_removal().await;
        assert_eq!(
            bench.harness.writes().await,
            before,
            "a plan wrote something while the secret was {state}"
        );
    };
    plan_all("not there").await;
    bench.apply(&old).await;
    plan_all("there").await;
    bench.remove().await;
    plan_all("removed").await;
}

pub(super) async fn foresees_the_arn<H: Harness>(bench: &Bench<H>) {
    let foreseen = async |secret: SecretSpec| {
        ok(bench.store.foreseen_arn(&bench.context, &secret).await, "foreseen_arn")
    };
    let Some(before) = foreseen(bench.secret.clone()).await else { return };
    assert_ne!(
        Some(before.clone()),
        foreseen(bench.harness.secret("second")).await,
        "two secrets have one ARN"
    );
    let arn = bench.apply(&bench.value("foreseen")).await;
    assert_eq!(before.len(), arn.len(), "{arn} is not as long as {before}");
    let Some(labels) = bench.store.labels() else { return };
    let address = ok(labels.address(&bench.context, &bench.secret).await, "address");
    assert!(arn.starts_with(&address) && before.starts_with(&address), "{arn} or {before} is not {address}");
}

pub(super) async fn knows_the_address_before_there_is_anything<H: Harness>(bench: &Bench<H>) {
    let labels = bench.labels();
    let address = async |secret: SecretSpec| ok(labels.address(&bench.context, &secret).await, "address");
    let before = address(bench.secret.clone()).await;
    assert!(!before.trim().is_empty(), "the address is empty");
    assert_ne!(before, address(bench.harness.secret("second")).await, "two secrets have one address");
    bench.apply(&bench.value("addressed")).await;
    assert_eq!(address(bench.secret.clone()).await, before, "the address changed when the secret was made");
}
