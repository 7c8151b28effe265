//! The promises of a run, whatever the graph.

use std::{collections::BTreeSet, num::NonZeroUsize, time::Duration};

use longshore_model::{Action, Outcome};
use proptest::prelude::*;

use crate::{
    Ended,
    testing::{Bench, Script, id},
};

fn works() -> Script {
    Script::default()
}

fn fails() -> Script {
    Script { fails: true, ..Script::default() }
}

fn unchanged() -> Script {
    Script { unchanged: true, ..Script::default() }
}

#[tokio::test(start_paused = true)]
async fn a_failure_skips_what_depends_on_it_and_nothing_else() {
    let bench = Bench::new(&[
        ("a", &[], fails()),
        ("b", &["a"], works()),
        ("c", &["b"], works()),
        ("d", &[], works()),
        ("e", &["d"], works()),
    ]);
    let plans = bench.run.plan(&bench.graph).await.results();
    let report = bench.run.apply(&bench.graph, &plans).await;
    assert_eq!(report.outcome(), Outcome::Failed);
    assert_eq!(report[&id("c")], Ended::Skipped(id("a")));
    insta::assert_snapshot!(bench.told().split_once(" Apply").unwrap().1, @r"
    : 5 steps
        0 step.a started
        0 step.d started
     1000 step.a failed: refused
     1000 step.b skipped because of step.a
     1000 step.c skipped because of step.a
     1000 step.d succeeded after 1000
     1000 step.e started
     2000 step.e succeeded after 1000
    ");
}

#[tokio::test(start_paused = true)]
async fn a_survey_looks_behind_conflicts_and_not_behind_other_failures() {
    let steps = [
        ("a", &[][..], Script { conflicts: true, ..unchanged() }),
        ("b", &["a"], unchanged()),
        ("c", &["b"], unchanged()),
        ("d", &[], Script { fails_to_plan: true, ..unchanged() }),
        ("e", &["a", "d"], unchanged()),
    ];
    let bench = Bench::new(&steps);
    let report = bench.run.survey(&bench.graph).await;
    insta::assert_snapshot!(bench.told(), @r"
        0 Plan: 5 steps
        0 step.a started
        0 step.a failed: somebody else's
        0 step.b started
        0 step.b will no change
        0 step.b succeeded after 0
        0 step.d started
        0 step.d failed: refused
        0 step.e skipped because of step.d
        0 step.c started
        0 step.c will no change
        0 step.c succeeded after 0
    ");
    let with_inputs: Vec<_> = bench.journal().into_iter().filter(|line| line.contains('=')).collect();
    assert_eq!(with_inputs, ["plan a=AfterApply step.b", "plan b=Value(\"old-step.b\") step.c"]);
    assert_eq!(report.outcome(), Outcome::Failed);
    let bench = Bench::new(&steps[..3]);
    let planned = bench.run.plan(&bench.graph).await;
    assert_eq!(planned[&id("c")], Ended::Skipped(id("a")), "a plan is for being applied");
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_has_nothing_to_do_and_yields_what_is_known() {
    let steps = [("a", &[][..], works()), ("b", &["a"], works()), ("c", &[], unchanged())];
    let mut bench = Bench::new(&steps);
    bench.run.only = Some([id("b")].into());
    let plans = bench.run.plan(&bench.graph).await.results();
    let actions: Vec<_> = plans.iter().map(|(step, plan)| (step.as_str(), plan.action)).collect();
    let (nothing, create) = (Action::NoChange, Action::Create);
    assert_eq!(actions, [("step.a", nothing), ("step.b", create), ("step.c", nothing)]);
    assert!(bench.told().contains("step.a will no change"), "it is told as it will be: {}", bench.told());
    assert_eq!(plans[&id("c")].outputs["arn"].value(), Some("old-step.c"));
    assert_eq!(plans[&id("a")].notes[..], ["it does not exist, and this run does not create it"]);
    assert!(plans[&id("c")].notes.is_empty(), "no chosen step depends on it");
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_lets_running_steps_end_and_begins_no_others() {
    let bench = Bench::new(&[
        ("a", &[], works()),
        ("b", &["a"], works()),
        ("c", &["b"], works()),
        ("d", &[], works()),
    ]);
    let plans = bench.run.plan(&bench.graph).await.results();
    let interrupt = bench.run.interrupt.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        interrupt.cancel();
    });
    let report = bench.run.apply(&bench.graph, &plans).await;
    assert_eq!(report.outcome(), Outcome::Interrupted);
    assert_eq!(report[&id("b")], Ended::Succeeded([("arn".to_owned(), "new-step.b".to_owned())].into()));
    insta::assert_snapshot!(bench.told().split_once(" Apply").unwrap().1, @r#"
    : 4 steps
        0 step.a started
        0 step.d started
     1000 step.a succeeded after 1000
     1000 step.d succeeded after 1000
     1000 step.b started
     1500 interrupted while [StepId("step.b")]
     2000 step.b succeeded after 1000
     2000 step.c not started
    "#);
}

#[tokio::test(start_paused = true)]
async fn what_is_unchanged_is_not_applied_and_its_outputs_flow_on() {
    let bench = Bench::new(&[("a", &[], unchanged()), ("b", &["a"], works()), ("c", &["b"], unchanged())]);
    let plans = bench.run.plan(&bench.graph).await.results();
    let report = bench.run.apply(&bench.graph, &plans).await;
    assert_eq!(report.outcome(), Outcome::Succeeded);
    insta::assert_snapshot!(bench.journal().join("\n"), @r#"
    plan step.a
    plan a=Value("old-step.a") step.b
    plan b=AfterApply step.c
    begin step.b
    end step.b
    "#);
}

#[tokio::test(start_paused = true)]
async fn removal_goes_backwards_and_leaves_what_is_not_there() {
    let bench = Bench::new(&[
        ("a", &[], works()),
        ("b", &["a"], works()),
        ("c", &["b"], fails()),
        ("d", &["a"], unchanged()),
    ]);
    let plans = bench.run.plan_removal(&bench.graph).await.results();
    let report = bench.run.remove(&bench.graph, &plans).await;
    assert_eq!(bench.journal(), ["remove step.c"]);
    assert_eq!(report[&id("a")], Ended::Skipped(id("c")));
    let bench = Bench::new(&[("a", &[], works()), ("b", &["a"], works()), ("c", &["b"], works())]);
    let plans = bench.run.plan_removal(&bench.graph).await.results();
    bench.run.remove(&bench.graph, &plans).await;
    assert_eq!(bench.journal(), ["remove step.c", "remove step.b", "remove step.a"]);
}

#[tokio::test(start_paused = true)]
async fn undo_takes_back_what_was_begun_newest_first_and_names_what_is_stuck() {
    let bench = Bench::new(&[
        ("a", &[], works()),
        ("b", &["a"], unchanged()),
        ("c", &["b"], works()),
        ("d", &["c"], fails()),
        ("e", &["d"], works()),
        ("f", &["a"], Script { stuck: true, ..works() }),
    ]);
    let plans = bench.run.plan(&bench.graph).await.results();
    let applied = bench.run.apply(&bench.graph, &plans).await;
    let undone = bench.run.undo(&bench.graph, &plans, &applied).await;
    let undos: Vec<_> = bench.journal().into_iter().filter(|line| line.starts_with("undo")).collect();
    // What failed may have done a part of its work; b changed nothing, e was never begun, and a is what f stands on.
    assert_eq!(undos, ["undo step.d", "undo step.c", "undo step.f"]);
    assert_eq!(undone[&id("a")], Ended::Skipped(id("f")));
    assert_eq!(undone.failures().map(|(step, _)| step.as_str()).collect::<Vec<_>>(), ["step.f"]);
}

#[tokio::test(start_paused = true)]
async fn plugins_that_break_the_contract_are_named() {
    let panics = Script { panics: true, ..Script::default() };
    let silent = Script { yields_nothing: true, ..Script::default() };
    let bench = Bench::new(&[("a", &[], panics), ("b", &[], silent.clone())]);
    let plans = bench.run.plan(&bench.graph).await.results();
    let report = bench.run.apply(&bench.graph, &plans).await;
    let messages: Vec<_> =
        report.failures().map(|(step, failure)| format!("{step}: {}", failure.message)).collect();
    assert!(messages[0].starts_with("step.a: the step ended abnormally"), "{messages:?}");
    assert_eq!(messages[1], "step.b: `step.b` did not yield `arn`");

    let bench = Bench::new(&[("a", &[], Script { unchanged: true, ..silent })]);
    let report = bench.run.plan(&bench.graph).await;
    let (_, failure) = report.failures().next().unwrap();
    assert_eq!(failure.message, "`step.a` changes nothing, yet does not yield `arn`");
}

/// A random graph: for each step the earlier ones that it depends on, and how it behaves.
fn any_graph() -> impl Strategy<Value = Vec<(BTreeSet<usize>, Script)>> {
    let script = (0_u8..8).prop_map(|kind| match kind {
        0 => fails(),
        1 => unchanged(),
        2 => Script { fails_to_plan: true, ..Script::default() },
        _ => works(),
    });
    proptest::collection::vec((proptest::collection::btree_set(0_usize..12, 0..3), script), 1..12).prop_map(
        |steps| {
            let earlier = |place, before: BTreeSet<usize>| {
                before.into_iter().filter(|&before| before < place).collect()
            };
            steps
                .into_iter()
                .enumerate()
                .map(|(place, (before, script))| (earlier(place, before), script))
                .collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn every_graph_ends_as_its_steps_do(steps in any_graph(), limit in 1_usize..5) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let names: Vec<_> = (0..steps.len()).map(|place| format!("{place:02}")).collect();
            let before: Vec<Vec<&str>> =
                steps.iter().map(|(before, _)| before.iter().map(|&place| names[place].as_str()).collect()).collect();
            let table: Vec<_> = (0..steps.len())
                .map(|place| (names[place].as_str(), before[place].as_slice(), steps[place].1.clone()))
                .collect();
            let mut bench = Bench::new(&table);
            bench.run.concurrency = NonZeroUsize::new(limit);

            let planned = bench.run.plan(&bench.graph).await;
            for (place, name) in names.iter().enumerate() {
                let expected = reach(&steps, place, |script| script.fails_to_plan);
                prop_assert_eq!(matches!(planned[&id(name)], Ended::Succeeded(_)), expected);
            }
            if planned.outcome() != Outcome::Succeeded {
                return Ok(());
            }
            let applied = bench.run.apply(&bench.graph, &planned.results()).await;
            for (place, name) in names.iter().enumerate() {
                let expected = reach(&steps, place, |script| script.fails);
                prop_assert_eq!(matches!(applied[&id(name)], Ended::Succeeded(_)), expected);
            }
            let mut running = 0;
            for line in bench.told().lines() {
                if line.ends_with(" started") && !line.ends_with("not started") { running += 1 }
                if line.contains(" succeeded ") || line.contains(" failed: ") { running -= 1 }
                prop_assert!((0..=limit as i32).contains(&running), "{}", bench.told());
            }
            for (place, line) in bench.journal().iter().enumerate().filter(|(_, line)| line.starts_with("begin")) {
                let step = line.split_once("step.").unwrap().1.parse::<usize>().unwrap();
                for before in steps[step].0.iter().filter(|&&before| !steps[before].1.unchanged) {
                    let end = format!("end step.{before:02}");
                    prop_assert!(bench.journal()[..place].contains(&end));
                }
            }
            Ok(())
        })?;
    }
}

/// Returns true if neither the step nor anything that it depends on, directly or not, is `broken`.
fn reach(steps: &[(BTreeSet<usize>, Script)], place: usize, broken: fn(&Script) -> bool) -> bool {
    !broken(&steps[place].1) && steps[place].0.iter().all(|&before| reach(steps, before, broken))
}
