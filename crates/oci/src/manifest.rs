//! Manifests, indexes and the platforms that they are for.

use longshore_model::{Architecture, Platform};
use longshore_outside::Words;
use serde::Deserialize;

use crate::digest::is_digest;

/// The media types of manifests and indexes: those of OCI and those of Docker.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// What a reference names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manifest {
    /// Images for several platforms.
    Index(Vec<Entry>),
    /// One image, whose configuration is the blob of this digest.
    Image { config: String },
    /// Something that is not run, in a few words.
    Unusable(&'static str),
}

/// An image of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) digest: String,
    /// None where the index does not tell, and only the image's own configuration does.
    pub(crate) platform: Option<ImagePlatform>,
}

/// A platform, as images tell it (OCI image specification, "Image Index" and "Image Configuration").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ImagePlatform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl ImagePlatform {
    /// Whether this runs on `platform`. Variants beyond the first of amd64 need processors that not every task gets;
    /// `v8` is all of arm64.
    pub(crate) fn runs_on(&self, platform: Platform) -> bool {
        let variants: &[&str] = match platform.architecture {
            Architecture::Amd64 => &["", "v1"],
            Architecture::Arm64 => &["", "v8", "8"],
        };
        self.os == "linux"
            && self.architecture == platform.architecture.oci()
            && variants.contains(&self.variant.as_deref().unwrap_or_default())
    }

    /// As people write it: `linux/arm64`, `linux/arm/v7`.
    pub(crate) fn show(&self, words: &Words) -> String {
        let is_usual = [Architecture::Amd64, Architecture::Arm64]
            .iter()
            .any(|&architecture| self.runs_on(Platform { architecture }));
        let variant = self.variant.as_deref().filter(|variant| !is_usual && !variant.is_empty());
        let variant = variant.map(|variant| format!("/{variant}")).unwrap_or_default();
        words.quote(&format!("{}/{}{variant}", self.os, self.architecture), 40)
    }

    /// Attestations are listed in indexes as if they were images.
    fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    platform: Option<ImagePlatform>,
}

/// Reads a manifest or an index. It is told by what it holds, which must not be ambiguous (OCI image specification,
/// "Image Manifest").
pub(crate) fn read(body: &[u8]) -> Manifest {
    let Ok(document) = serde_json::from_slice::<Document>(body) else {
        return Manifest::Unusable("no manifest at all");
    };
    match (document.manifests, document.config) {
        (Some(manifests), None) => Manifest::Index(
            manifests
                .into_iter()
                .filter(|entry| !entry.platform.as_ref().is_some_and(ImagePlatform::is_unknown))
                .map(|entry| Entry { digest: entry.digest, platform: entry.platform })
                .collect(),
        ),
        (None, Some(config)) if is_digest(&config.digest) => Manifest::Image { config: config.digest },
        (Some(_), Some(_)) => Manifest::Unusable("an index and a manifest at once"),
        _ if document.schema_version == Some(1) => {
            Manifest::Unusable("a manifest of Docker's schema 1, which container runtimes no longer read")
        }
        _ => Manifest::Unusable("no manifest at all"),
    }
}

/// Reads the platform of an image from its configuration; none where it is not that of a container.
pub(crate) fn read_platform(config: &[u8]) -> Option<ImagePlatform> {
    serde_json::from_slice(config).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMD64: Platform = Platform { architecture: Architecture::Amd64 };
    const ARM64: Platform = Platform { architecture: Architecture::Arm64 };

    fn platform(text: &str) -> ImagePlatform {
        let mut parts = text.split('/').map(str::to_owned);
        ImagePlatform {
            os: parts.next().unwrap(),
            architecture: parts.next().unwrap(),
            variant: parts.next(),
        }
    }

    #[test]
    fn platforms_match_as_containerd_matches_them() {
        for (text, amd64, arm64, shown) in [
            ("linux/amd64", true, false, "linux/amd64"),
            ("linux/amd64/v1", true, false, "linux/amd64"),
            ("linux/amd64/v3", false, false, "linux/amd64/v3"),
            ("linux/arm64", false, true, "linux/arm64"),
            ("linux/arm64/v8", false, true, "linux/arm64"),
            ("linux/arm/v7", false, false, "linux/arm/v7"),
            ("windows/amd64", false, false, "windows/amd64"),
        ] {
            let platform = platform(text);
            assert_eq!((platform.runs_on(AMD64), platform.runs_on(ARM64)), (amd64, arm64), "{text}");
            assert_eq!(platform.show(&Words::default()), shown);
        }
    }

    #[test]
    fn tells_indexes_manifests_and_other_things_apart() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[
                {{"digest":"{digest}","platform":{{"os":"linux","architecture":"arm64","variant":"v8"}}}},
                {{"digest":"{digest}","platform":{{"os":"unknown","architecture":"unknown"}}}},
                {{"digest":"{digest}"}}]}}"#
        );
        let entry = |platform| Entry { digest: digest.clone(), platform };
        assert_eq!(
            read(index.as_bytes()),
            Manifest::Index(vec![entry(Some(platform("linux/arm64/v8"))), entry(None)])
        );
        let image = format!(r#"{{"schemaVersion":2,"config":{{"digest":"{digest}"}},"layers":[]}}"#);
        assert_eq!(read(image.as_bytes()), Manifest::Image { config: digest.clone() });
        let both = format!(r#"{{"config":{{"digest":"{digest}"}},"manifests":[]}}"#);
        for (text, reason) in [
            (both.as_str(), "an index and a manifest at once"),
            (
                r#"{"schemaVersion":1,"fsLayers":[]}"#,
                "a manifest of Docker's schema 1, which container runtimes no longer read",
            ),
            (r#"{"config":{"digest":"../../x"}}"#, "no manifest at all"),
            ("<html>", "no manifest at all"),
        ] {
            assert_eq!(read(text.as_bytes()), Manifest::Unusable(reason), "{text}");
        }
    }
}
