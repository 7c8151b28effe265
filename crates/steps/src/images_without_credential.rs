//! Images that need no credential.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use longshore_model::{Action, Failure, FailureKind, ImageReference, Inputs, Outputs, Platform, StepPlan};
use longshore_plugin::{Context, PullCheck, Result, Step};

use crate::shared::join_failures;

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
    fn explain(&self, image: &ImageReference, failure: Failure) -> Failure {
        match failure.kind {
            FailureKind::Denied | FailureKind::NotFound if !image.is_ecr() => failure.help(format!(
                "if the image is private, add a registry with host = \"{}\" to the configuration",
                self.host
            )),
            _ => failure,
        }
    }
}

/// The note of an image in Amazon ECR that the caller may not read.
fn unread(image: &ImageReference, failure: &Failure) -> String {
    let what = if image.digest().is_none() { "its tag is not compared" } else { "it is not looked at" };
    format!("{image} is in Amazon ECR: the execution role pulls it, and {what}: {}", failure.message)
}

#[async_trait]
impl Step for ImagesWithoutCredentialStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        let mut plan = StepPlan::new(Action::NoChange, self.resource());
        let mut failures = Vec::new();
        let checks = self.images.iter().map(|(image, platform)| async move {
            let how = if image.is_ecr() { "the image" } else { "the anonymous pull of" };
            context.progress(format!("checking {how} {image} for {platform}"));
            (image, platform, self.pull_check.check_within(context, image, *platform, None, None).await)
        });
        for (image, platform, check) in join_all(checks).await {
            let (note, digests) = match check {
                Ok(proof) if image.is_ecr() => (
                    format!("{image} is in Amazon ECR: the execution role pulls it ({})", proof.shown()),
                    proof.digests(),
                ),
                Ok(proof) => (
                    format!("{image} is public and can be pulled for {platform} ({})", proof.shown()),
                    proof.digests(),
                ),
                // The caller needs no permission of the role's.
                Err(failure) if image.is_ecr() && failure.kind == FailureKind::Denied => {
                    (unread(image, &failure), String::new())
                }
                Err(failure) => {
                    failures.push(self.explain(image, failure));
                    continue;
                }
            };
            plan.notes.push(note);
            plan = plan.output(&<dyn PullCheck>::digests_output(image), digests);
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
    use longshore_plugin::{Credential, PullProof, Reporter};

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
            assert!(credential.is_none());
            if image.repository() == "denied" {
                return Err(Failure::new(
                    FailureKind::Denied,
                    "not authorized to perform: ecr:BatchGetImage",
                ));
            }
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

    async fn plan(images: &[&str]) -> Result<StepPlan> {
        let images = images.iter().map(|image| (image.parse().unwrap(), Platform::default()));
        let step = ImagesWithoutCredentialStep {
            host: "several".to_owned(),
            images: images.collect(),
            pull_check: Arc::new(Public),
        };
        let id = StepId::new("images", "several");
        let (stack, environment) = (Name::new("shop").unwrap(), Name::new("test").unwrap());
        let context = Context::new(stack, environment, id, CancellationToken::new(), Arc::new(Public));
        step.plan(&context, &Inputs::default()).await
    }

    #[tokio::test]
    async fn plan_tells_public_images_from_those_of_the_role() {
        const ECR: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
        let images = [
            "nginx:1".to_owned(),
            format!("{ECR}/api:2"),
            format!("{ECR}/denied:1"),
            format!("{ECR}/denied@sha256:{}", "1".repeat(64)),
        ];
        let plan = plan(&images.each_ref().map(String::as_str)).await.unwrap();
        insta::assert_snapshot!(plan.notes.join("\n"), @r"
        nginx:1 is public and can be pulled for linux/amd64 (sha256:000000000000)
        123456789012.dkr.ecr.eu-central-1.amazonaws.com/api:2 is in Amazon ECR: the execution role pulls it (sha256:000000000000)
        123456789012.dkr.ecr.eu-central-1.amazonaws.com/denied:1 is in Amazon ECR: the execution role pulls it, and its tag is not compared: not authorized to perform: ecr:BatchGetImage
        123456789012.dkr.ecr.eu-central-1.amazonaws.com/denied@sha256:1111111111111111111111111111111111111111111111111111111111111111 is in Amazon ECR: the execution role pulls it, and it is not looked at: not authorized to perform: ecr:BatchGetImage
        ");
        let outputs: Vec<_> =
            plan.outputs.iter().map(|(name, value)| (name.as_str(), value.value())).collect();
        let digests = format!("sha256:{} sha256:1", "0".repeat(64));
        let known = Some(digests.as_str());
        let names = images.each_ref().map(|image| format!("_digests.{image}"));
        let mut expected: Vec<_> =
            names.iter().map(String::as_str).zip([known, known, Some(""), Some("")]).collect();
        expected.sort_unstable();
        assert_eq!(outputs, expected);
    }

    #[tokio::test]
    async fn denied_anonymous_pulls_fail_the_plan() {
        let failure = plan(&["ghcr.io/denied:1"]).await.unwrap_err();
        assert!(failure.help.unwrap().contains("add a registry with host = \"several\""));
    }
}
