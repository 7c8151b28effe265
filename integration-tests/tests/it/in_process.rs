//! The parts that tests, and the bench, lend to runs within their own process.

use async_trait::async_trait;
use longshore_aws::Embedded;
use longshore_model::{ImageReference, Platform};
use longshore_plugin::{Credential, PullCheck, PullProof, Result};
use longshore_simcloud::{Cloud, World};

/// Takes every image to be pulled, with the digest that it has in the cloud, if that is simulated.
pub(crate) struct Proved(pub(crate) Option<Cloud>);

#[async_trait]
impl PullCheck for Proved {
    async fn check(
        &self,
        image: &ImageReference,
        _: Platform,
        _: Option<&Credential>,
        _: Option<&str>,
    ) -> Result<PullProof> {
        let mut digest = "sha256:00".to_owned();
        if let Some(cloud) = &self.0 {
            let (name, tag) = (image.repository(), image.manifest_reference());
            let found = |world: &World| world.registries.digest(image.host(), name, tag).map(str::to_owned);
            digest = cloud.inspect(found).await.unwrap_or(digest);
        }
        Ok(PullProof { digest, manifests: Vec::new(), platforms: Vec::new(), note: None })
    }
}

/// A simulated cloud, as the AWS clients reach it.
pub(crate) fn embedded(cloud: &Cloud) -> Embedded {
    Embedded::new(cloud.connector(), cloud.clone())
}
