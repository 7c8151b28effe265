//! Images in private registries of Amazon ECR.

use std::sync::Arc;

use longshore_model::{EcrRegistry, Failure, FailureKind, ImageReference};
use longshore_plugin::Result;
use serde_json::{Value, json};

use super::{
    Clients, Freshness, Reads,
    loader::{Found, Loader},
};
use crate::{Aws, code, failure, is_unsupported};

/// The number of images that a call takes (API reference, `BatchGetImage`).
const IMAGES: usize = 100;

/// The media types that ECR may answer with: those that container runtimes read.
const ACCEPTED: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// An image in Amazon ECR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcrImage {
    /// The digest of the manifest or index.
    pub digest: String,
    /// The media type of the manifest.
    pub media_type: String,
    /// The manifest.
    pub manifest: String,
}

/// A repository, and how its registry is reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Repository {
    account: String,
    region: String,
    fips: bool,
    name: String,
}

impl Repository {
    fn registry(&self) -> EcrRegistry<'_> {
        EcrRegistry { account: &self.account, region: &self.region, fips: self.fips }
    }

    fn at(&self) -> String {
        format!("ecr:BatchGetImage {}", self.registry().repository_arn(&self.name))
    }
}

/// The loader, by tags and digests.
pub(super) type Images = Loader<Repository, String, EcrImage>;

pub(super) fn images(clients: Clients) -> Images {
    // A run pushes no images.
    Loader::new(IMAGES, Arc::default(), move |repository, references| {
        let clients = clients.clone();
        async move { read(&clients.get()?, &repository, references).await }
    })
}

async fn read(
    aws: &Aws,
    repository: &Repository,
    references: Vec<String>,
) -> Result<Found<String, EcrImage>> {
    let ids: Vec<_> = references.iter().map(|reference| json!({ (key(reference)): reference })).collect();
    let parameters = json!({
        "registryId": repository.account,
        "repositoryName": repository.name,
        "imageIds": ids,
        "acceptedMediaTypes": ACCEPTED,
    });
    let answer = aws.ecr(&repository.registry()).await?.call("BatchGetImage", parameters).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if code(&error) == Some("RepositoryNotFoundException") => {
            let help = "check the name, the account and the region in `image`, or create the repository and push the \
                image";
            return Err(failure(&error, repository.at()).help(help));
        }
        Err(error) if is_unsupported(&error) && aws.endpoint().await?.is_some() => {
            let message = "the endpoint does not know the call";
            return Err(Failure::new(FailureKind::Denied, message).at(repository.at()));
        }
        Err(error) => return Err(failure(&error, repository.at())),
    };
    let list = |name: &str| answer.get(name).and_then(Value::as_array).into_iter().flatten();
    let mut found = Found::new();
    for image in list("images") {
        let text = |pointer: &str| image.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let read = EcrImage {
            digest: text("/imageId/imageDigest").to_owned(),
            media_type: text("/imageManifestMediaType").to_owned(),
            manifest: text("/imageManifest").to_owned(),
        };
        for name in [text("/imageId/imageTag"), &read.digest] {
            if references.iter().any(|reference| reference == name) {
                found.insert(name.to_owned(), Ok(read.clone()));
            }
        }
    }
    for refusal in list("failures") {
        let text = |pointer: &str| refusal.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        // Absent from what is found, it is not there.
        if text("/failureCode") != "ImageNotFound" {
            let message = format!("{} ({})", text("/failureReason"), text("/failureCode"));
            let failure = Failure::new(FailureKind::Unavailable, message).at(repository.at());
            for name in [text("/imageId/imageTag"), text("/imageId/imageDigest")] {
                found.entry(name.to_owned()).or_insert_with(|| Err(failure.clone()));
            }
        }
    }
    Ok(found)
}

/// The parameter that names an image by `reference`: tags have no colon.
fn key(reference: &str) -> &'static str {
    if reference.contains(':') { "imageDigest" } else { "imageTag" }
}

impl Reads {
    /// Returns the image of a private registry in Amazon ECR, with the manifest that its tag or digest names. Images of
    /// one repository that are asked for at the same time are read in one call.
    ///
    /// # Errors
    /// If the image or its repository does not exist, or if it cannot be read. The failure is
    /// [`Denied`](FailureKind::Denied) if the caller may not read it.
    pub async fn ecr_image(&self, image: &ImageReference, registry: EcrRegistry<'_>) -> Result<EcrImage> {
        let repository = Repository {
            account: registry.account.to_owned(),
            region: registry.region.to_owned(),
            fips: registry.fips,
            name: image.repository().to_owned(),
        };
        let at = repository.at();
        let reference = image.manifest_reference().to_owned();
        let read = self.ecr_images.load(repository, reference, Freshness::Planned).await?;
        read.ok_or_else(|| {
            let message = format!("{image} does not exist: its repository in Amazon ECR has no such image");
            Failure::new(FailureKind::NotFound, message).at(at).help(
                "push it, or correct `image`; an image that a pull-through cache fetches has to be pulled once before",
            )
        })
    }
}
