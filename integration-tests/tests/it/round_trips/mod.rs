//! Round trips of generated stacks on the simulated cloud: what was deployed needs nothing, the way back is the way there
//! reversed, and what was destroyed leaves nothing.
//!
//! `PROPTEST_CASES` raises the number of stacks.

mod account;
mod change;
mod declaration;
mod generate;
mod kept;

use account::{Account, expect, expect_nothing};
use change::{Changes, expect_reversed};
use generate::{Ending, Trip, trips};
use kept::{expect_values, left, values};
use proptest::{
    prelude::ProptestConfig,
    test_runner::{TestCaseError, TestRunner},
};

/// As many as take some seconds in a debug build.
const CASES: u32 = 10;

/// Deploys the first stack, the second one, the first one again, and ends.
async fn travel(account: &Account, trip: &Trip) {
    let Trip { from, to, ending } = trip;
    let stack = account.stack();

    expect(account.deploy(from).await.1);
    expect_nothing(&account.plan(from).await, "what was deployed");
    let at_first = values(account).await;
    expect_values(stack, from, &at_first);

    let (planned, applied) = account.deploy(to).await;
    expect(applied);
    expect_nothing(&account.plan(to).await, "the other stack");
    let meanwhile = values(account).await;
    expect_values(stack, to, &meanwhile);

    let there = Changes::of(&planned);
    let back = Changes::of(&account.plan(from).await);
    expect_reversed(&there, &back);

    expect(account.deploy(from).await.1);
    expect_nothing(&account.plan(from).await, "what was deployed again");
    let again = values(account).await;
    expect_values(stack, from, &again);
    for (name, value) in &meanwhile {
        for (other, when) in [(at_first.get(name), "before"), (again.get(name), "after")] {
            let Some(other) = other else { continue };
            // A parameter has no key without a version that it encrypts.
            let is_reencrypted = name.starts_with('/') && from.parameters_key != to.parameters_key;
            let same = (value.text == other.text) == (value.version == other.version) || is_reencrypted;
            assert!(same, "{name} was written anew, although its source is the same as {when}");
        }
    }

    match ending {
        Ending::Destroyed => account.destroy(from).await,
        Ending::DestroyedAsOther => account.destroy(to).await,
        Ending::BrokenOff(steps) => {
            account.begin(to, *steps).await;
            account.destroy(to).await;
        }
    }
    let left = left(account).await;
    assert!(left.is_empty(), "left after {ending:?}: {left:#?}");
    expect_nothing_said(account);
}

#[track_caller]
fn expect_nothing_said(account: &Account) {
    let said = account.said();
    let at = said.find("hushed-").map(|at| &said[at.saturating_sub(200)..(at + 60).min(said.len())]);
    assert_eq!(at, None, "a secret value was shown");
}

#[test]
fn a_stack_goes_to_another_one_and_back_and_leaves_nothing() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { CASES };
    let mut runner = TestRunner::new(ProptestConfig { cases, ..config });
    let checked = runner.run(&trips(), |trip| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async { travel(&Account::simulated().await, &trip).await });
        Ok::<_, TestCaseError>(())
    });
    if let Err(failed) = checked {
        panic!("{failed}");
    }
}
