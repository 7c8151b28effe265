//! Blobs: reading them, and uploading them.
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>

use ::http::{Method, Response, StatusCode, header};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Registry,
    digest::sha256,
    http::{ErrorCode, Query, refuse},
};

/// Content, written as base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Blob(pub(super) Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::{Engine, prelude::BASE64_STANDARD};

        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::{Engine, prelude::BASE64_STANDARD};

        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// An upload that was begun and isn't complete.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    repository: String,
    content: Blob,
}

impl Registry {
    /// `GET` and `HEAD` of `/v2/NAME/blobs/DIGEST`.
    pub(super) fn read_blob(&self, repository: &str, digest: &str) -> Response<Bytes> {
        let Some(blob) =
            self.repositories.get(repository).and_then(|repository| repository.blobs.get(digest))
        else {
            return refuse(ErrorCode::BlobUnknown);
        };
        Response::builder()
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, blob.0.len())
            .header("Docker-Content-Digest", digest)
            .body(Bytes::from(blob.0.clone()))
            .unwrap_or_default()
    }

    /// `POST`, `PATCH` and `PUT` below `/v2/NAME/blobs/uploads/`.
    pub(super) fn upload(
        &mut self,
        method: &Method,
        name: &str,
        id: &str,
        query: &Query,
        body: Bytes,
    ) -> Response<Bytes> {
        match *method {
            Method::POST if id.is_empty() => self.begin_upload(name, query, &body),
            Method::PATCH | Method::PUT => {
                let Some(upload) = self.uploads.get_mut(id).filter(|upload| upload.repository == name) else {
                    return refuse(ErrorCode::UploadUnknown);
                };
                upload.content.0.extend_from_slice(&body);
                if *method == Method::PATCH {
                    return progress(name, id, upload.content.0.len());
                }
                let Some(digest) = query.get("digest") else { return refuse(ErrorCode::DigestInvalid) };
                if sha256(&upload.content.0) != digest {
                    return refuse(ErrorCode::DigestInvalid);
                }
                let Upload { content, .. } = upload.clone();
                self.uploads.remove(id);
                self.repositories
                    .entry(name.to_owned())
                    .or_default()
                    .blobs
                    .insert(digest.to_owned(), content);
                created(name, digest)
            }
            _ => refuse(ErrorCode::Unsupported),
        }
    }

    fn begin_upload(&mut self, name: &str, query: &Query, body: &Bytes) -> Response<Bytes> {
        // A mount from a repository that the client can't read would leak it: only the repository's own
        // blobs are mounted, and everything else is an ordinary upload, which the specification allows.
        if let Some(digest) = query.get("mount")
            && self.repositories.get(name).is_some_and(|repository| repository.blobs.contains_key(digest))
        {
            return created(name, digest);
        }
        if let Some(digest) = query.get("digest") {
            if sha256(body) != digest {
                return refuse(ErrorCode::DigestInvalid);
            }
            let blob = Blob(body.to_vec());
            self.repositories.entry(name.to_owned()).or_default().blobs.insert(digest.to_owned(), blob);
            return created(name, digest);
        }
        self.uploads_begun += 1;
        let id = format!("{:08x}", self.uploads_begun);
        self.uploads.insert(id.clone(), Upload { repository: name.to_owned(), content: Blob(body.to_vec()) });
        progress(name, &id, body.len())
    }
}

fn progress(name: &str, id: &str, length: usize) -> Response<Bytes> {
    Response::builder()
        .status(StatusCode::ACCEPTED)
        .header(header::LOCATION, format!("/v2/{name}/blobs/uploads/{id}"))
        .header(header::RANGE, format!("0-{}", length.saturating_sub(1)))
        .header("Docker-Upload-UUID", id)
        .header(header::CONTENT_LENGTH, 0)
        .body(Bytes::new())
        .unwrap_or_default()
}

fn created(name: &str, digest: &str) -> Response<Bytes> {
    Response::builder()
        .status(StatusCode::CREATED)
        .header(header::LOCATION, format!("/v2/{name}/blobs/{digest}"))
        .header("Docker-Content-Digest", digest)
        .header(header::CONTENT_LENGTH, 0)
        .body(Bytes::new())
        .unwrap_or_default()
}
