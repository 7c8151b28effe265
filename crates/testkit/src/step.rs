//! The suite of step plugins.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use longshore_model::{Action, FailureKind, Inputs, Known, Name, Outputs, StepPlan};
use longshore_plugin::{Context, Declared, Node, Result, Undeclared};

use crate::{
    Report, Told,
    report::cases,
    told::{name, ok, refused},
};

/// The abilities of a step. They choose the cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// It removes what it made. Otherwise that goes with something else, or is nothing that lasts.
    pub removes: bool,
    /// It knows the owner of what is there: resources of others are refused, and adopted where that is allowed.
    pub owns: bool,
    /// Its resources can be changed by hand ([`Harness::drift`]).
    pub drifts: bool,
    /// Each apply does something, such as a task that runs.
    pub acts: bool,
    /// It takes a change back as if it had not been made.
    pub undoes: bool,
}

impl Abilities {
    /// All of them, of a step that makes a resource.
    pub const RESOURCE: Self = Self { removes: true, owns: true, drifts: true, acts: false, undoes: true };
}

/// A step to be tested, and a look at what it makes. Each harness has a backend, or names within a backend, of its own.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The step as it is declared.
    fn node(&self) -> Node;

    /// The same step, declared otherwise.
    fn changed(&self) -> Node;

    /// The fields that differ between the two declarations.
    fn changed_fields(&self) -> Vec<String>;

    /// Its abilities.
    fn abilities(&self) -> Abilities;

    /// The values that other steps yield.
    fn inputs(&self) -> Inputs {
        Inputs::default()
    }

    /// Reads the step's resources past it, as text. `None` if they are not there.
    async fn there(&self) -> Option<String>;

    /// Changes by hand what the step has made. Returns the fields that are not as declared then.
    async fn drift(&self) -> Vec<String> {
        Vec::new()
    }

    /// Makes by hand what the step would make, without its mark of ownership.
    async fn put_foreign(&self) {}

    /// The means to find what steps made that are no longer declared.
    fn undeclared(&self) -> Vec<Arc<dyn Undeclared>> {
        Vec::new()
    }

    /// A text that differs after anything was written.
    async fn writes(&self) -> String;

    /// As [`store::Harness::cut_off_after`](crate::store::Harness::cut_off_after).
    async fn cut_off_after(&self, calls: u32) -> bool;

    /// As [`store::Harness::reconnect`](crate::store::Harness::reconnect).
    async fn reconnect(&self) {}

    /// The stack. Harnesses that share a backend have different ones.
    fn stack(&self) -> Name {
        name("suite")
    }
}

struct Bench<H> {
    harness: H,
    told: Arc<Told>,
}

impl<H: Harness> Bench<H> {
    fn context(&self, node: &Node) -> Context {
        self.told.context(&self.harness.stack(), node.id.clone())
    }

    /// The context of another stack that wants the same resource.
    fn other(&self, node: &Node) -> Context {
        self.told.context(&name("another-stack"), node.id.clone())
    }

    async fn try_plan(&self, context: &Context, node: &Node) -> Result<StepPlan> {
        let result = node.step.plan(context, &self.harness.inputs()).await;
        self.told.result(&result);
        result
    }

    /// Plans in another run.
    async fn plan(&self, node: &Node) -> StepPlan {
        self.told.begin_run();
        ok(self.try_plan(&self.context(node), node).await, "plan")
    }

    /// Plans, and applies a change. Returns the plan and the outputs.
    async fn try_deploy_as(&self, context: &Context, node: &Node) -> Result<(StepPlan, Outputs)> {
        let plan = self.try_plan(context, node).await?;
        if !plan.is_change() {
            let known = plan.outputs.iter().filter_map(|(name, known)| Some((name.clone(), known.value()?)));
            let outputs = known.map(|(name, value)| (name, value.to_owned())).collect();
            return Ok((plan, outputs));
        }
        let result = node.step.apply(context, &self.harness.inputs(), &plan).await;
        self.told.result(&result);
        Ok((plan, result?))
    }

    async fn try_deploy(&self, node: &Node) -> Result<(StepPlan, Outputs)> {
        self.told.begin_run();
        self.try_deploy_as(&self.context(node), node).await
    }

    async fn deploy(&self, node: &Node) -> (StepPlan, Outputs) {
        ok(self.try_deploy(node).await, "apply")
    }

    async fn plan_removal(&self) -> StepPlan {
        let node = self.harness.node();
        ok(node.step.plan_removal(&self.context(&node)).await, "plan_removal")
    }

    async fn try_remove(&self) -> Result<()> {
        let node = self.harness.node();
        node.step.remove(&self.context(&node)).await
    }

    async fn remove(&self) {
        ok(self.try_remove().await, "remove");
    }

    async fn undo(&self, node: &Node, plan: &StepPlan) {
        ok(node.step.undo(&self.context(node).undoing(), plan).await, "undo");
    }

    async fn there(&self) -> Option<String> {
        self.harness.there().await
    }

    /// Expects that nothing is left to do, and that the plan yields what apply did.
    async fn expect_settled(&self, node: &Node, outputs: &Outputs, when: &str) {
        let plan = self.plan(node).await;
        assert_eq!(plan.action, Action::NoChange, "the plan {when}: {plan:?}");
        expect_known(&plan, outputs, when);
        let known: BTreeSet<_> = plan.outputs.iter().map(|(name, _)| name.as_str()).collect();
        let made: BTreeSet<_> = outputs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(known, made, "a plan without a change yields all outputs ({when})");
    }
}

/// Expects that the outputs which a plan knows are those that apply yields.
fn expect_known(plan: &StepPlan, outputs: &Outputs, when: &str) {
    for (name, known) in plan.outputs.iter() {
        if let Known::Value(value) = known {
            assert_eq!(
                Some(value.as_str()),
                outputs.get(name).map(String::as_str),
                "the output {name} {when}"
            );
        }
    }
}

/// Expects that apply yields what the node promises, in its types.
fn expect_promised(node: &Node, outputs: &Outputs) {
    let promised: BTreeSet<_> = node.outputs.iter().map(|output| output.name.to_string()).collect();
    let yielded: BTreeSet<_> = outputs.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(yielded, promised, "apply yields all outputs, and no others");
    for output in &node.outputs {
        let value = outputs.get(&output.name).map(String::as_str).unwrap_or_default();
        let is_arn = !output.value_type.as_str().ends_with("-arn") || value.starts_with("arn:");
        assert!(
            !value.is_empty() && is_arn,
            "{} is no {}: {value:?}",
            output.name,
            output.value_type.as_str()
        );
    }
}

fn fields(plan: &StepPlan) -> BTreeSet<String> {
    plan.changes.iter().map(|change| change.field.clone()).collect()
}

/// Runs all cases that apply, and ends the test when one of them fails.
///
/// # Panics
/// With the name and the reason of each case that failed.
pub async fn suite<H: Harness>(make: impl AsyncFn() -> H) -> Report {
    let report = run(make).await;
    report.assert();
    report
}

/// Runs all cases that apply.
pub async fn run<H: Harness>(make: impl AsyncFn() -> H) -> Report {
    let mut report = Report::of("step plugin");
    let made = async || Bench { harness: make().await, told: Arc::default() };
    let (abilities, breaks, finds) = {
        let bench = made().await;
        let finds = !bench.harness.undeclared().is_empty();
        (bench.harness.abilities(), bench.harness.cut_off_after(0).await, finds)
    };
    cases! { report, made:
        makes_what_is_not_there,
        plans_without_writing,
        changes_exactly_what_differs,
    }
    if abilities.acts {
        report.leave_out("writes_nothing_when_nothing_differs", "each apply does something");
    } else {
        cases! { report, made: writes_nothing_when_nothing_differs }
    }
    if abilities.drifts {
        cases! { report, made: mends_what_was_changed_by_hand }
    } else {
        report.leave_out("mends_what_was_changed_by_hand", "nothing that it makes can be changed by hand");
    }
    if abilities.removes {
        cases! { report, made: removes_and_can_be_asked_again, makes_again_what_was_removed }
    } else {
        cases! { report, made: has_nothing_to_remove }
    }
    if abilities.undoes {
        cases! { report, made: takes_back_a_creation, takes_back_a_change }
    } else {
        report.leave_out("takes_back_a_creation", "it does not take changes back");
        report.leave_out("takes_back_a_change", "it does not take changes back");
    }
    if abilities.owns {
        cases! { report, made:
            leaves_alone_what_nobody_owns,
            leaves_alone_what_another_stack_owns,
            adopts_what_nobody_owns,
            keeps_what_is_protected,
        }
    } else {
        report.leave_out("leaves_alone_what_nobody_owns", "nothing that it makes has an owner");
    }
    if finds {
        cases! { report, made: prunes_what_nothing_declares }
    } else {
        report.leave_out("prunes_what_nothing_declares", "it finds no orphans");
    }
    let made = &made;
    if breaks {
        report.case("completes_a_creation_that_died", completes_a_creation_that_died(made)).await;
        report.case("completes_a_change_that_died", completes_a_change_that_died(made)).await;
        if abilities.removes {
            report.case("completes_a_removal_that_died", completes_a_removal_that_died(made)).await;
        }
        if abilities.undoes {
            report.case("takes_back_what_died", takes_back_what_died(made)).await;
        }
    } else {
        report.leave_out("completes_a_creation_that_died", "the harness cannot cut off the plugin");
    }
    report
}

async fn makes_what_is_not_there<H: Harness>(bench: &Bench<H>) {
    let node = bench.harness.node();
    if bench.harness.abilities().removes {
        assert_eq!(bench.there().await, None, "before apply");
    }
    let (plan, outputs) = bench.deploy(&node).await;
    assert!(plan.is_change(), "the plan of what is not there: {plan:?}");
    if let Some(resource) = &node.resource {
        assert_eq!(&plan.resource, resource, "the plan names what the node says that it makes");
    }
    expect_promised(&node, &outputs);
    expect_known(&plan, &outputs, "of the plan");
    assert!(bench.there().await.is_some(), "after apply");
    bench.expect_settled(&bench.harness.node(), &outputs, "after apply").await;
}

async fn plans_without_writing<H: Harness>(bench: &Bench<H>) {
    let plan_all = async |state: &str| {
        let before = bench.harness.writes().await;
        bench.plan(&bench.harness.node()).await;
        bench.plan(&bench.harness.changed()).await;
        bench.plan_removal().await;
        assert_eq!(bench.harness.writes().await, before, "a plan wrote something while it was {state}");
    };
    plan_all("not there").await;
    bench.deploy(&bench.harness.node()).await;
    plan_all("there").await;
}

async fn writes_nothing_when_nothing_differs<H: Harness>(bench: &Bench<H>) {
    let node = bench.harness.node();
    let (plan, outputs) = bench.deploy(&node).await;
    let before = bench.harness.writes().await;
    for node in [node, bench.harness.node()] {
        let again = node.step.apply(&bench.context(&node), &bench.harness.inputs(), &plan).await;
        assert_eq!(ok(again, "another apply"), outputs, "the same outputs");
    }
    assert_eq!(bench.harness.writes().await, before, "something was written although nothing differs");
}

async fn changes_exactly_what_differs<H: Harness>(bench: &Bench<H>) {
    bench.deploy(&bench.harness.node()).await;
    let before = bench.there().await;
    let node = bench.harness.changed();
    let plan = bench.plan(&node).await;
    assert_eq!(bench.there().await, before, "after a plan");
    let expected: BTreeSet<_> = bench.harness.changed_fields().into_iter().collect();
    assert_eq!(fields(&plan), expected, "the fields of another declaration");
    let (plan, outputs) = bench.deploy(&node).await;
    expect_known(&plan, &outputs, "of the plan of a change");
    expect_promised(&node, &outputs);
    assert_ne!(bench.there().await, before, "after the change");
    bench.expect_settled(&bench.harness.changed(), &outputs, "after the change").await;
}

async fn mends_what_was_changed_by_hand<H: Harness>(bench: &Bench<H>) {
    bench.deploy(&bench.harness.node()).await;
    let before = bench.there().await;
    let expected: BTreeSet<_> = bench.harness.drift().await.into_iter().collect();
    assert_ne!(bench.there().await, before, "the harness changes nothing");
    let node = bench.harness.node();
    assert_eq!(fields(&bench.plan(&node).await), expected, "the fields that were changed by hand");
    let (_, outputs) = bench.deploy(&node).await;
    assert_eq!(bench.there().await, before, "after the next run");
    bench.expect_settled(&bench.harness.node(), &outputs, "after the next run").await;
}

async fn removes_and_can_be_asked_again<H: Harness>(bench: &Bench<H>) {
    assert_eq!(bench.plan_removal().await.action, Action::NoChange, "there is nothing to remove yet");
    bench.remove().await;
    bench.deploy(&bench.harness.node()).await;
    assert_eq!(bench.plan_removal().await.action, Action::Delete, "the plan to remove what is there");
    bench.remove().await;
    assert_eq!(bench.there().await, None, "after its removal");
    assert_eq!(bench.plan_removal().await.action, Action::NoChange, "it is removed already");
    bench.remove().await;
}

async fn makes_again_what_was_removed<H: Harness>(bench: &Bench<H>) {
    bench.deploy(&bench.harness.node()).await;
    bench.remove().await;
    let (_, outputs) = bench.deploy(&bench.harness.changed()).await;
    bench.expect_settled(&bench.harness.changed(), &outputs, "after a removal and a deployment").await;
}

async fn has_nothing_to_remove<H: Harness>(bench: &Bench<H>) {
    bench.deploy(&bench.harness.node()).await;
    let before = bench.there().await;
    assert_eq!(bench.plan_removal().await.action, Action::NoChange, "it removes nothing");
    bench.remove().await;
    assert_eq!(bench.there().await, before, "it removes nothing");
}

async fn takes_back_a_creation<H: Harness>(bench: &Bench<H>) {
    let before = bench.there().await;
    let node = bench.harness.node();
    let (plan, _) = bench.deploy(&node).await;
    bench.undo(&node, &plan).await;
    assert_eq!(bench.there().await, before, "after the run was taken back");
    bench.undo(&node, &plan).await;
    assert_eq!(bench.there().await, before, "after the run was taken back twice");
}

async fn takes_back_a_change<H: Harness>(bench: &Bench<H>) {
    bench.deploy(&bench.harness.node()).await;
    let before = bench.there().await;
    let node = bench.harness.changed();
    let (plan, _) = bench.deploy(&node).await;
    bench.undo(&node, &plan).await;
    assert_eq!(bench.there().await, before, "after the change was taken back");
}

/// Expects that everything which would change the resource is refused, and that removal passes it by.
async fn expect_refusal<H: Harness>(bench: &Bench<H>) {
    let (before, writes) = (bench.there().await, bench.harness.writes().await);
    let node = bench.harness.node();
    let context = bench.context(&node);
    let planned = refused(bench.try_plan(&context, &node).await, "the plan of what is not the stack's");
    assert_eq!(planned.kind, FailureKind::Conflict, "{planned}");
    let plan = StepPlan::new(Action::Create, node.resource.clone().unwrap_or_default());
    let applied = node.step.apply(&context, &bench.harness.inputs(), &plan).await;
    let applied = refused(applied, "the change of what is not the stack's");
    assert_eq!(applied.kind, FailureKind::Conflict, "{applied}");
    assert_eq!(bench.plan_removal().await.action, Action::NoChange, "the removal of what is not the stack's");
    bench.remove().await;
    assert_eq!(bench.harness.writes().await, writes, "something was written although it is not the stack's");
    assert_eq!(bench.there().await, before);
}

async fn leaves_alone_what_nobody_owns<H: Harness>(bench: &Bench<H>) {
    bench.harness.put_foreign().await;
    assert!(bench.there().await.is_some(), "the harness makes nothing");
    expect_refusal(bench).await;
}

async fn leaves_alone_what_another_stack_owns<H: Harness>(bench: &Bench<H>) {
    let node = bench.harness.node();
    ok(bench.try_deploy_as(&bench.other(&node), &node).await, "apply by the other stack");
    expect_refusal(bench).await;
}

async fn adopts_what_nobody_owns<H: Harness>(bench: &Bench<H>) {
    bench.harness.put_foreign().await;
    let node = bench.harness.node();
    let context = bench.context(&node).adopting(true);
    let (plan, outputs) = ok(bench.try_deploy_as(&context, &node).await, "adoption");
    assert_eq!(plan.action, Action::Adopt, "the plan of an adoption");
    bench.expect_settled(&bench.harness.node(), &outputs, "after the adoption").await;
}

async fn keeps_what_is_protected<H: Harness>(bench: &Bench<H>) {
    let node = bench.harness.node();
    ok(bench.try_deploy_as(&bench.context(&node).protecting(true), &node).await, "apply with protection");
    let before = bench.there().await;
    let planned = node.step.plan_removal(&bench.context(&node)).await;
    let planned = refused(planned, "the plan to remove what is protected");
    assert_eq!(planned.kind, FailureKind::Protected, "{planned}");
    let removed = refused(bench.try_remove().await, "the removal of what is protected");
    assert_eq!(removed.kind, FailureKind::Protected, "{removed}");
    assert_eq!(bench.there().await, before);
}

async fn prunes_what_nothing_declares<H: Harness>(bench: &Bench<H>) {
    let node = bench.harness.node();
    bench.deploy(&node).await;
    let (ours, theirs) = (bench.context(&node), bench.other(&node));
    let declared = Declared::by([&node]);
    for kind in bench.harness.undeclared() {
        let found = async |context: &Context, declared: &Declared| {
            ok(kind.find(context, declared).await, "the search for orphans")
        };
        assert_eq!(found(&ours, &declared).await, [], "what a step declares");
        assert_eq!(found(&theirs, &Declared::default()).await, [], "what is another stack's");
        let orphans = found(&ours, &Declared::default()).await;
        let [orphan] = orphans.as_slice() else { panic!("one is undeclared, not {orphans:?}") };
        assert_eq!(Some(&orphan.resource), node.resource.as_ref(), "the orphan's name");
        assert_eq!(orphan.step, node.id.as_str(), "the step that made the orphan");
        for _ in 0..2 {
            ok(kind.remove(&ours, &Declared::default(), orphan).await, "the removal of an orphan");
        }
    }
    assert_eq!(bench.there().await, None, "after the orphans were removed");
}

/// More calls than any step needs.
const MOST: u32 = 60;

/// Lets `work` die after each of its calls, and `judge` what comes of it.
async fn die_everywhere<H: Harness, T>(
    made: &impl AsyncFn() -> Bench<H>,
    prepare: impl AsyncFn(&Bench<H>) -> T,
    work: impl AsyncFn(&Bench<H>, &T) -> bool,
    judge: impl AsyncFn(&Bench<H>, T, u32),
) {
    for calls in 0..MOST {
        let bench = made().await;
        let prepared = prepare(&bench).await;
        assert!(bench.harness.cut_off_after(calls).await, "the harness cannot cut off any more");
        let done = work(&bench, &prepared).await;
        bench.harness.reconnect().await;
        if done {
            assert!(calls > 0, "it was not cut off: does the harness do that?");
            return;
        }
        judge(&bench, prepared, calls).await;
    }
    panic!("the work does not end within {MOST} calls");
}

/// Expects that the next run completes the work.
async fn expect_completion<H: Harness>(bench: &Bench<H>, next: impl Fn() -> Node, calls: u32) {
    let when = format!("after a run that died at its call {}", calls + 1);
    let (_, outputs) = bench.deploy(&next()).await;
    bench.expect_settled(&next(), &outputs, &when).await;
}

async fn completes_a_creation_that_died<H: Harness>(made: &impl AsyncFn() -> Bench<H>) {
    die_everywhere(
        made,
        async |_| (),
        async |bench, ()| bench.try_deploy(&bench.harness.node()).await.is_ok(),
        async |bench, (), calls| expect_completion(bench, || bench.harness.node(), calls).await,
    )
    .await;
}

async fn completes_a_change_that_died<H: Harness>(made: &impl AsyncFn() -> Bench<H>) {
    die_everywhere(
        made,
        async |bench| drop(bench.deploy(&bench.harness.node()).await),
        async |bench, ()| bench.try_deploy(&bench.harness.changed()).await.is_ok(),
        async |bench, (), calls| expect_completion(bench, || bench.harness.changed(), calls).await,
    )
    .await;
}

async fn completes_a_removal_that_died<H: Harness>(made: &impl AsyncFn() -> Bench<H>) {
    die_everywhere(
        made,
        async |bench| drop(bench.deploy(&bench.harness.node()).await),
        async |bench, ()| bench.try_remove().await.is_ok(),
        async |bench, (), calls| {
            bench.remove().await;
            assert_eq!(bench.there().await, None, "removed after call {}", calls + 1);
            expect_completion(bench, || bench.harness.node(), calls).await;
        },
    )
    .await;
}

/// A change whose plan is known, and what was there before it.
struct Begun {
    node: Node,
    plan: StepPlan,
    before: Option<String>,
}

async fn takes_back_what_died<H: Harness>(made: &impl AsyncFn() -> Bench<H>) {
    die_everywhere(
        made,
        async |bench| {
            bench.deploy(&bench.harness.node()).await;
            let node = bench.harness.changed();
            let plan = bench.plan(&node).await;
            Begun { node, plan, before: bench.there().await }
        },
        async |bench, Begun { node, plan, .. }| {
            let applied = node.step.apply(&bench.context(node), &bench.harness.inputs(), plan).await;
            applied.is_ok()
        },
        async |bench, Begun { node, plan, before }, calls| {
            // A run that died before it looked does not know what there was, and has changed nothing.
            if let Err(failure) = node.step.undo(&bench.context(&node).undoing(), &plan).await {
                assert_eq!(failure.kind, FailureKind::Stuck, "{failure}");
            }
            assert_eq!(bench.there().await, before, "taken back after call {}", calls + 1);
        },
    )
    .await;
}
