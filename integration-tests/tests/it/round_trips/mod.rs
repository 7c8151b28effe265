//! Round trips of generated stacks on the simulated cloud, and some at moto: what was deployed needs nothing, the way back is the way there
//! reversed, and what was destroyed leaves nothing.
//!
//! `PROPTEST_CASES` raises the number of stacks.

mod account;
mod change;
mod declaration;
mod generate;
mod kept;
mod moto;
mod non_answers;

use std::collections::BTreeMap;

use account::{Account, expect, expect_nothing};
use change::{Changes, expect_reversed};
use declaration::Declaration;
use generate::{Ending, Trip, trip_of, trips};
use kept::{Value, expect_values, left, values};
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

    let (planned, applied) = account.deploy(from).await;
    expect(applied);
    expect_nothing_after(account, from, &Changes::of(planned.values()), "what was deployed").await;
    let at_first = values(account).await;
    expect_values(stack, from, &at_first);

    let (planned, applied) = account.deploy(to).await;
    expect(applied);
    let there = Changes::of(planned.values());
    expect_nothing_after(account, to, &there, "the other stack").await;
    let meanwhile = values(account).await;
    expect_values(stack, to, &meanwhile);

    if account.is_at_moto() {
        // Once there, a service is not led back: moto has forgotten what it runs.
        let back = Changes::of(account.plan(from).await.values());
        expect_reversed(&moto::taken_back(there), &moto::without_revisions(back));
    } else {
        go_back(account, trip, &there, [&at_first, &meanwhile]).await;
    }

    let destroyed = match ending {
        Ending::Destroyed => from,
        Ending::DestroyedAsOther => to,
        Ending::BrokenOff(steps) => {
            account.begin(to, *steps).await;
            to
        }
    };
    account.destroy(destroyed).await;
    let expected = if account.is_at_moto() { moto::left(account, [from, to], destroyed) } else { Vec::new() };
    assert_eq!(left(account).await, expected, "left after {ending:?}");
    expect_nothing_said(account);
}

/// Deploys the first stack again: it takes back what was changed, and writes no value anew without a reason.
async fn go_back(
    account: &Account,
    trip: &Trip,
    there: &Changes,
    [at_first, meanwhile]: [&BTreeMap<String, Value>; 2],
) {
    let Trip { from, to, .. } = trip;
    let stack = account.stack();
    let (planned, applied) = account.deploy(from).await;
    let back = Changes::of(planned.values());
    expect_reversed(there, &back);
    expect(applied);
    expect_nothing_after(account, from, &back, "what was deployed again").await;
    let again = values(account).await;
    expect_values(stack, from, &again);
    for (name, value) in meanwhile {
        for (other, when) in [(at_first.get(name), "before"), (again.get(name), "after")] {
            let Some(other) = other else { continue };
            // A parameter has no key without a version that it encrypts.
            let is_reencrypted = name.starts_with('/') && from.parameters_key != to.parameters_key;
            let same = (value.text == other.text) == (value.version == other.version) || is_reencrypted;
            assert!(same, "{name} was written anew, although its source is the same as {when}");
        }
    }
}

/// The trip of `seed` at moto's server. It starts no tasks, so that the stacks have none.
pub(crate) async fn travel_at_moto(url: String, stack: &'static str, seed: u8) {
    travel(&Account::at_moto(url, stack).await, &trip_of(seed)).await;
}

/// Checks that `declaration` needs nothing once `deployed` was done for it.
async fn expect_nothing_after(account: &Account, declaration: &Declaration, deployed: &Changes, when: &str) {
    let plans = account.plan(declaration).await;
    if account.is_at_moto() {
        moto::expect_nothing_else(account, plans, deployed, when).await;
    } else {
        expect_nothing(plans.values(), when);
    }
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
