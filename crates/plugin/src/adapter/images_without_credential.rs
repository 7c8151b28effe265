//! Images that need no credential.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Action, Failure, FailureKind, ImageReference, Inputs, Outputs, Platform, StepPlan};

use crate::{Context, PullCheck, Result, Step, pull_check::join_failures};

/// Says of images for which no registry is configured why they need no credential: anyone can pull them, which is
/// proved, or they lie in Amazon ECR, whose pulls the execution role itself authorises. It changes nothing.
pub struct ImagesWithoutCredentialStep {
    /// The registry's host.
    pub host: String,
    /// The images, with the platforms that they run on.
    pub images: Vec<(ImageReference, Platform)>,
    /// The proof.
    pub pull_check: Arc<dyn PullCheck>,
}

impl ImagesWithoutCredentialStep {
    fn resource(&self) -> String {
        format!("images of {} without a credential", self.host)
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
impl Step for ImagesWithoutCredentialStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        let mut plan = StepPlan::new(Action::NoChange, self.resource());
        let mut failures = Vec::new();
        for (image, platform) in &self.images {
            if image.is_ecr() {
                let mut note = format!("{image} is in Amazon ECR: the execution role pulls it");
                if image.digest().is_none() {
                    note.push_str(", and whether its tag was pushed again is not looked at");
                }
                plan.notes.push(note);
                continue;
            }
            context.progress(format!("checking the anonymous pull of {image} for {platform}"));
            match self.pull_check.check(image, *platform, None, None).await {
                Ok(proof) => {
                    plan.notes.push(format!(
                        "{image} is public and can be pulled for {platform} ({})",
                        proof.shown()
                    ));
                    plan = plan.output(&<dyn PullCheck>::digests_output(image), proof.digests());
                }
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

#[cfg(test)]
mod tests {
    use longshore_model::{Name, StepId};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{Credential, PullProof, Reporter};

    struct Public;

    #[async_trait]
    impl PullCheck for Public {
        async fn check(
            &self,
            image: &ImageReference,
            _: Platform,
            credential: Option<&Credential>,
            _: Option<&str>,
        ) -> Result<PullProof> {
            assert!(!image.is_ecr() && credential.is_none());
            let digest = format!("sha256:{}", "0".repeat(64));
            Ok(PullProof {
                digest,
                manifests: vec!["sha256:1".to_owned()],
                platforms: Vec::new(),
                note: None,
            })
        }
    }

    impl Reporter for Public {
        fn progress(&self, _: &StepId, _: &str) {}

        fn warning(&self, _: &StepId, _: &str) {}

        fn now(&self) -> u64 {
            0
        }
    }

    #[tokio::test]
    async fn the_plan_says_which_images_are_public_and_which_the_role_pulls() {
        let image = |text: &str| (text.parse().unwrap(), Platform::default());
        let step = ImagesWithoutCredentialStep {
            host: "several".to_owned(),
            images: vec![image("nginx:1"), image("123456789012.dkr.ecr.eu-central-1.amazonaws.com/api:2")],
            pull_check: Arc::new(Public),
        };
        let id = StepId::new("images", "several");
        let (stack, environment) = (Name::new("shop").unwrap(), Name::new("test").unwrap());
        let context = Context::new(stack, environment, id, CancellationToken::new(), Arc::new(Public));
        let plan = step.plan(&context, &Inputs::default()).await.unwrap();
        insta::assert_snapshot!(plan.notes.join("\n"), @r"
        nginx:1 is public and can be pulled for linux/amd64 (sha256:000000000000)
        123456789012.dkr.ecr.eu-central-1.amazonaws.com/api:2 is in Amazon ECR: the execution role pulls it, and whether its tag was pushed again is not looked at
        ");
        let outputs: Vec<_> =
            plan.outputs.iter().map(|(name, value)| (name.as_str(), value.value())).collect();
        let digests = format!("sha256:{} sha256:1", "0".repeat(64));
        assert_eq!(outputs, [("_digests.nginx:1", Some(digests.as_str()))]);
    }
}
