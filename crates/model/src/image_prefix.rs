//! Prefixes of image references.

use std::{fmt, str::FromStr};

use crate::{ImageReference, image::names_a_host};

/// The prefix of a registry's image references: `quay.io` for a whole registry, `quay.io/acme` for a part of it. Many
/// registries issue credentials for an organisation or a project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImagePrefix {
    host: String,
    path: String,
}

impl ImagePrefix {
    /// The registry's host, with its port where it has one, as [`ImageReference::host`].
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path of the part, such as `acme`; empty for a whole registry.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns `true` if `image` has this prefix. Paths are compared by whole segments.
    #[must_use]
    pub fn covers(&self, image: &ImageReference) -> bool {
        let below = image.repository().strip_prefix(self.path.as_str());
        let is_below = |below: &str| self.path.is_empty() || below.is_empty() || below.starts_with('/');
        self.host == image.host() && below.is_some_and(is_below)
    }
}

impl FromStr for ImagePrefix {
    type Err = InvalidImagePrefix;

    fn from_str(text: &str) -> Result<Self, InvalidImagePrefix> {
        // A text that names no host would be taken as part of a repository on Docker Hub.
        if !names_a_host(text.split('/').next().unwrap_or_default()) {
            return Err(InvalidImagePrefix);
        }
        let image: ImageReference = format!("{text}/a/b").parse().map_err(|_| InvalidImagePrefix)?;
        let path = image.repository().strip_suffix("a/b").ok_or(InvalidImagePrefix)?;
        Ok(Self { host: image.host().to_owned(), path: path.trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for ImagePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, "/{}", self.path) }
    }
}

/// A text is not an [`ImagePrefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidImagePrefix;

impl fmt::Display for InvalidImagePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a registry's host, nor a host and the path of a part")
    }
}

impl std::error::Error for InvalidImagePrefix {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_by_whole_segments() {
        for (prefix, image, expected) in [
            ("quay.io", "quay.io/acme/api:1", true),
            ("quay.io/acme", "quay.io/acme/api:1", true),
            ("quay.io/acme/api", "quay.io/acme/api", true),
            ("quay.io/acme/api", "quay.io/acme/api/worker", true),
            ("quay.io/acme", "quay.io/acmes/api", false),
            ("quay.io/acme/api", "quay.io/acme", false),
            ("quay.io/acme", "ghcr.io/acme/api", false),
            ("git.example.com:5050/a", "git.example.com:5050/a/b", true),
            ("git.example.com:5050/a", "git.example.com/a/b", false),
            ("docker.io/acme", "acme/api", true),
            ("index.docker.io/library", "nginx", true),
            ("docker.io/acme", "nginx", false),
            ("localhost/acme", "localhost/acme/api", true),
        ] {
            let prefix: ImagePrefix = prefix.parse().unwrap();
            assert_eq!(prefix.covers(&image.parse().unwrap()), expected, "{prefix} {image}");
        }
        let shown = |text: &str| text.parse::<ImagePrefix>().unwrap().to_string();
        assert_eq!((shown("Quay.io/acme"), shown("GHCR.io")), ("quay.io/acme".into(), "ghcr.io".into()));
    }

    #[test]
    fn what_is_no_host_or_path_is_refused() {
        for text in [
            "",
            "acme",
            "acme/api",
            "/acme",
            "quay.io/",
            "quay.io//a",
            "quay.io/A",
            "quay.io/a:1",
            "https://quay.io/a",
        ] {
            assert_eq!(text.parse::<ImagePrefix>(), Err(InvalidImagePrefix), "{text}");
        }
    }
}
