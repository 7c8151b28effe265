//! Images that need no credential.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Action, Failure, FailureKind, ImageReference, Inputs, Outputs, Platform, StepPlan};

use crate::{Context, PullCheck, Result, Step, pull_check::join_failures, registry_credential::short};

/// Proves that images for which no registry is configured can be pulled by anyone. It changes nothing.
pub struct PublicImagesStep {
    /// The registry's host.
    pub host: String,
    /// The images, with the platforms that they run on.
    pub images: Vec<(ImageReference, Platform)>,
    /// The proof.
    pub pull_check: Arc<dyn PullCheck>,
}

impl PublicImagesStep {
    fn resource(&self) -> String {
        format!("public images of {}", self.host)
    }

    /// A refusal without a credential most often means that a registry is missing in the configuration.
    fn explain(&self, failure: Failure) -> Failure {
        match failure.kind {
            FailureKind::Denied | FailureKind::NotFound => failure.help(format!(
                "if the image is private, add a registry with host = \"{}\" to the configuration",
                self.host
            )),
            _ => failure,
        }
    }
}

#[async_trait]
impl Step for PublicImagesStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        let mut plan = StepPlan::new(Action::NoChange, self.resource());
        let mut failures = Vec::new();
        for (image, platform) in &self.images {
            context.progress(format!("checking the anonymous pull of {image} for {platform}"));
            match self.pull_check.check(image, *platform, None, None).await {
                Ok(proof) => plan.notes.push(format!(
                    "{image} is public and can be pulled for {platform} ({})",
                    short(&proof.digest)
                )),
                Err(failure) => failures.push(self.explain(failure)),
            }
        }
        join_failures(failures).map_or(Ok(plan), Err)
    }

    async fn apply(&self, _context: &Context, _inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs> {
        Ok(Outputs::new())
    }

    async fn plan_removal(&self, _context: &Context) -> Result<StepPlan> {
        Ok(StepPlan::new(Action::NoChange, self.resource()))
    }

    async fn remove(&self, _context: &Context) -> Result<()> {
        Ok(())
    }
}
