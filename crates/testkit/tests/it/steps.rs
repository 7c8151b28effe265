//! A step in memory passes the suite of steps, and one with a flaw does not.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use longshore_model::{
    Action, Failure, FailureKind, FieldChange, Inputs, Outputs, Shown, StepId, StepPlan, ValueType,
};
use longshore_plugin::{Context, Declared, Node, Result, Step, Undeclared, UndeclaredResource};
use longshore_testkit::step::{self, Abilities};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    PlansByWriting,
    ShowsNoField,
    ForgetsItsOutput,
    YieldsAnotherOutput,
    AlwaysChanges,
    IgnoresDrift,
    RemovesNothing,
    TakesWhatIsNotIts,
    UndoesNothing,
    FindsWhatIsDeclared,
    IgnoresProtection,
    TrustsItsPlan,
}

#[derive(Clone, Debug, PartialEq)]
struct Record {
    value: String,
    owner: Option<String>,
    is_protected: bool,
}

/// A place for one record. Writing it takes two calls, and a run may die between them.
#[derive(Default)]
struct Shelf {
    record: Mutex<Option<Record>>,
    writes: AtomicU32,
    /// The number of calls that are still answered.
    left: Mutex<Option<u32>>,
}

impl Shelf {
    fn call<T>(&self, work: impl FnOnce(&mut Option<Record>) -> T) -> Result<T> {
        let mut left = self.left.lock().unwrap();
        if *left == Some(0) {
            return Err(Failure::new(FailureKind::Unavailable, "no answer").help("run it again"));
        }
        *left = left.map(|left| left - 1);
        Ok(work(&mut self.record.lock().unwrap()))
    }

    fn read(&self) -> Result<Option<Record>> {
        self.call(|record| record.clone())
    }

    fn write(&self, record: Option<Record>) -> Result<()> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.call(|there| *there = record)
    }
}

struct RecordStep {
    shelf: Arc<Shelf>,
    value: String,
    flaw: Flaw,
}

const RESOURCE: &str = "record one";

impl RecordStep {
    fn require(&self, context: &Context, there: Option<&Record>) -> Result<()> {
        let is_ours = |record: &Record| match &record.owner {
            Some(owner) => owner == context.stack.as_str(),
            None => context.adopts,
        };
        if self.flaw == Flaw::TakesWhatIsNotIts || there.is_none_or(is_ours) {
            return Ok(());
        }
        Err(Failure::new(FailureKind::Conflict, "it is another's").help("adopt it"))
    }

    fn require_unprotected(&self, there: &Record) -> Result<()> {
        if there.is_protected && self.flaw != Flaw::IgnoresProtection {
            return Err(Failure::new(FailureKind::Protected, "it is protected").help("unprotect it"));
        }
        Ok(())
    }

    fn outputs(&self) -> Outputs {
        let value = if self.flaw == Flaw::YieldsAnotherOutput { "record" } else { "arn:record" };
        [("record-arn".to_owned(), value.to_owned())].into_iter().collect()
    }
}

#[async_trait]
impl Step for RecordStep {
    async fn plan(&self, context: &Context, _: &Inputs) -> Result<StepPlan> {
        let there = self.shelf.read()?;
        self.require(context, there.as_ref())?;
        let owner = Some(context.stack.as_str());
        let is_so = there.as_ref().is_some_and(|there| {
            there.owner.as_deref() == owner && (there.value == self.value || self.flaw == Flaw::IgnoresDrift)
        });
        let action = match &there {
            None => Action::Create,
            Some(there) if there.owner.is_none() => Action::Adopt,
            Some(_) if is_so && self.flaw != Flaw::AlwaysChanges => Action::NoChange,
            Some(_) => Action::Update,
        };
        if self.flaw == Flaw::PlansByWriting {
            self.shelf.write(there.clone())?;
        }
        let mut plan = StepPlan::new(action, RESOURCE);
        if there.is_some() && self.flaw != Flaw::ForgetsItsOutput {
            plan = plan.output("record-arn", "arn:record");
        }
        if plan.is_change() && self.flaw != Flaw::ShowsNoField {
            plan.changes.push(FieldChange::new("value", None, Some(Shown::text(&self.value))));
        }
        Ok(plan)
    }

    async fn apply(&self, context: &Context, _: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        let there = self.shelf.read()?;
        self.require(context, there.as_ref())?;
        context.keep_first(|| there.clone());
        let owner = Some(context.stack.to_string());
        let wanted = Record { value: self.value.clone(), owner, is_protected: context.protects };
        if there.as_ref() != Some(&wanted) || self.flaw == Flaw::TrustsItsPlan && plan.is_change() {
            self.shelf.write(Some(Record { value: String::new(), ..wanted.clone() }))?;
            self.shelf.write(Some(wanted))?;
        }
        Ok(self.outputs())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        let there = self.shelf.read()?;
        let ours = there.filter(|there| there.owner.as_deref() == Some(context.stack.as_str()));
        if let Some(ours) = &ours {
            self.require_unprotected(ours)?;
        }
        let action = if ours.is_some() { Action::Delete } else { Action::NoChange };
        Ok(StepPlan::new(action, RESOURCE))
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        let there = self.shelf.read()?;
        match there.filter(|there| there.owner.as_deref() == Some(context.stack.as_str())) {
            Some(ours) if self.flaw != Flaw::RemovesNothing => {
                self.require_unprotected(&ours)?;
                self.shelf.write(None)
            }
            _ => Ok(()),
        }
    }

    async fn undo(&self, context: &Context, _: &StepPlan) -> Result<()> {
        match context.kept::<Option<Record>>() {
            Some(before) if self.flaw != Flaw::UndoesNothing => self.shelf.write(before),
            _ => Ok(()),
        }
    }
}

struct Orphans(Arc<Shelf>, Flaw);

#[async_trait]
impl Undeclared for Orphans {
    fn what(&self) -> &'static str {
        "records"
    }

    async fn find(&self, context: &Context, declared: &Declared) -> Result<Vec<UndeclaredResource>> {
        let step = "steps.record".to_owned();
        let is_declared = declared.makes(&step, RESOURCE) && self.1 != Flaw::FindsWhatIsDeclared;
        let there = self.0.read()?.filter(|there| there.owner.as_deref() == Some(context.stack.as_str()));
        let found = there.filter(|_| !is_declared);
        let orphan =
            |_| UndeclaredResource { resource: RESOURCE.into(), step, id: "one".into(), stays: None };
        Ok(found.map(orphan).into_iter().collect())
    }

    async fn remove(&self, _: &Context, _: &Declared, _: &UndeclaredResource) -> Result<()> {
        self.0.write(None)
    }
}

struct Harness {
    shelf: Arc<Shelf>,
    flaw: Flaw,
}

impl Harness {
    fn node_of(&self, value: &str) -> Node {
        let step = RecordStep { shelf: self.shelf.clone(), value: value.to_owned(), flaw: self.flaw };
        let node = Node::new(StepId::named("steps.record"), Arc::new(step)).makes(RESOURCE);
        node.output("record-arn", ValueType::of("record-arn"))
    }
}

#[async_trait]
impl step::Harness for Harness {
    fn node(&self) -> Node {
        self.node_of("one")
    }

    fn changed(&self) -> Node {
        self.node_of("two")
    }

    fn changed_fields(&self) -> Vec<String> {
        vec!["value".to_owned()]
    }

    fn abilities(&self) -> Abilities {
        Abilities::RESOURCE
    }

    async fn there(&self) -> Option<String> {
        self.shelf.record.lock().unwrap().as_ref().map(|record| format!("{record:?}"))
    }

    async fn drift(&self) -> Vec<String> {
        self.shelf.record.lock().unwrap().as_mut().unwrap().value = "three".to_owned();
        vec!["value".to_owned()]
    }

    async fn put_foreign(&self) {
        let record = Record { value: "theirs".to_owned(), owner: None, is_protected: false };
        *self.shelf.record.lock().unwrap() = Some(record);
    }

    fn undeclared(&self) -> Vec<Arc<dyn Undeclared>> {
        vec![Arc::new(Orphans(self.shelf.clone(), self.flaw))]
    }

    async fn writes(&self) -> String {
        self.shelf.writes.load(Ordering::Relaxed).to_string()
    }

    async fn cut_off_after(&self, calls: u32) -> bool {
        *self.shelf.left.lock().unwrap() = Some(calls);
        true
    }

    async fn reconnect(&self) {
        *self.shelf.left.lock().unwrap() = None;
    }
}

async fn failed(flaw: Flaw) -> Vec<&'static str> {
    let report = step::run(async || Harness { shelf: Arc::default(), flaw }).await;
    assert_eq!(report.left_out, []);
    report.failed.into_iter().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn step_in_memory_passes_the_suite() {
    assert_eq!(failed(Flaw::None).await, Vec::<&str>::new());
}

#[tokio::test]
async fn suite_names_each_flaw() {
    for (flaw, case) in [
        (Flaw::PlansByWriting, "plans_without_writing"),
        (Flaw::ShowsNoField, "changes_exactly_what_differs"),
        (Flaw::ForgetsItsOutput, "makes_what_is_not_there"),
        (Flaw::YieldsAnotherOutput, "makes_what_is_not_there"),
        (Flaw::AlwaysChanges, "makes_what_is_not_there"),
        (Flaw::IgnoresDrift, "mends_what_was_changed_by_hand"),
        (Flaw::RemovesNothing, "removes_and_can_be_asked_again"),
        (Flaw::TakesWhatIsNotIts, "leaves_alone_what_nobody_owns"),
        (Flaw::UndoesNothing, "takes_back_a_change"),
        (Flaw::FindsWhatIsDeclared, "prunes_what_nothing_declares"),
        (Flaw::IgnoresProtection, "keeps_what_is_protected"),
        (Flaw::TrustsItsPlan, "writes_nothing_when_nothing_differs"),
    ] {
        let failed = failed(flaw).await;
        assert!(failed.contains(&case), "{flaw:?}: {failed:?}");
    }
}
