//! Values are stored, and never told.

use super::{Harness, bench::Bench};

pub(super) async fn tells_no_value<H: Harness>(bench: &Bench<H>) {
    const OLD: &str = "tell-nobody-of-the-old-word";
    const NEW: &str = "tell-nobody-of-the-new-word";
    let (old, new) = (bench.value(OLD), bench.value(NEW));
    bench.plan(&old).await;
    bench.apply(&old).await;
    bench.plan(&old).await;
    bench.plan(&new).await;
    // A change that fails on its way, where the harness can let it fail.
    if bench.harness.cut_off_after(1).await {
        drop(bench.try_apply(&new).await);
        bench.harness.reconnect().await;
    }
    bench.apply(&new).await;
    bench.told.result(&bench.store.read(&bench.context, &bench.secret).await);
    if let Some(rotation) = bench.store.rotation() {
        bench.told.result(&rotation.stage(&bench.context, &bench.secret, &old).await);
    }
    for value in [&old, &new] {
        let result = bench.store.apply(&bench.other, &bench.secret, value).await;
        bench.told.result(&result);
    }
    bench.plan_removal().await;
    bench.remove().await;
    bench.plan(&new).await;
    for word in [OLD, NEW] {
        bench.told.assert_unseen(word);
    }
}
