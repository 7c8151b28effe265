//! Platforms of images, as containerd compares them (<https://github.com/containerd/platforms>).

use longshore_model::{Architecture, Platform};
use longshore_net::Words;
use serde::Deserialize;

use crate::json::or_default;

/// A platform, as images name it (OCI image specification, "Image Index" and "Image Configuration"). Empty fields are not
/// told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(crate) struct ImagePlatform {
    #[serde(deserialize_with = "or_default")]
    os: String,
    #[serde(deserialize_with = "or_default")]
    architecture: String,
    #[serde(deserialize_with = "or_default")]
    variant: String,
}

impl ImagePlatform {
    /// The rank of this platform among those that a runtime on `platform` takes from an index, the best first. `None`
    /// if it takes another image, or none.
    pub(crate) fn rank(&self, platform: Platform) -> Option<usize> {
        let normal = self.normal();
        // Processors run their predecessors' programs. Variants beyond the first of amd64 and arm64 need processors that
        // not every task gets.
        let taken: &[(&str, &str)] = match platform.architecture {
            Architecture::Amd64 => &[("amd64", ""), ("386", "")],
            Architecture::Arm64 => {
                &[("arm64", ""), ("arm", "v8"), ("arm", "v7"), ("arm", "v6"), ("arm", "v5")]
            }
        };
        let own = (normal.architecture.as_str(), normal.variant.as_str());
        taken.iter().position(|one| *one == own).filter(|_| normal.os == platform.os.oci())
    }

    /// Returns `true` if a single image names a platform that cannot run on `platform`. Runtimes do not select single
    /// images by their platform.
    pub(crate) fn rules_out(&self, platform: Platform) -> bool {
        let normal = self.normal();
        let runs = |architecture: &str| match platform.architecture {
            Architecture::Amd64 => matches!(architecture, "" | "amd64" | "386"),
            Architecture::Arm64 => matches!(architecture, "" | "arm64" | "arm"),
        };
        normal.os != platform.os.oci() || !runs(&normal.architecture)
    }

    /// Returns `true` if operating system and architecture are given.
    pub(crate) fn is_told(&self) -> bool {
        !self.os.is_empty() && !self.architecture.is_empty()
    }

    /// Attestations are listed in indexes as if they were images.
    pub(crate) fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }

    /// As people write it: `linux/arm64`, `linux/arm/v7`.
    pub(crate) fn show(&self, words: &Words) -> String {
        // Secrets are hidden first: in other letters nothing would know them.
        let quote = |text| words.quote(text, 40);
        let quoted = Self {
            os: quote(&self.os),
            architecture: quote(&self.architecture),
            variant: quote(&self.variant),
        };
        let Self { os, architecture, variant } = quoted.normal();
        let architecture = if architecture.is_empty() { "(no architecture)" } else { &architecture };
        let slash = if variant.is_empty() { "" } else { "/" };
        words.quote(&format!("{os}/{architecture}{slash}{variant}"), 40)
    }

    /// The same platform in the usual words; Linux where no operating system is told.
    fn normal(&self) -> Self {
        let os = match self.os.to_lowercase() {
            os if os.is_empty() => "linux".to_owned(),
            os if os == "macos" => "darwin".to_owned(),
            os => os,
        };
        let (architecture, variant) = (self.architecture.to_lowercase(), self.variant.to_lowercase());
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "8") => ("arm", "v8"),
            as_it_is => as_it_is,
        };
        Self { os, architecture: architecture.to_owned(), variant: variant.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMD64: Platform = Platform::linux(Architecture::Amd64);
    const ARM64: Platform = Platform::linux(Architecture::Arm64);

    fn platform(text: &str) -> ImagePlatform {
        let mut parts = text.split('/').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        ImagePlatform { os: next(), architecture: next(), variant: next() }
    }

    #[test]
    fn platforms_rank_as_containerd_ranks_them() {
        for (text, amd64, arm64, shown) in [
            ("linux/amd64", Some(0), None, "linux/amd64"),
            ("linux/amd64/v1", Some(0), None, "linux/amd64"),
            ("Linux/x86_64", Some(0), None, "linux/amd64"),
            ("linux/X86-64/V1", Some(0), None, "linux/amd64"),
            ("/amd64", Some(0), None, "linux/amd64"),
            ("linux/amd64/v3", None, None, "linux/amd64/v3"),
            ("linux/i386", Some(1), None, "linux/386"),
            ("linux/arm64", None, Some(0), "linux/arm64"),
            ("linux/arm64/v8", None, Some(0), "linux/arm64"),
            ("linux/ARM64/8", None, Some(0), "linux/arm64"),
            ("linux/aarch64", None, Some(0), "linux/arm64"),
            ("linux/arm64/v9", None, None, "linux/arm64/v9"),
            ("linux/arm/v8", None, Some(1), "linux/arm/v8"),
            ("linux/arm", None, Some(2), "linux/arm/v7"),
            ("linux/armhf", None, Some(2), "linux/arm/v7"),
            ("linux/armel", None, Some(3), "linux/arm/v6"),
            ("linux/arm/5", None, Some(4), "linux/arm/v5"),
            ("windows/amd64", None, None, "windows/amd64"),
            ("linux", None, None, "linux/(no architecture)"),
            ("", None, None, "linux/(no architecture)"),
        ] {
            let platform = platform(text);
            assert_eq!((platform.rank(AMD64), platform.rank(ARM64)), (amd64, arm64), "{text}");
            assert_eq!(platform.show(&Words::default()), shown);
        }
    }

    #[test]
    fn single_images_are_ruled_out_by_what_they_name() {
        for (text, amd64, arm64) in [
            ("linux/amd64", false, true),
            ("linux/x86_64/v3", false, true),
            ("linux/arm64/v9", true, false),
            ("linux", false, false),
            ("/aarch64", true, false),
            ("", false, false),
            ("windows/amd64", true, true),
            ("linux/s390x", true, true),
        ] {
            let platform = platform(text);
            assert_eq!((platform.rules_out(AMD64), platform.rules_out(ARM64)), (amd64, arm64), "{text}");
        }
    }
}
