//! The proof that an image can be pulled.

use async_trait::async_trait;
use longshore_model::{Failure, FailureKind, ImageReference, Platform};

use crate::{Context, Credential, Result};

/// The result of a pull check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullProof {
    /// The digest of the manifest (or index) that the reference names now.
    pub digest: String,
    /// The platforms that the image has, the first hundred at most; empty when the registry does not tell.
    pub platforms: Vec<String>,
    /// The digests of the manifests that an index lists; empty for a single image.
    pub manifests: Vec<String>,
    /// A note on the proof, such as that the registry is simulated.
    pub note: Option<String>,
}

impl PullProof {
    /// Returns the digest, as short as people compare it, and the note.
    #[must_use]
    pub fn shown(&self) -> String {
        let digest = short(&self.digest);
        self.note.as_ref().map_or_else(|| digest.to_owned(), |note| format!("{digest}; {note}"))
    }

    /// The value of the output `digests_output`: the digest, and those of the manifests, separated by spaces. It is empty if
    /// the caller may not read the image.
    #[must_use]
    pub fn digests(&self) -> String {
        let all: Vec<_> = [&self.digest].into_iter().chain(&self.manifests).map(String::as_str).collect();
        all.join(" ")
    }
}

/// Proves that an image can be pulled, by reading its manifest. A successful login proves nothing.
#[async_trait]
pub trait PullCheck: Send + Sync {
    /// Reads the manifest of `image` for `platform`, as `credential` or, without one, anonymously. `endpoint` is
    /// another URL at which the registry is reached. Images in Amazon ECR are read as the caller of AWS.
    ///
    /// # Errors
    /// When the registry refuses, does not have the image or the platform, or does not answer.
    async fn check(
        &self,
        image: &ImageReference,
        platform: Platform,
        credential: Option<&Credential>,
        endpoint: Option<&str>,
    ) -> Result<PullProof>;
}

impl dyn PullCheck {
    /// Checks a pull as [`PullCheck::check`] does, until the run is interrupted.
    ///
    /// # Errors
    /// Those of the check, and [`FailureKind::Interrupted`].
    pub async fn check_within(
        &self,
        context: &Context,
        image: &ImageReference,
        platform: Platform,
        credential: Option<&Credential>,
        endpoint: Option<&str>,
    ) -> Result<PullProof> {
        let check = self.check(image, platform, credential, endpoint);
        context.interrupt.run_until_cancelled(check).await.unwrap_or_else(|| {
            let message = format!("interrupted while the pull of {image} was checked");
            Err(Failure::new(FailureKind::Interrupted, message))
        })
    }

    /// Returns the name of the output that holds the digests of `image`, of the step that proves its pull.
    #[must_use]
    pub fn digests_output(image: &ImageReference) -> String {
        format!("_digests.{image}")
    }
}

/// The algorithm and the first digits of a digest, as people compare them.
fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}
