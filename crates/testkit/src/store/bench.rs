//! A store at work.

use std::sync::Arc;

use longshore_model::{Action, Known, Secret, StepId, StepPlan};
use longshore_plugin::{Context, Labels, Result, Rotation, SecretSpec, SecretStore};

use super::Harness;
use crate::{
    Told,
    told::{name, ok},
};

/// A harness with its store, and with everything that the store tells.
pub(super) struct Bench<H> {
    pub(super) harness: H,
    pub(super) store: Arc<dyn SecretStore>,
    pub(super) told: Arc<Told>,
    pub(super) secret: SecretSpec,
    pub(super) context: Context,
    /// The context of another stack that wants the same secret.
    pub(super) other: Context,
}

impl<H: Harness> Bench<H> {
    pub(super) fn new(harness: H) -> Self {
        let told = Arc::<Told>::default();
        let step = || StepId::new("credential", "first");
        Self {
            store: harness.store(),
            secret: harness.secret("first"),
            context: told.context(&harness.stack(), step()),
            other: told.context(&name("another-stack"), step()),
            told,
            harness,
        }
    }

    /// The store's labels, in the cases of stores that have some.
    pub(super) fn labels(&self) -> &dyn Labels {
        let Some(labels) = self.store.labels() else { panic!("the store keeps no labels") };
        labels
    }

    /// The store's rotation, in the cases of stores that rotate.
    pub(super) fn rotation(&self) -> &dyn Rotation {
        let Some(rotation) = self.store.rotation() else { panic!("the store cannot rotate") };
        rotation
    }

    pub(super) fn value(&self, word: &str) -> Secret<String> {
        self.harness.value(word)
    }

    pub(super) async fn try_plan(&self, value: &Secret<String>) -> Result<StepPlan> {
        let result = self.store.plan(&self.context, &self.secret, value).await;
        self.told.result(&result);
        if let Ok(plan) = &result {
            self.told.plan(plan);
        }
        result
    }

    pub(super) async fn try_apply(&self, value: &Secret<String>) -> Result<String> {
        let result = self.store.apply(&self.context, &self.secret, value).await;
        self.told.result(&result);
        result
    }

    pub(super) async fn try_remove(&self) -> Result<()> {
        let result = self.store.remove(&self.context, &self.secret).await;
        self.told.result(&result);
        result
    }

    pub(super) async fn plan(&self, value: &Secret<String>) -> StepPlan {
        ok(self.try_plan(value).await, "plan")
    }

    pub(super) async fn apply(&self, value: &Secret<String>) -> String {
        ok(self.try_apply(value).await, "apply")
    }

    pub(super) async fn plan_removal(&self) -> StepPlan {
        let result = self.store.plan_removal(&self.context, &self.secret).await;
        self.told.result(&result);
        let plan = ok(result, "plan_removal");
        self.told.plan(&plan);
        plan
    }

    pub(super) async fn remove(&self) {
        ok(self.try_remove().await, "remove");
    }

    pub(super) async fn stored(&self) -> Option<String> {
        self.harness.stored(&self.secret).await
    }

    /// Expects that consumers get `value`. The message names neither value.
    pub(super) async fn expect_stored(&self, value: &Secret<String>, when: &str) {
        match self.stored().await {
            Some(stored) => assert!(stored == *value.expose(), "another value is stored {when}"),
            None => panic!("nothing is stored {when}"),
        }
    }

    /// Expects that nothing is left to do for `value`, and that the plan yields the ARN, because nothing else will.
    pub(super) async fn expect_settled(&self, value: &Secret<String>, arn: &str, when: &str) {
        let plan = self.plan(value).await;
        assert_eq!(plan.action, Action::NoChange, "the plan {when}: {plan:?}");
        let known = plan.outputs.get(<dyn SecretStore>::ARN).and_then(Known::value);
        assert_eq!(known, Some(arn), "a plan without a change yields the ARN ({when})");
    }
}
