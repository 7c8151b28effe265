//! Stores with one flaw each: the suite has to name it.

use async_trait::async_trait;
use longshore_model::{Action, Failure, FailureKind, Secret, StepPlan};
use longshore_plugin::{Context, Result, Rotation, SecretSpec, SecretStore, StoreCapabilities, Stored};
use longshore_testkit::store;

use crate::keychain::{Chained, Keychain};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    PlansByWriting,
    ForgetsTheArnInItsPlan,
    TellsTheValueInAPlan,
    TellsTheValueInAnError,
    TellsTheValueAsProgress,
    AlwaysPlansAnUpdate,
    RemovesNothing,
    RemovesOnce,
    TrimsValues,
    TakesWhatIsNotIts,
    StagesWhatIsCurrent,
}

/// A store that does as `inner` does, but for its flaw. It rotates only as far as the flaw needs it.
struct Flawed {
    inner: Keychain,
    flaw: Flaw,
}

#[async_trait]
impl SecretStore for Flawed {
    fn capabilities(&self) -> StoreCapabilities {
        self.inner.capabilities()
    }

    fn kms_key(&self) -> Option<&str> {
        None
    }

    async fn plan(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<StepPlan> {
        let mut plan = self.inner.plan(context, secret, value).await?;
        match self.flaw {
            Flaw::PlansByWriting => drop(self.inner.apply(context, secret, value).await?),
            Flaw::ForgetsTheArnInItsPlan => plan.outputs.clear(),
            Flaw::TellsTheValueInAPlan => plan.notes.push(format!("becomes {}", value.expose())),
            Flaw::AlwaysPlansAnUpdate if plan.action == Action::NoChange => plan.action = Action::Update,
            _ => {}
        }
        Ok(plan)
    }

    async fn apply(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String> {
        let trimmed = Secret::new(value.expose().replace(" spaces ", "spaces"));
        let value = if self.flaw == Flaw::TrimsValues { &trimmed } else { value };
        let result = self.inner.apply(context, secret, value).await;
        match (self.flaw, result) {
            (Flaw::TellsTheValueInAnError, Err(failure)) => {
                Err(Failure { message: format!("{} for {}", failure.message, value.expose()), ..failure })
            }
            (Flaw::TellsTheValueAsProgress, result) => {
                context.progress(format!("storing {}", value.expose()));
                result
            }
            (Flaw::TakesWhatIsNotIts, Err(failure)) if failure.kind == FailureKind::Conflict => {
                Ok(format!("keychain:{}", secret.path))
            }
            (_, result) => result,
        }
    }

    async fn plan_removal(&self, context: &Context, secret: &SecretSpec) -> Result<StepPlan> {
        self.inner.plan_removal(context, secret).await
    }

    async fn remove(&self, context: &Context, secret: &SecretSpec) -> Result<()> {
        let there = self.inner.plan_removal(context, secret).await?.is_change();
        match self.flaw {
            Flaw::RemovesNothing => Ok(()),
            Flaw::RemovesOnce if !there => Err(Failure::new(FailureKind::NotFound, "there is no such entry")),
            _ => self.inner.remove(context, secret).await,
        }
    }

    async fn read(&self, context: &Context, secret: &SecretSpec) -> Result<Option<Stored>> {
        self.inner.read(context, secret).await
    }

    fn rotation(&self) -> Option<&dyn Rotation> {
        (self.flaw == Flaw::StagesWhatIsCurrent).then_some(self)
    }
}

#[async_trait]
impl Rotation for Flawed {
    async fn stage(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String> {
        self.inner.apply(context, secret, value).await?;
        self.inner.stage(context, secret, value).await
    }

    async fn read_version(
        &self,
        context: &Context,
        secret: &SecretSpec,
        version: &str,
    ) -> Result<Secret<String>> {
        self.inner.read_version(context, secret, version).await
    }

    async fn promote(&self, context: &Context, secret: &SecretSpec, version: &str) -> Result<()> {
        self.inner.promote(context, secret, version).await
    }

    async fn discard(&self, context: &Context, secret: &SecretSpec, version: &str) -> Result<()> {
        self.inner.discard(context, secret, version).await
    }
}

async fn failed(flaw: Flaw) -> Vec<&'static str> {
    let report = store::run(async || {
        let inner = Keychain::default();
        Chained::of(inner.clone(), Flawed { inner, flaw })
    })
    .await;
    report.failed.into_iter().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn each_flaw_fails_the_case_that_is_about_it() {
    assert_eq!(failed(Flaw::None).await, Vec::<&str>::new());
    for (flaw, case) in [
        (Flaw::PlansByWriting, "plans_without_writing"),
        (Flaw::ForgetsTheArnInItsPlan, "creates_what_is_not_there"),
        (Flaw::TellsTheValueInAPlan, "tells_no_value"),
        (Flaw::TellsTheValueInAnError, "tells_no_value"),
        (Flaw::TellsTheValueAsProgress, "tells_no_value"),
        (Flaw::AlwaysPlansAnUpdate, "creates_what_is_not_there"),
        (Flaw::RemovesNothing, "removes_and_can_be_asked_again"),
        (Flaw::RemovesOnce, "removes_and_can_be_asked_again"),
        (Flaw::TrimsValues, "keeps_any_text_as_it_is"),
        (Flaw::TakesWhatIsNotIts, "leaves_alone_what_another_stack_owns"),
        (Flaw::StagesWhatIsCurrent, "stages_beside_the_current_value"),
    ] {
        let failed = failed(flaw).await;
        assert!(failed.contains(&case), "{flaw:?} fails {failed:?}");
    }
}

#[tokio::test]
#[should_panic(expected = "removes_and_can_be_asked_again: the secret is there after its removal")]
async fn a_suite_ends_the_test_and_says_which_case_failed() {
    drop(
        store::suite(async || {
            let inner = Keychain::default();
            Chained::of(inner.clone(), Flawed { inner, flaw: Flaw::RemovesNothing })
        })
        .await,
    );
}
