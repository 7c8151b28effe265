//! Resources that the stack does not own stay as they are.

use longshore_model::{Action, FailureKind, StepId};
use longshore_plugin::{Declared, SecretSpec};

use super::{Harness, bench::Bench};
use crate::told::{ok, refused};

/// Expects that everything which would change the secret is refused, and that removal passes it by.
async fn expect_refusal<H: Harness>(bench: &Bench<H>) {
    let ours = bench.value("ours");
    let before = bench.harness.writes().await;
    let planned = refused(bench.try_plan(&ours).await, "the plan of a secret that is not the stack's");
    assert_eq!(planned.kind, FailureKind::Conflict, "{planned}");
    let applied = refused(bench.try_apply(&ours).await, "the change of a secret that is not the stack's");
    assert_eq!(applied.kind, FailureKind::Conflict, "{applied}");
    assert_eq!(bench.plan_removal().await.action, Action::NoChange, "the removal of what is not the stack's");
    bench.remove().await;
    assert_eq!(
        bench.harness.writes().await,
        before,
        "something was written although the secret is not the stack's"
    );
    let read = ok(bench.store.read(&bench.context, &bench.secret).await, "read");
    assert!(read.is_none(), "a secret that is not the stack's was read");
}

pub(super) async fn leaves_alone_what_nobody_owns<H: Harness>(bench: &Bench<H>) {
    bench.harness.put_foreign(&bench.secret, "theirs").await;
    expect_refusal(bench).await;
    assert_eq!(bench.stored().await.as_deref(), Some("theirs"));
}

pub(super) async fn leaves_alone_what_another_stack_owns<H: Harness>(bench: &Bench<H>) {
    let theirs = bench.value("theirs");
    ok(bench.store.apply(&bench.other, &bench.secret, &theirs).await, "apply by the other stack");
    expect_refusal(bench).await;
    bench.expect_stored(&theirs, "after another stack tried").await;
}

pub(super) async fn leaves_alone_what_another_stack_removed<H: Harness>(bench: &Bench<H>) {
    let (theirs, ours) = (bench.value("theirs"), bench.value("ours"));
    ok(bench.store.apply(&bench.other, &bench.secret, &theirs).await, "apply by the other stack");
    ok(bench.store.remove(&bench.other, &bench.secret).await, "remove by the other stack");
    if bench.store.capabilities().restores {
        // The tombstone holds the name, and its value is the other stack's.
        expect_refusal(bench).await;
        assert!(bench.stored().await.is_none(), "the secret of another stack was restored");
    } else {
        bench.apply(&ours).await;
        bench.expect_stored(&ours, "under a name that another stack gave up").await;
    }
}

pub(super) async fn names_what_nothing_declares<H: Harness>(bench: &Bench<H>) {
    let names = async |declared: &[&StepId]| -> Vec<String> {
        let declared = Declared::of(declared.iter().map(|&step| (step.clone(), None)));
        let found = ok(bench.store.undeclared(&bench.context, &declared).await, "undeclared");
        found.into_iter().map(|secret| secret.name).collect()
    };
    let step = bench.context.step.clone();
    let value = bench.value("declared");
    bench.apply(&value).await;
    let theirs = bench.harness.secret("second");
    ok(bench.store.apply(&bench.other, &theirs, &value).await, "apply by the other stack");
    bench.harness.put_foreign(&bench.harness.secret("third"), "theirs").await;
    assert_eq!(names(&[&step]).await, Vec::<String>::new(), "what a step declares, or is not the stack's");

    let [name] =
        names(&[]).await.try_into().unwrap_or_else(|found| panic!("one is undeclared, not {found:?}"));
    let undeclared = SecretSpec { name: Some(name), ..SecretSpec::default() };
    ok(bench.store.remove(&bench.context, &undeclared).await, "the removal by the name that was found");
    assert!(bench.stored().await.is_none(), "the undeclared secret is there after its removal");
    assert_eq!(names(&[]).await, Vec::<String>::new(), "what was removed");
    assert!(bench.harness.stored(&theirs).await.is_some(), "the secret of another stack is gone");
}
