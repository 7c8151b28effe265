//! The suite of role builders.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Action, FailureKind, Known, Name, StepId, StepPlan};
use longshore_plugin::{Context, Readable, Result, RoleBuilder, RoleSpec};

use crate::{
    Report, Told,
    report::cases,
    told::{name, ok, refused},
};

/// A role builder, and an account in which its roles are judged. Each harness has an account, or names, of its own.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The builder.
    fn builder(&self) -> Arc<dyn RoleBuilder>;

    /// A role to be built. The suite fills in its secrets.
    fn role(&self) -> RoleSpec;

    /// The ARN of a secret; another `word` is another secret, and one secret's ARN may begin as another's does.
    fn secret(&self, word: &str) -> String;

    /// Returns true if the role `arn` may read a secret now.
    async fn may_read(&self, arn: &str, secret: &str) -> bool;

    /// Waits until what was taken away from a role is gone everywhere. A permission that is added has to be effective
    /// when the builder's `apply` ends; a task that starts too early fails.
    async fn settle(&self) {}

    /// Puts a role where `role` will be, past the builder and without its mark of ownership.
    async fn put_foreign(&self, role: &RoleSpec);

    /// Returns true if there is such a role.
    async fn exists(&self, role: &RoleSpec) -> bool;

    /// A text that differs after anything was written.
    async fn writes(&self) -> String;

    /// As [`store::Harness::cut_off_after`](crate::store::Harness::cut_off_after).
    async fn cut_off_after(&self, calls: u32) -> bool;

    /// As [`store::Harness::reconnect`](crate::store::Harness::reconnect).
    async fn reconnect(&self) {}

    /// The stack. Harnesses that share an account have different ones.
    fn stack(&self) -> Name {
        name("suite")
    }
}

struct Bench<H> {
    harness: H,
    builder: Arc<dyn RoleBuilder>,
    context: Context,
    other: Context,
}

impl<H: Harness> Bench<H> {
    fn new(harness: H) -> Self {
        let told = Arc::<Told>::default();
        let context = |stack: &Name| told.context(stack, StepId::new("role", "first"));
        Self {
            builder: harness.builder(),
            context: context(&harness.stack()),
            other: context(&name("another-stack")),
            harness,
        }
    }

    /// The role that reads the secrets of `words`.
    fn role(&self, words: &[&str]) -> RoleSpec {
        let secrets = words.iter().map(|word| readable(Known::Value(self.harness.secret(word)))).collect();
        RoleSpec { secrets, ..self.harness.role() }
    }

    async fn plan(&self, role: &RoleSpec) -> StepPlan {
        ok(self.builder.plan(&self.context, role).await, "plan")
    }

    async fn apply(&self, role: &RoleSpec) -> String {
        ok(self.builder.apply(&self.context, role).await, "apply")
    }

    async fn try_remove(&self, role: &RoleSpec) -> Result<()> {
        self.builder.remove(&self.context, role).await
    }

    async fn remove(&self, role: &RoleSpec) {
        ok(self.try_remove(role).await, "remove");
    }

    async fn plan_removal(&self, role: &RoleSpec) -> StepPlan {
        ok(self.builder.plan_removal(&self.context, role).await, "plan_removal")
    }

    /// Expects that the role reads the secrets of `may`, not those of `may_not`, and that nothing is left to do.
    async fn expect(&self, role: &RoleSpec, arn: &str, may: &[&str], may_not: &[&str]) {
        let may_read = async |word: &str| self.harness.may_read(arn, &self.harness.secret(word)).await;
        for word in may {
            assert!(may_read(word).await, "the role may not read {}", self.harness.secret(word));
        }
        self.harness.settle().await;
        for word in may_not {
            assert!(!may_read(word).await, "the role may read {}", self.harness.secret(word));
        }
        let plan = self.plan(role).await;
        assert_eq!(plan.action, Action::NoChange, "the plan after apply: {plan:?}");
        let known = plan.outputs.get(<dyn RoleBuilder>::ARN).and_then(Known::value);
        assert_eq!(known, Some(arn), "a plan without a change yields the ARN");
    }
}

fn readable(arn: Known) -> Readable {
    Readable { arn, foreseen: None, key: None }
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
    let mut report = Report::of("role builder");
    let made = async || Bench::new(make().await);
    cases! { report, made:
        builds_a_role_that_reads_its_secrets_and_no_other,
        follows_the_secrets_that_come_and_go,
        is_the_same_for_any_order_of_secrets,
        plans_with_secrets_that_are_not_known_yet,
        writes_nothing_when_nothing_differs,
        plans_without_writing,
        removes_and_can_be_asked_again,
        leaves_alone_what_nobody_owns,
        leaves_alone_what_another_stack_owns,
    }
    if made().await.harness.cut_off_after(0).await {
        let made = &made;
        report.case("completes_what_died", completes_what_died(made)).await;
        report.case("completes_a_removal_that_died", completes_a_removal_that_died(made)).await;
    } else {
        report.leave_out("completes_what_died", "the harness cannot cut off the plugin");
        report.leave_out("completes_a_removal_that_died", "the harness cannot cut off the plugin");
    }
    report
}

async fn builds_a_role_that_reads_its_secrets_and_no_other<H: Harness>(bench: &Bench<H>) {
    let role = bench.role(&["one", "two"]);
    assert_eq!(bench.plan(&role).await.action, Action::Create, "the plan of what is not there");
    let arn = bench.apply(&role).await;
    bench.expect(&role, &arn, &["one", "two"], &["three", "on", "one-more"]).await;
}

async fn follows_the_secrets_that_come_and_go<H: Harness>(bench: &Bench<H>) {
    let first = bench.apply(&bench.role(&["one"])).await;
    let more = bench.role(&["one", "two"]);
    assert_eq!(bench.plan(&more).await.action, Action::Update, "the plan of one secret more");
    let arn = bench.apply(&more).await;
    bench.expect(&more, &arn, &["one", "two"], &["three"]).await;
    let fewer = bench.role(&["two"]);
    assert_eq!(bench.plan(&fewer).await.action, Action::Update, "the plan of one secret less");
    assert_eq!(bench.apply(&fewer).await, first, "a role whose secrets change is the same role");
    bench.expect(&fewer, &arn, &["two"], &["one", "three"]).await;
    let none = bench.role(&[]);
    assert_eq!(bench.plan(&none).await.action, Action::Update, "the plan of no secret at all");
    bench.apply(&none).await;
    bench.expect(&none, &arn, &[], &["one", "two", "three"]).await;
}

async fn is_the_same_for_any_order_of_secrets<H: Harness>(bench: &Bench<H>) {
    bench.apply(&bench.role(&["one", "two", "three"])).await;
    for words in [["three", "one", "two"], ["two", "three", "one"]] {
        let plan = bench.plan(&bench.role(&words)).await;
        assert!(!plan.is_change(), "another order of the secrets is a change: {plan:?}");
    }
}

async fn plans_with_secrets_that_are_not_known_yet<H: Harness>(bench: &Bench<H>) {
    let roles = [None, Some(bench.harness.secret("two"))].map(|foreseen| {
        let mut role = bench.role(&["one"]);
        role.secrets.push(Readable { foreseen, ..readable(Known::AfterApply) });
        role
    });
    for role in &roles {
        assert_eq!(bench.plan(role).await.action, Action::Create, "the plan of what is not there");
    }
    bench.apply(&bench.role(&["one"])).await;
    for role in &roles {
        let plan = bench.plan(role).await;
        assert!(plan.is_change(), "a secret that is yet to be made is one more to be read: {plan:?}");
    }
}

async fn writes_nothing_when_nothing_differs<H: Harness>(bench: &Bench<H>) {
    let role = bench.role(&["one"]);
    let arn = bench.apply(&role).await;
    let before = bench.harness.writes().await;
    assert_eq!(bench.apply(&role).await, arn, "the same role has the same ARN");
    assert_eq!(bench.harness.writes().await, before, "something was written although nothing differs");
}

async fn plans_without_writing<H: Harness>(bench: &Bench<H>) {
    let roles = [bench.role(&["one"]), bench.role(&["two"])];
    for state in ["not there", "there"] {
        let before = bench.harness.writes().await;
        for role in &roles {
            bench.plan(role).await;
            bench.plan_removal(role).await;
        }
        assert_eq!(bench.harness.writes().await, before, "a plan wrote something while the role was {state}");
        bench.apply(&roles[0]).await;
    }
}

async fn removes_and_can_be_asked_again<H: Harness>(bench: &Bench<H>) {
    let role = bench.role(&["one"]);
    assert_eq!(bench.plan_removal(&role).await.action, Action::NoChange, "there is nothing to remove yet");
    bench.remove(&role).await;
    bench.apply(&role).await;
    // A removal does not know the secrets.
    let removed = bench.role(&[]);
    assert_eq!(bench.plan_removal(&removed).await.action, Action::Delete, "the plan to remove what is there");
    bench.remove(&removed).await;
    assert!(!bench.harness.exists(&role).await, "the role is there after its removal");
    assert_eq!(bench.plan_removal(&removed).await.action, Action::NoChange, "it is removed already");
    bench.remove(&removed).await;
    let arn = bench.apply(&role).await;
    bench.expect(&role, &arn, &["one"], &["two"]).await;
}

async fn expect_refusal<H: Harness>(bench: &Bench<H>) {
    let role = bench.role(&["one"]);
    let before = bench.harness.writes().await;
    let planned = refused(
        bench.builder.plan(&bench.context, &role).await,
        "the plan of a role that is not the stack's",
    );
    assert_eq!(planned.kind, FailureKind::Conflict, "{planned}");
    let applied = refused(
        bench.builder.apply(&bench.context, &role).await,
        "the change of a role that is not the stack's",
    );
    assert_eq!(applied.kind, FailureKind::Conflict, "{applied}");
    assert_eq!(
        bench.plan_removal(&role).await.action,
        Action::NoChange,
        "the removal of what is not the stack's"
    );
    bench.remove(&role).await;
    assert_eq!(
        bench.harness.writes().await,
        before,
        "something was written although the role is not the stack's"
    );
    assert!(bench.harness.exists(&role).await, "the role is gone");
}

async fn leaves_alone_what_nobody_owns<H: Harness>(bench: &Bench<H>) {
    bench.harness.put_foreign(&bench.harness.role()).await;
    expect_refusal(bench).await;
}

async fn leaves_alone_what_another_stack_owns<H: Harness>(bench: &Bench<H>) {
    // If the name follows from the stack, two stacks meet only under a name that both declare.
    let role = bench.role(&["one"]);
    let name = role.name.is_some();
    let theirs = ok(bench.builder.apply(&bench.other, &role).await, "apply by the other stack");
    if name {
        expect_refusal(bench).await;
    } else {
        assert_ne!(bench.apply(&role).await, theirs, "two stacks share a role");
        bench.remove(&role).await;
    }
    assert!(
        bench.harness.may_read(&theirs, &bench.harness.secret("one")).await,
        "the other stack's role is gone"
    );
}

/// More calls than any builder needs for one role.
const MOST: u32 = 60;

async fn completes_what_died<H: Harness>(made: &impl AsyncFn() -> Bench<H>) {
    for calls in 0..MOST {
        let bench = made().await;
        bench.apply(&bench.role(&["one"])).await;
        bench.remove(&bench.role(&[])).await;
        let role = bench.role(&["one", "two"]);
        assert!(bench.harness.cut_off_after(calls).await, "the harness cannot cut off any more");
        let died = bench.builder.apply(&bench.context, &role).await.is_err();
        bench.harness.reconnect().await;
        let arn = bench.apply(&role).await;
        bench.expect(&role, &arn, &["one", "two"], &["three"]).await;
        if !died {
            assert!(calls > 0, "it was not cut off: does the harness do that?");
            return;
        }
    }
    panic!("a role is not built within {MOST} calls");
}

async fn completes_a_removal_that_died<H: Harness>(made: &impl AsyncFn() -> Bench<H>) {
    for calls in 0..MOST {
        let bench = made().await;
        let role = bench.role(&["one"]);
        bench.apply(&role).await;
        assert!(bench.harness.cut_off_after(calls).await, "the harness cannot cut off any more");
        let died = bench.try_remove(&role).await.is_err();
        bench.harness.reconnect().await;
        if !died {
            assert!(calls > 0, "it was not cut off: does the harness do that?");
            return;
        }
        bench.remove(&role).await;
        assert!(!bench.harness.exists(&role).await, "the role is there, removed after call {}", calls + 1);
    }
    panic!("a role is not removed within {MOST} calls");
}
