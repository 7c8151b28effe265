//! The scheduler beside a naive loop over the definition: both run the same steps in the same order, and end alike.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use longshore_graph::Graph;
use longshore_model::{Action, Failure, FailureKind, Inputs, Name, Outputs, StepId, StepPlan};
use longshore_plugin::{Context, Kept, Node, Result, Step};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::{Ended, Events, Report, Run};

/// The behaviour of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    Works,
    Fails,
    Conflicts,
}

/// A step of a random graph.
#[derive(Clone, Debug)]
struct Case {
    /// Earlier steps that it depends on.
    before: BTreeSet<usize>,
    is_last: bool,
    is_removed_first: bool,
    plans: Behaviour,
    changes: bool,
    applies: Behaviour,
    undoes: Behaviour,
    /// Its duration in seconds. At 0 it waits for nothing.
    takes: u64,
}

/// The shared state of a run's steps.
#[derive(Default)]
struct Journal {
    begun: Mutex<Vec<usize>>,
    /// The number of steps after which the run is interrupted.
    interrupt_at: Mutex<Option<(usize, CancellationToken)>>,
}

struct Scripted {
    number: usize,
    case: Case,
    journal: Arc<Journal>,
}

impl Scripted {
    async fn act(&self, behaviour: Behaviour) -> Result<()> {
        let begun = {
            let mut begun = self.journal.begun.lock().unwrap();
            begun.push(self.number);
            begun.len()
        };
        if let Some((_, interrupt)) =
            self.journal.interrupt_at.lock().unwrap().as_ref().filter(|(at, _)| *at == begun)
        {
            interrupt.cancel();
        }
        if self.case.takes > 0 {
            tokio::time::sleep(Duration::from_secs(self.case.takes)).await;
        }
        match behaviour {
            Behaviour::Works => Ok(()),
            Behaviour::Fails => Err(Failure::new(FailureKind::Denied, "scripted")),
            Behaviour::Conflicts => Err(Failure::new(FailureKind::Conflict, "scripted")),
        }
    }

    fn planned(&self) -> StepPlan {
        let action = if self.case.changes { Action::Create } else { Action::NoChange };
        StepPlan::new(action, "resource")
    }
}

#[async_trait]
impl Step for Scripted {
    async fn plan(&self, _: &Context, _: &Inputs) -> Result<StepPlan> {
        self.act(self.case.plans).await.map(|()| self.planned())
    }

    async fn apply(&self, _: &Context, _: &Inputs, _: &StepPlan) -> Result<Outputs> {
        self.act(self.case.applies).await.map(|()| Outputs::new())
    }

    async fn plan_removal(&self, _: &Context) -> Result<StepPlan> {
        self.act(Behaviour::Works).await.map(|()| self.planned())
    }

    async fn remove(&self, _: &Context) -> Result<()> {
        self.act(self.case.applies).await
    }

    async fn undo(&self, _: &Context, _: &StepPlan) -> Result<()> {
        self.act(self.case.undoes).await
    }
}

/// A step's name. Names are in another order than the steps.
fn name(number: usize) -> StepId {
    StepId::new("step", format!("{:02}", (number * 5 + 3) % 13))
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    Succeeded,
    Failed,
    Skipped,
    NotStarted,
}

/// A phase, as it is defined.
struct Definition<'a> {
    /// The steps that each one waits for, all of them.
    waits: Vec<BTreeSet<usize>>,
    /// True for a step that does something in the phase.
    busy: Vec<bool>,
    behaviour: &'a dyn Fn(usize) -> Behaviour,
    takes: &'a dyn Fn(usize) -> u64,
    passes: bool,
    limit: Option<usize>,
    interrupt_at: Option<usize>,
}

impl Definition<'_> {
    fn remaining(&self, step: usize) -> usize {
        let behind = (0..self.waits.len()).filter(|&other| self.waits[other].contains(&step));
        let longest = behind.map(|other| self.remaining(other)).max().unwrap_or_default();
        longest + usize::from(self.busy[step])
    }

    fn depends(&self, step: usize, on: usize) -> bool {
        self.waits[step].iter().any(|&before| before == on || self.depends(before, on))
    }

    /// Runs the phase in virtual time: how each step ended, and those that did something, in the order in which they began.
    fn run(&self) -> (Vec<Status>, Vec<usize>) {
        let steps = self.waits.len();
        let mut status: Vec<Option<Status>> = vec![None; steps];
        let mut passed = vec![false; steps];
        let (mut begun, mut running) = (Vec::new(), BTreeMap::<u64, Vec<usize>>::new());
        let (mut now, mut is_interrupted) = (0, false);
        loop {
            while !is_interrupted && self.limit.is_none_or(|limit| running.values().flatten().count() < limit)
            {
                let is_running = |step: &usize| running.values().flatten().any(|other| other == step);
                let is_ready = |step: &usize| {
                    status[*step].is_none()
                        && !is_running(step)
                        && self.waits[*step].iter().all(|&it| passed[it])
                };
                let ready = (0..steps).filter(is_ready);
                let urgency = |step: &usize| (std::cmp::Reverse(self.remaining(*step)), name(*step));
                let Some(step) = ready.min_by_key(urgency) else { break };
                let takes = if self.busy[step] { (self.takes)(step) } else { 0 };
                if self.busy[step] {
                    begun.push(step);
                    is_interrupted |= self.interrupt_at == Some(begun.len());
                }
                if takes == 0 {
                    self.end(step, &mut status, &mut passed);
                } else {
                    running.entry(now + takes).or_default().push(step);
                }
            }
            let Some((at, ended)) = running.pop_first() else { break };
            now = at;
            ended.into_iter().for_each(|step| self.end(step, &mut status, &mut passed));
        }
        (status.into_iter().map(|status| status.unwrap_or(Status::NotStarted)).collect(), begun)
    }

    fn end(&self, step: usize, status: &mut [Option<Status>], passed: &mut [bool]) {
        let behaviour = if self.busy[step] { (self.behaviour)(step) } else { Behaviour::Works };
        let works = behaviour == Behaviour::Works;
        status[step] = Some(if works { Status::Succeeded } else { Status::Failed });
        passed[step] = works || (self.passes && behaviour == Behaviour::Conflicts);
        if !passed[step] {
            for (other, status) in status.iter_mut().enumerate() {
                if status.is_none() && self.depends(other, step) {
                    *status = Some(Status::Skipped);
                }
            }
        }
    }

    /// Compares a report with the definition.
    fn check<T>(&self, report: &Report<T>, journal: &Journal) -> std::result::Result<(), TestCaseError> {
        let (expected, begun) = self.run();
        prop_assert_eq!(std::mem::take(&mut *journal.begun.lock().unwrap()), begun);
        for (step, expected) in expected.iter().enumerate() {
            let status = match &report[&name(step)] {
                Ended::Succeeded(_) => Status::Succeeded,
                Ended::Failed(_) => Status::Failed,
                Ended::Skipped(because) => {
                    let because = (0..self.waits.len()).find(|&other| name(other) == *because).unwrap();
                    prop_assert!(
                        self.depends(step, because) && matches!(report[&name(because)], Ended::Failed(_))
                    );
                    Status::Skipped
                }
                Ended::NotStarted => Status::NotStarted,
            };
            prop_assert_eq!(&status, expected, "{}", name(step));
        }
        Ok(())
    }
}

/// Each step after those that it depends on; those that come last after all others.
fn forwards(cases: &[Case]) -> Vec<BTreeSet<usize>> {
    let waits = |case: &Case| {
        let others = (0..cases.len()).filter(|&other| case.is_last && !cases[other].is_last);
        case.before.iter().copied().chain(others).collect()
    };
    cases.iter().map(waits).collect()
}

/// Each step after those that depend on it; those that come last still come last, and in the same order among themselves;
/// those that are removed first wait for nothing, and all others for them.
fn backwards(cases: &[Case]) -> Vec<BTreeSet<usize>> {
    let is_last = |step: usize| cases[step].is_last && !cases[step].is_removed_first;
    let waits = |step: usize| -> BTreeSet<usize> {
        let all = 0..cases.len();
        if cases[step].is_removed_first {
            BTreeSet::new()
        } else if is_last(step) {
            let among = cases[step].before.iter().copied().filter(|&other| is_last(other));
            all.filter(|&other| !is_last(other)).chain(among).collect()
        } else {
            all.filter(|&other| {
                cases[other].is_removed_first || (cases[other].before.contains(&step) && !is_last(other))
            })
            .collect()
        }
    };
    (0..cases.len()).map(waits).collect()
}

fn any_cases() -> impl Strategy<Value = Vec<Case>> {
    let behaviour = || prop_oneof![6 => Just(Behaviour::Works), 1 => Just(Behaviour::Fails), 1 => Just(Behaviour::Conflicts)];
    let before = proptest::collection::btree_set(0_usize..13, 0..4);
    let rarely = || proptest::bool::weighted(0.15);
    let case = (
        before,
        rarely(),
        rarely(),
        behaviour(),
        proptest::bool::weighted(0.8),
        behaviour(),
        behaviour(),
        0_u64..4,
    )
        .prop_map(|(before, is_last, is_removed_first, plans, changes, applies, undoes, takes)| Case {
            before,
            is_last,
            is_removed_first,
            plans,
            changes,
            applies,
            undoes,
            takes,
        });
    proptest::collection::vec(case, 1..13).prop_map(|mut cases| {
        let is_last: Vec<_> = cases.iter().map(|case| case.is_last).collect();
        for (number, case) in cases.iter_mut().enumerate() {
            // A step that does not come last cannot depend on one that does.
            case.before.retain(|&before| before < number && (case.is_last || !is_last[before]));
        }
        cases
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn scheduler_runs_as_defined(
        cases in any_cases(),
        limit in proptest::option::of(1_usize..6),
        interrupts in proptest::array::uniform5(proptest::option::of(1_usize..14)),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(phases(&cases, limit, interrupts))?;
    }
}

async fn phases(
    cases: &[Case],
    limit: Option<usize>,
    interrupts: [Option<usize>; 5],
) -> std::result::Result<(), TestCaseError> {
    let journal = Arc::new(Journal::default());
    let node = |(number, case): (usize, &Case)| {
        let step = Scripted { number, case: case.clone(), journal: journal.clone() };
        Node {
            after: case.before.iter().map(|&before| name(before)).collect(),
            is_last: case.is_last,
            is_removed_first: case.is_removed_first,
            ..Node::new(name(number), Arc::new(step))
        }
    };
    let graph = Graph::new(cases.iter().enumerate().map(node)).unwrap();
    let run = |interrupt_at: Option<usize>| {
        let interrupt = CancellationToken::new();
        *journal.interrupt_at.lock().unwrap() = interrupt_at.map(|at| (at, interrupt.clone()));
        Run {
            stack: Name::new("test").unwrap(),
            environment: Name::new("local").unwrap(),
            concurrency: limit.and_then(NonZeroUsize::new),
            interrupt,
            adopt: BTreeSet::new(),
            only: None,
            keep_orphans: false,
            kept: Kept::default(),
            events: Events::none(|| 0),
        }
    };
    let definition = Definition {
        waits: forwards(cases),
        busy: vec![true; cases.len()],
        behaviour: &|step| cases[step].plans,
        takes: &|step| cases[step].takes,
        passes: false,
        limit,
        interrupt_at: interrupts[0],
    };
    let planned = run(interrupts[0]).plan(&graph).await;
    definition.check(&planned, &journal)?;

    let surveyed = run(interrupts[0]).survey(&graph).await;
    Definition { passes: true, ..definition }.check(&surveyed, &journal)?;

    // Plans that are applied come from a run without failures.
    let plans = run(None).plan_removal(&graph).await.results();
    journal.begun.lock().unwrap().clear();
    let changes: Vec<_> = cases.iter().map(|case| case.changes).collect();
    let applied = run(interrupts[1]).apply(&graph, &plans).await;
    let definition = Definition {
        waits: forwards(cases),
        busy: changes.clone(),
        behaviour: &|step| cases[step].applies,
        takes: &|step| cases[step].takes,
        passes: false,
        limit,
        interrupt_at: interrupts[1],
    };
    definition.check(&applied, &journal)?;

    let was_begun =
        |step: usize| matches!(applied[&name(step)], Ended::Succeeded(_) | Ended::Failed(_)) && changes[step];
    let undone = run(interrupts[2]).undo(&graph, &plans, &applied).await;
    Definition {
        waits: backwards(cases),
        busy: (0..cases.len()).map(was_begun).collect(),
        behaviour: &|step| cases[step].undoes,
        interrupt_at: interrupts[2],
        ..definition
    }
    .check(&undone, &journal)?;

    let planned = run(interrupts[3]).plan_removal(&graph).await;
    Definition {
        waits: vec![BTreeSet::new(); cases.len()],
        busy: vec![true; cases.len()],
        behaviour: &|_| Behaviour::Works,
        takes: &|step| cases[step].takes,
        passes: false,
        limit,
        interrupt_at: interrupts[3],
    }
    .check(&planned, &journal)?;

    let removed = run(interrupts[4]).remove(&graph, &plans).await;
    Definition {
        waits: backwards(cases),
        busy: changes,
        behaviour: &|step| cases[step].applies,
        takes: &|step| cases[step].takes,
        passes: false,
        limit,
        interrupt_at: interrupts[4],
    }
    .check(&removed, &journal)
}
