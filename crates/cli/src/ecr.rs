//! Images in private registries of Amazon ECR, which the API of ECR tells of instead of the registry.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use longshore_aws::{Aws, EcrImage};
use longshore_model::{EcrRegistry, Failure, FailureKind, ImageReference, Platform, partition_of};
use longshore_oci::ReadManifest;
use longshore_plugin::{Credential, PullCheck, PullProof, Result};

/// Looks at images in Amazon ECR as the caller of AWS, and leaves the others to another check.
pub(crate) struct EcrImages {
    aws: Aws,
    others: Arc<dyn PullCheck>,
    /// The images as this run has first seen them: within a run, a tag has one digest.
    seen: Mutex<BTreeMap<String, EcrImage>>,
}

impl EcrImages {
    pub(crate) fn new(aws: Aws, others: Arc<dyn PullCheck>) -> Self {
        Self { aws, others, seen: Mutex::default() }
    }

    async fn look(&self, image: &ImageReference, registry: EcrRegistry<'_>) -> Result<EcrImage> {
        let known = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = known().get(image.as_str()).cloned();
        if let Some(seen) = seen {
            return Ok(seen);
        }
        let (own, there) = (partition_of(self.aws.region().await?), registry.partition());
        if own != there {
            let message = format!("credentials of the partition {own} are not for {there}");
            return Err(Failure::new(FailureKind::Denied, message).at("ecr:BatchGetImage"));
        }
        let read = self.aws.reads().ecr_image(image, registry).await?;
        Ok(known().entry(image.to_string()).or_insert(read).clone())
    }
}

#[async_trait]
impl PullCheck for EcrImages {
    async fn check(
        &self,
        image: &ImageReference,
        platform: Platform,
        credential: Option<&Credential>,
        endpoint: Option<&str>,
    ) -> Result<PullProof> {
        let Some(registry) = image.ecr() else {
            return self.others.check(image, platform, credential, endpoint).await;
        };
        let found = self.look(image, registry).await?;
        let at = format!("ecr:BatchGetImage {}", registry.repository_arn(image.repository()));
        let manifest = ReadManifest {
            at: &at,
            digest: &found.digest,
            media_type: &found.media_type,
            content: found.manifest.as_bytes(),
        };
        manifest.judge(image, platform)
    }
}
