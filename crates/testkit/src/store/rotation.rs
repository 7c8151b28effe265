//! Reading back, labels, and rotation.

use std::collections::BTreeMap;

use longshore_model::FailureKind;
use longshore_plugin::{SecretSpec, Stored};

use super::{Harness, bench::Bench};
use crate::told::{ok, refused};

async fn read<H: Harness>(bench: &Bench<H>) -> Option<Stored> {
    ok(bench.store.read(&bench.context, &bench.secret).await, "read")
}

pub(super) async fn reads_back_what_is_its_own<H: Harness>(bench: &Bench<H>) {
    assert!(read(bench).await.is_none(), "something was read before anything was stored");
    let mut versions = Vec::new();
    for word in ["first", "second"] {
        let value = bench.value(word);
        let arn = bench.apply(&value).await;
        let Some(stored) = read(bench).await else { panic!("nothing is read back") };
        assert!(stored.value == value, "another value is read back than was stored");
        assert_eq!(stored.arn, arn, "another ARN is read back than apply answered with");
        assert!(
            !stored.name.is_empty() && !stored.version.is_empty(),
            "what is read back has no name or version"
        );
        versions.push(stored.version);
    }
    assert_ne!(versions[0], versions[1], "two values have one version");
    bench.remove().await;
    assert!(read(bench).await.is_none(), "something was read after the removal");
}

pub(super) async fn keeps_labels_beside_the_value<H: Harness>(bench: &Bench<H>) {
    let value = bench.value("labelled");
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let spec =
        |labels: &BTreeMap<String, String>| SecretSpec { labels: labels.clone(), ..bench.secret.clone() };
    let first = labels(&[("token-id", "a-1"), ("token-next", "b-2")]);
    let arn = ok(bench.store.apply(&bench.context, &spec(&first), &value).await, "apply with labels");
    let found = async || read(bench).await.map(|stored| stored.labels).unwrap_or_default();
    assert_eq!(found().await, first, "the labels after apply");

    let second = labels(&[("token-id", "b-2")]);
    for _ in 0..2 {
        ok(bench.labels().label(&bench.context, &spec(&second)).await, "label");
        assert_eq!(found().await, second, "the labels after they were changed");
    }
    bench.expect_stored(&value, "after its labels were changed").await;
    let plan = ok(bench.store.plan(&bench.context, &spec(&second), &value).await, "plan with labels");
    assert!(!plan.is_change(), "labels that are as declared are a change: {plan:?}");
    bench.expect_stored(&value, "beside its labels").await;
    ok(bench.store.apply(&bench.context, &bench.secret, &value).await, "apply without labels");
    assert_eq!(found().await, labels(&[]), "labels that are not declared stay");
    bench.expect_settled(&value, &arn, "without labels").await;
}

async fn stage<H: Harness>(bench: &Bench<H>, word: &str) -> String {
    let staged = bench.rotation().stage(&bench.context, &bench.secret, &bench.value(word)).await;
    let version = ok(staged, "stage");
    assert!(!version.is_empty(), "what is staged has no version");
    version
}

/// Expects the value of a version.
async fn expect_version<H: Harness>(bench: &Bench<H>, version: &str, word: &str) {
    let value =
        ok(bench.rotation().read_version(&bench.context, &bench.secret, version).await, "read_version");
    assert!(value == bench.value(word), "a version has another value than was staged");
}

pub(super) async fn stages_beside_the_current_value<H: Harness>(bench: &Bench<H>) {
    let current = bench.value("current");
    let arn = bench.apply(&current).await;
    let first = stage(bench, "next").await;
    expect_version(bench, &first, "next").await;
    bench.expect_stored(&current, "while another one is staged").await;
    bench.expect_settled(&current, &arn, "while another value is staged").await;
    let second = stage(bench, "next-but-one").await;
    assert_ne!(first, second, "two staged values have one version");
    expect_version(bench, &second, "next-but-one").await;
    bench.expect_stored(&current, "while another one is staged").await;
}

pub(super) async fn promotes_what_was_staged<H: Harness>(bench: &Bench<H>) {
    let arn = bench.apply(&bench.value("current")).await;
    // Twice, and back to a value that it held before.
    for word in ["next", "current", "next"] {
        let version = stage(bench, word).await;
        for _ in 0..2 {
            ok(bench.rotation().promote(&bench.context, &bench.secret, &version).await, "promote");
            bench.expect_stored(&bench.value(word), "after it was promoted").await;
        }
        bench.expect_settled(&bench.value(word), &arn, "after a promotion").await;
        ok(
            bench.rotation().discard(&bench.context, &bench.secret, &version).await,
            "discard of what was promoted",
        );
        bench.expect_stored(&bench.value(word), "after what was promoted was discarded").await;
    }
}

pub(super) async fn discards_what_was_staged<H: Harness>(bench: &Bench<H>) {
    let current = bench.value("current");
    let arn = bench.apply(&current).await;
    let version = stage(bench, "unproved").await;
    for _ in 0..2 {
        ok(bench.rotation().discard(&bench.context, &bench.secret, &version).await, "discard");
        bench.expect_stored(&current, "after another one was discarded").await;
    }
    bench.expect_settled(&current, &arn, "after another value was discarded").await;
    let again = stage(bench, "unproved").await;
    ok(bench.rotation().promote(&bench.context, &bench.secret, &again).await, "promote");
    bench.expect_stored(&bench.value("unproved"), "after it was discarded, staged again and promoted").await;
}

pub(super) async fn stages_only_what_it_owns<H: Harness>(bench: &Bench<H>) {
    let theirs = bench.value("theirs");
    let absent = bench.rotation().stage(&bench.context, &bench.secret, &theirs).await;
    assert!(absent.is_err(), "a value was staged in a secret that is not there");
    ok(bench.store.apply(&bench.other, &bench.secret, &theirs).await, "apply by the other stack");
    let before = bench.harness.writes().await;
    let staged = bench.rotation().stage(&bench.context, &bench.secret, &bench.value("ours")).await;
    let failure = refused(staged, "staging in a secret of another stack");
    assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
    assert_eq!(bench.harness.writes().await, before, "something was written to the secret of another stack");
}
