//! Wherever a run ends, the next one goes on.

use super::{Harness, bench::Bench};

/// More calls than any store needs for one secret.
const MOST: u32 = 50;

/// Lets `work` die after each of its calls, and `judge` what the next run makes of it. `prepare` comes before.
async fn die_everywhere<H: Harness>(
    made: &impl AsyncFn() -> Bench<H>,
    prepare: impl AsyncFn(&Bench<H>),
    work: impl AsyncFn(&Bench<H>) -> bool,
    judge: impl AsyncFn(&Bench<H>, u32),
) {
    for calls in 0..MOST {
        let bench = made().await;
        prepare(&bench).await;
        assert!(bench.harness.cut_off_after(calls).await, "the harness cannot cut off any more");
        let done = work(&bench).await;
        bench.harness.reconnect().await;
        if done {
            assert!(calls > 0, "it was not cut off: does the harness do that?");
            return;
        }
        judge(&bench, calls).await;
    }
    panic!("the work does not end within {MOST} calls");
}

/// Expects that the next run stores the value.
async fn expect_completion<H: Harness>(bench: &Bench<H>, word: &str, calls: u32) {
    let value = bench.value(word);
    let arn = bench.apply(&value).await;
    let when = format!("after a run that died at its call {}", calls + 1);
    bench.expect_stored(&value, &when).await;
    bench.expect_settled(&value, &arn, &when).await;
}

pub(super) async fn completes_a_creation_that_died<H: Harness>(made: &impl AsyncFn() -> Bench<H>) {
    die_everywhere(
        made,
        async |_| (),
        async |bench| bench.try_apply(&bench.value("new")).await.is_ok(),
        async |bench, calls| expect_completion(bench, "new", calls).await,
    )
    .await;
}

pub(super) async fn completes_a_change_that_died<H: Harness>(made: &impl AsyncFn() -> Bench<H>) {
    die_everywhere(
        made,
        async |bench| drop(bench.apply(&bench.value("old")).await),
        async |bench| bench.try_apply(&bench.value("new")).await.is_ok(),
        async |bench, calls| expect_completion(bench, "new", calls).await,
    )
    .await;
}

pub(super) async fn completes_a_removal_that_died<H: Harness>(made: &impl AsyncFn() -> Bench<H>) {
    die_everywhere(
        made,
        async |bench| drop(bench.apply(&bench.value("old")).await),
        async |bench| bench.try_remove().await.is_ok(),
        async |bench, calls| {
            bench.remove().await;
            assert!(bench.stored().await.is_none(), "the secret is there, removed after call {}", calls + 1);
            expect_completion(bench, "new", calls).await;
        },
    )
    .await;
}
