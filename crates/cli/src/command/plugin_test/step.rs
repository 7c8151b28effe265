//! The suite of steps.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Action, Failure, Inputs, Name, StepPlan};
use longshore_plugin::{Context, Node, Result, StepDeclaration};
use longshore_process::{Hello, Kind};
use longshore_testkit::{
    step::{self, Abilities},
    suite_name,
};

use super::{
    Checks,
    bench::{Bench, Case, Variant, wrong},
    context,
};

/// The suite's name.
const SUITE: &str = "step";

/// The capabilities without which there is nothing to see past the program.
const SEEN_BY: [&str; 2] = ["plan", "removal"];

struct Harness {
    case: Case,
    undoes: bool,
    name: Name,
}

pub(super) async fn test(bench: &Arc<Bench>, hello: &Hello, checks: &mut Checks) {
    let capabilities = &hello.kinds[&Kind::Step].capabilities;
    if let Some(missing) = SEEN_BY.iter().find(|name| !capabilities.contains(**name)) {
        let reason = format!("the program does not announce `{missing}`");
        return checks.leave_out(SUITE, "suite", &reason);
    }
    if !bench.has(Variant::Changed) {
        return checks.leave_out(SUITE, "suite", "--change names no option that makes another declaration");
    }
    let harness =
        async || Harness { case: bench.case(), undoes: capabilities.contains("undo"), name: suite_name() };
    let first = harness().await;
    if let Err(failure) = first.removal().await {
        return checks.failure(SUITE, "plans_a_removal", &failure);
    }
    checks.report(SUITE, step::run(harness).await);
}

impl Harness {
    fn build(&self, variant: Variant) -> std::result::Result<Node, Failure> {
        let case = self.case.next_run();
        let plugin = case.plugin(variant);
        let stack = longshore_testkit::stack(&self.name);
        let declaration = StepDeclaration { stack: &stack, name: &self.name, options: &plugin.options };
        let built = Case::plugins().step_plugin(&plugin, &case.extensions());
        built.and_then(|built| built.node(&declaration)).map_err(|problems| wrong(&problems))
    }

    fn node_of(&self, variant: Variant) -> Node {
        self.build(variant).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// Asks a program of its own what there is to remove.
    async fn removal(&self) -> Result<StepPlan> {
        self.build(Variant::Usual)?.step.plan_removal(&context()).await
    }

    async fn plan(&self, variant: Variant, context: &Context) -> StepPlan {
        let plan = self.node_of(variant).step.plan(context, &Inputs::default()).await;
        plan.unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// The resource as plans of both declarations show it.
    async fn seen(&self) -> String {
        let context = context();
        let (usual, changed) =
            (self.plan(Variant::Usual, &context).await, self.plan(Variant::Changed, &context).await);
        format!("{usual:?} {changed:?}")
    }
}

#[async_trait]
impl step::Harness for Harness {
    fn node(&self) -> Node {
        self.node_of(Variant::Usual)
    }

    fn changed(&self) -> Node {
        self.node_of(Variant::Changed)
    }

    fn changed_fields(&self) -> Vec<String> {
        self.case.changed()
    }

    fn abilities(&self) -> Abilities {
        Abilities { removes: true, owns: false, drifts: false, acts: false, undoes: self.undoes }
    }

    async fn there(&self) -> Option<String> {
        let removal = self.removal().await.unwrap_or_else(|failure| panic!("{failure}"));
        if removal.action == Action::NoChange { None } else { Some(self.seen().await) }
    }

    async fn writes(&self) -> String {
        self.seen().await
    }

    async fn cut_off_after(&self, _: u32) -> bool {
        false
    }

    fn stack(&self) -> Name {
        self.name.clone()
    }
}
