//! Images.

use serde_json::{Value, json};

use super::{INVALID, Repository};
use crate::{
    ApiError, Call, World,
    input::violated,
    registry::{Absent, is_digest},
};

/// The number of images in a call (API reference, `BatchGetImage`).
const MOST: usize = 100;

/// The tag that stands in for a digest of an improvised repository, whose content cannot be made up.
const ANY_TAG: &str = "latest";

/// The code and the reason of an image that is left out of an answer.
type LeftOut = (&'static str, &'static str);

pub(super) fn batch_get(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let repository = Repository::of(world, call)?;
    let ids = call.list("imageIds");
    if ids.is_empty() || ids.len() > MOST {
        let constraint = "Member must have length between 1 and 100";
        return Err(violated(&format!("[{} items]", ids.len()), "imageIds", constraint, INVALID));
    }
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in ids {
        match get(world, &repository, id)? {
            Ok(image) => images.push(image),
            Err((code, reason)) => {
                failures.push(json!({ "imageId": id, "failureCode": code, "failureReason": reason }));
            }
        }
    }
    Ok(json!({ "images": images, "failures": failures }))
}

fn get(world: &mut World, repository: &Repository, id: &Value) -> Result<Result<Value, LeftOut>, ApiError> {
    let text = |key: &str| id.get(key).and_then(Value::as_str);
    let (tag, digest) = (text("imageTag"), text("imageDigest"));
    let Some(reference) = digest.or(tag) else {
        let reason = "Invalid request parameters: both tag and digest cannot be null";
        return Ok(Err(("MissingDigestAndTag", reason)));
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Ok(Err((
            "InvalidImageDigest",
            "Invalid request parameters: image digest should satisfy the regex",
        )));
    }
    let Repository { registry, host, name } = repository;
    let improvises = world.registries.improvises(host);
    let registries = &mut world.registries;
    if let (Some(tag), Some(digest), false) = (tag, digest, improvises)
        && registries.digest(host, name, tag).is_some_and(|tagged| tagged != digest)
    {
        let reason = "Invalid request parameters: tag and digest do not match the same image";
        return Ok(Err(("ImageTagDoesNotMatchDigest", reason)));
    }
    // An image cannot be made up for a digest: another image is answered with that digest.
    let stands_in = digest.filter(|_| improvises && registries.manifest(host, name, reference).is_err());
    let asked = if stands_in.is_some() { tag.unwrap_or(ANY_TAG) } else { reference };
    match registries.manifest(host, name, asked) {
        Ok((found, media_type, content)) => Ok(Ok(json!({
            "registryId": registry,
            "repositoryName": name,
            "imageId": { "imageDigest": stands_in.unwrap_or(found), "imageTag": tag },
            "imageManifest": String::from_utf8_lossy(content),
            "imageManifestMediaType": media_type,
        }))),
        Err(Absent::Repository) => Err(repository.absent()),
        Err(Absent::Manifest) => Ok(Err(("ImageNotFound", "Requested image not found"))),
    }
}

/// Pushes a manifest. The layers that it names are taken to be there.
pub(super) fn put(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let repository = Repository::own(world, call)?;
    let content = call.required("imageManifest", INVALID)?;
    let manifest = serde_json::from_str::<Value>(content).unwrap_or_default();
    let media_type = call.text("imageManifestMediaType").or_else(|| manifest.get("mediaType")?.as_str());
    let Some(media_type) = media_type else {
        let message =
            "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'";
        return Err(ApiError::new(INVALID, message));
    };
    let tag = call.text("imageTag");
    let Repository { registry, host, name } = &repository;
    let put = world.registries.put_manifest(host, name, tag, media_type, content.as_bytes());
    let digest = put.map_err(|_| repository.absent())?;
    Ok(json!({ "image": {
        "registryId": registry,
        "repositoryName": name,
        "imageId": { "imageDigest": digest, "imageTag": tag },
        "imageManifest": content,
        "imageManifestMediaType": media_type,
    }}))
}
