//! Credentials that no image of the stack needs.

use longshore_model::{Action, Failure, FailureKind, StepPlan};
use longshore_plugin::{Context, Result};

use super::RegistryCredential;

impl RegistryCredential {
    /// Returns `true` if no image of the stack needs the credential. Then no pull can prove it.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.images.is_empty()
    }

    /// Plans no change, and says so: what is not proved is not stored. The stored value stays, because it is declared.
    /// Reads only.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn plan_unused(&self, context: &Context) -> Result<StepPlan> {
        let resource = self.store.resource(&self.secret);
        let resource = resource.unwrap_or_else(|| format!("credential of {}", self.location()));
        let mut plan = StepPlan::new(Action::NoChange, resource);
        let what = match self.stored(context).await? {
            Some(_) => "what is stored stays, and is not proved",
            None => "the credential is not stored, because nothing proves it",
        };
        plan.notes.push(format!("no service has an image at {}: {what}", self.location()));
        Ok(plan)
    }

    /// Refuses to replace a credential by one that nothing proves.
    pub(super) fn require_images(&self) -> Result<()> {
        if !self.is_unused() {
            return Ok(());
        }
        let message = format!(
            "no service has an image at {}: nothing would prove the new credential, and it was not promoted",
            self.location()
        );
        Err(Failure::new(FailureKind::Invalid, message))
    }
}
