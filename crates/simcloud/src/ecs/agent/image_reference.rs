//! Names of images, as container engines read them.
//! <https://pkg.go.dev/github.com/distribution/reference>

use std::fmt;

/// The name of an image, with Docker Hub's defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImageReference {
    /// The registry, such as `docker.io` or `localhost:5000`.
    pub(super) host: String,
    /// The repository, such as `library/nginx`.
    pub(super) repository: String,
    pub(super) tag: Option<String>,
    pub(super) digest: Option<String>,
}

impl ImageReference {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_owned())),
            None => (text, None),
        };
        let is_digest = |digest: &String| {
            let lengths = [("sha256", 64), ("sha384", 96), ("sha512", 128)];
            let (algorithm, hex) = digest.split_once(':').unwrap_or_default();
            lengths.contains(&(algorithm, hex.len()))
        };
        if !digest.as_ref().is_none_or(is_digest) {
            return None;
        }
        let (path, tag) = match name.rsplit_once(':') {
            // A colon before the last slash belongs to the host's port.
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag.to_owned())),
            _ => (name, None),
        };
        let (host, repository) = match path.split_once('/') {
            Some(("docker.io" | "index.docker.io", rest)) if rest.contains('/') => {
                ("docker.io", rest.to_owned())
            }
            Some(("docker.io" | "index.docker.io", rest)) => ("docker.io", format!("library/{rest}")),
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest.to_owned()),
            Some(_) => ("docker.io", path.to_owned()),
            None => ("docker.io", format!("library/{path}")),
        };
        let is_path = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
                })
        };
        let is_tag = |tag: &String| {
            (1..=128).contains(&tag.len())
                && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        };
        if !repository.split('/').all(is_path) || !tag.as_ref().is_none_or(is_tag) {
            return None;
        }
        let tag = tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Some(Self { host: host.to_owned(), repository, tag, digest })
    }

    /// Returns the host of the registry's API.
    pub(super) fn api_host(&self) -> &str {
        if self.host == "docker.io" { "registry-1.docker.io" } else { &self.host }
    }

    /// The digest, or else the tag.
    pub(super) fn reference(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        ImageReference::parse(text).map(|image| image.to_string())
    }

    #[test]
    fn names_get_docker_hubs_defaults() {
        assert_eq!(shown("nginx").as_deref(), Some("docker.io/library/nginx:latest"));
        assert_eq!(shown("acme/api:1").as_deref(), Some("docker.io/acme/api:1"));
        assert_eq!(shown("index.docker.io/nginx:1").as_deref(), Some("docker.io/library/nginx:1"));
        assert_eq!(shown("registry-1.docker.io/nginx:1").as_deref(), Some("registry-1.docker.io/nginx:1"));
        assert_eq!(shown("localhost:5000/api").as_deref(), Some("localhost:5000/api:latest"));
        assert_eq!(shown("ghcr.io/acme/api").as_deref(), Some("ghcr.io/acme/api:latest"));
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(
            shown(&format!("ghcr.io/acme/api:1@{digest}")),
            Some(format!("ghcr.io/acme/api:1@{digest}"))
        );
        assert_eq!(shown(&format!("ghcr.io/acme/api@{digest}")), Some(format!("ghcr.io/acme/api@{digest}")));
    }

    #[test]
    fn malformed_names_are_refused() {
        for name in ["ghcr.io/Acme/api", "ghcr.io/acme//api", "ghcr.io/acme/api@sha256:1", "api:", ""] {
            assert_eq!(shown(name), None, "{name}");
        }
    }
}
