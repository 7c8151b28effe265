//! Manifests and indexes: content negotiation, reading and writing.

use ::http::{HeaderMap, Response, StatusCode, header};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Registries, Registry, Repository, Visibility,
    blob::Blob,
    canonical_host,
    digest::{is_digest, sha256},
    http::{ErrorCode, refuse, refuse_with},
    image::{OCI_INDEX, OCI_MANIFEST},
};

/// A manifest or an index, byte for byte as it was pushed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) media_type: String,
    pub(super) content: Blob,
}

/// The part of a manifest's name that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    Repository,
    Manifest,
}

impl Registries {
    /// Returns the digest, the media type and the content of what a tag or digest of the repository `name` stands for.
    pub(crate) fn manifest(
        &mut self,
        host: &str,
        name: &str,
        reference: &str,
    ) -> Result<(&str, &str, &[u8]), Absent> {
        let host = &*canonical_host(host);
        self.make(host, &format!("/v2/{name}/manifests/{reference}"));
        let repository = self.hosts.get(host).and_then(|registry| registry.repositories.get(name));
        let repository = repository.ok_or(Absent::Repository)?;
        let digest = repository.tags.get(reference).map_or(reference, String::as_str);
        let (digest, manifest) = repository.manifests.get_key_value(digest).ok_or(Absent::Manifest)?;
        Ok((digest, &manifest.media_type, &manifest.content.0))
    }

    /// Makes an empty repository that anybody who reaches the registry may read; `false` if it is there.
    pub(crate) fn create_repository(&mut self, host: &str, name: &str) -> bool {
        let registry = self.hosts.entry(canonical_host(host).into_owned()).or_default();
        if registry.repositories.contains_key(name) {
            return false;
        }
        let repository = Repository { visibility: Visibility::Public, ..Repository::default() };
        registry.repositories.insert(name.to_owned(), repository);
        true
    }

    /// Removes a repository with its images; `false` if it is not there.
    pub(crate) fn delete_repository(&mut self, host: &str, name: &str) -> bool {
        let registry = self.hosts.get_mut(&*canonical_host(host));
        registry.is_some_and(|registry| registry.repositories.remove(name).is_some())
    }

    /// True if a repository has images.
    pub(crate) fn has_images(&self, host: &str, name: &str) -> bool {
        let registry = self.hosts.get(&*canonical_host(host));
        let repository = registry.and_then(|registry| registry.repositories.get(name));
        repository.is_some_and(|repository| !repository.manifests.is_empty())
    }

    /// Stores a manifest under its digest, and under a tag. Returns the digest.
    pub(crate) fn put_manifest(
        &mut self,
        host: &str,
        name: &str,
        tag: Option<&str>,
        media_type: &str,
        content: &[u8],
    ) -> Result<String, Absent> {
        let registry = self.hosts.get_mut(&*canonical_host(host));
        let repository = registry.and_then(|registry| registry.repositories.get_mut(name));
        let repository = repository.ok_or(Absent::Repository)?;
        let digest = sha256(content);
        let manifest = Manifest { media_type: media_type.to_owned(), content: Blob(content.to_vec()) };
        repository.manifests.insert(digest.clone(), manifest);
        if let Some(tag) = tag {
            repository.tags.insert(tag.to_owned(), digest.clone());
        }
        Ok(digest)
    }
}

impl Registry {
    /// `GET` and `HEAD` of `/v2/NAME/manifests/REFERENCE`.
    pub(super) fn read_manifest(&self, name: &str, reference: &str, headers: &HeaderMap) -> Response<Bytes> {
        let Some(repository) = self.repositories.get(name) else { return refuse(ErrorCode::NameUnknown) };
        let digest = if is_digest(reference) {
            Some(reference)
        } else {
            repository.tags.get(reference).map(String::as_str)
        };
        let Some((digest, manifest)) =
            digest.and_then(|digest| Some((digest, repository.manifests.get(digest)?)))
        else {
            return refuse(ErrorCode::ManifestUnknown);
        };
        if !accepts(headers, &manifest.media_type) {
            // As the reference implementation answers: it doesn't convert OCI types for older clients, and
            // takes `*/*` for a client that knows none.
            let message = match manifest.media_type.as_str() {
                OCI_INDEX => "OCI index found, but accept header does not support OCI indexes",
                OCI_MANIFEST => "OCI manifest found, but accept header does not support OCI manifests",
                _ => "manifest found, but accept header does not support its media type",
            };
            return refuse_with(ErrorCode::ManifestUnknown, message);
        }
        Response::builder()
            .header(header::CONTENT_TYPE, &manifest.media_type)
            .header(header::CONTENT_LENGTH, manifest.content.0.len())
            .header("Docker-Content-Digest", digest)
            .header(header::ETAG, format!("\"{digest}\""))
            .body(Bytes::from(manifest.content.0.clone()))
            .unwrap_or_default()
    }

    /// `PUT /v2/NAME/manifests/REFERENCE`: everything that the manifest refers to must be there.
    pub(super) fn write_manifest(
        &mut self,
        name: &str,
        reference: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Response<Bytes> {
        let Ok(parsed) = serde_json::from_slice::<Pushed>(&body) else {
            return refuse(ErrorCode::ManifestInvalid);
        };
        let digest = sha256(&body);
        if is_digest(reference) && reference != digest {
            return refuse(ErrorCode::DigestInvalid);
        }
        let repository = self.repositories.entry(name.to_owned()).or_default();
        let missing_blob = parsed.blobs().any(|digest| !repository.blobs.contains_key(digest));
        let missing_manifest =
            parsed.manifests.iter().any(|entry| !repository.manifests.contains_key(&entry.digest));
        if missing_blob || missing_manifest {
            return refuse(ErrorCode::ManifestBlobUnknown);
        }
        let media_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
            .or(parsed.media_type)
            .unwrap_or_else(|| OCI_MANIFEST.to_owned());
        repository.manifests.insert(digest.clone(), Manifest { media_type, content: Blob(body.to_vec()) });
        if !is_digest(reference) {
            repository.tags.insert(reference.to_owned(), digest.clone());
        }
        Response::builder()
            .status(StatusCode::CREATED)
            .header(header::LOCATION, format!("/v2/{name}/manifests/{digest}"))
            .header("Docker-Content-Digest", digest)
            .header(header::CONTENT_LENGTH, 0)
            .body(Bytes::new())
            .unwrap_or_default()
    }
}

/// The part of a pushed manifest or index that says what it refers to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pushed {
    media_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

impl Pushed {
    fn blobs(&self) -> impl Iterator<Item = &String> {
        self.config.iter().chain(&self.layers).map(|descriptor| &descriptor.digest)
    }
}

/// Returns true if one of the `Accept` headers names the media type; parameters such as `q` are ignored.
fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.split(';').next().unwrap_or_default().trim() == media_type)
}
