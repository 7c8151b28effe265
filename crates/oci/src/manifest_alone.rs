//! The judgement of an image by its manifest alone.

use longshore_model::{Failure, ImageReference, Platform};
use longshore_net::Words;
use longshore_plugin::{PullProof, Result};

use crate::{
    manifest::{self, Kind, Manifest},
    puller::{choose, shown},
    refusal::Subject,
};

/// A manifest that was read by other means than a registry's protocol.
#[derive(Clone, Copy, Debug)]
pub struct ReadManifest<'a> {
    /// The call that read it, as errors name it.
    pub at: &'a str,
    /// Its digest.
    pub digest: &'a str,
    /// Its media type.
    pub media_type: &'a str,
    /// The manifest.
    pub content: &'a [u8],
}

impl ReadManifest<'_> {
    /// Judges whether a container runtime on `platform` takes `image` with this manifest. An index names the platforms of
    /// its images. A single image names its own in its configuration, which is not looked at.
    ///
    /// # Errors
    /// If runtimes refuse the manifest, or if it is an index without an image for the platform.
    pub fn judge(&self, image: &ImageReference, platform: Platform) -> Result<PullProof> {
        let Self { at, digest, media_type, content } = *self;
        let (subject, words) = (Subject { image, user: None }, Words::default());
        let quoted = words.quote(media_type, 100);
        let kind = Kind::of(media_type).ok_or_else(|| subject.wrong_type(at, &quoted))?;
        let no_image = |what| -> Failure { subject.no_image(at, what) };
        let entries = match manifest::read(kind, content).map_err(no_image)? {
            Manifest::Index(entries) => entries,
            Manifest::Image(_) => {
                let note = Some("the manifest does not name its platform".to_owned());
                let (platforms, manifests) = Default::default();
                return Ok(PullProof { digest: digest.to_owned(), platforms, manifests, note });
            }
        };
        let images = || entries.iter().filter(|entry| !entry.is_attestation());
        let platforms: Vec<_> = images().filter_map(|entry| entry.platform.clone()).collect();
        let platforms = shown(&platforms, &words);
        if choose(&entries, platform).is_none() {
            return Err(subject.wrong_platform(at, platform, &platforms));
        }
        let manifests = images().map(|entry| entry.digest.clone()).collect();
        Ok(PullProof { digest: digest.to_owned(), platforms, manifests, note: None })
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::{Architecture, FailureKind};
    use serde_json::json;

    use super::*;

    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";

    fn judge(media_type: &str, content: &serde_json::Value) -> Result<PullProof> {
        let content = content.to_string();
        let manifest = ReadManifest {
            at: "ecr:BatchGetImage x",
            digest: "sha256:a",
            media_type,
            content: content.as_bytes(),
        };
        let image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme/api:1".parse().unwrap();
        manifest.judge(&image, Platform::linux(Architecture::Arm64))
    }

    fn index(architectures: &[&str]) -> serde_json::Value {
        let entries = architectures.iter().map(|architecture| {
            let platform = json!({ "os": "linux", "architecture": architecture });
            json!({ "mediaType": IMAGE, "digest": format!("sha256:{architecture}"), "size": 7, "platform": platform })
        });
        json!({ "schemaVersion": 2, "manifests": entries.collect::<Vec<_>>() })
    }

    #[test]
    fn indexes_name_their_platforms() {
        let proof = judge(INDEX, &index(&["amd64", "arm64", "unknown"])).unwrap();
        assert_eq!(proof.digests(), "sha256:a sha256:amd64 sha256:arm64");
        assert_eq!(proof.platforms, ["linux/amd64", "linux/arm64"]);
        let failure = judge(INDEX, &index(&["amd64"])).unwrap_err();
        assert!(failure.message.ends_with("has linux/amd64 only, the task runs on linux/arm64"), "{failure}");
    }

    #[test]
    fn single_images_are_taken_by_their_digest() {
        let proof = judge(IMAGE, &json!({ "config": {}, "layers": [] })).unwrap();
        assert_eq!((proof.digests().as_str(), proof.platforms.len()), ("sha256:a", 0));
    }

    #[test]
    fn other_contents_are_no_images() {
        for (media_type, content) in [
            ("application/vnd.docker.distribution.manifest.v1+json", json!({})),
            (INDEX, json!({ "config": {} })),
            (IMAGE, json!([])),
        ] {
            assert_eq!(judge(media_type, &content).unwrap_err().kind, FailureKind::Invalid, "{content}");
        }
    }
}
