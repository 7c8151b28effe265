//! References to container images.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::EcrRegistry;

/// A reference to an image: `[host[:port]/]repository[:tag][@digest]`, by the grammar of the CNCF distribution
/// project (`reference.go`), with Docker's rule for short names: `acme/api` is `docker.io/acme/api`, and `api` is
/// `docker.io/library/api`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageReference {
    text: String,
    host: String,
    server: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// The name under which Docker Hub's images are known.
const DOCKER_HUB: &str = "docker.io";

impl ImageReference {
    /// The registry's host, with its port where it has one: `ghcr.io`, `registry.example.com:5050`, `docker.io`. Docker
    /// Hub's other names are `docker.io`, too: a credential for one is good for all.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host that container runtimes ask for the image: the written one, but `registry-1.docker.io` for `docker.io`.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The repository within the registry: `acme/api`, `library/nginx`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, where one is given.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, where one is given. With both, the digest says which image is meant.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Returns the manifest's name in the distribution protocol: the digest, else the tag, else `latest`.
    #[must_use]
    pub fn manifest_reference(&self) -> &str {
        self.digest().or(self.tag()).unwrap_or("latest")
    }

    /// Returns a reference to the same repository that names `digest` instead of a tag.
    #[must_use]
    pub fn by_digest(&self, digest: &str) -> String {
        let name = self.text.split_once('@').map_or(self.text.as_str(), |(name, _)| name);
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        format!("{}@{digest}", name.strip_suffix(&tag).unwrap_or(name))
    }

    /// Returns whether `other` names the same image, however it is written.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        (&self.host, &self.repository, self.manifest_reference())
            == (&other.host, &other.repository, other.manifest_reference())
    }

    /// The private registry of Amazon ECR in which the image lies, if it is one: the execution role authorises its pulls.
    #[must_use]
    pub fn ecr(&self) -> Option<EcrRegistry<'_>> {
        EcrRegistry::of_host(&self.host)
    }

    /// Returns `true` if the image lies in a private registry of Amazon ECR.
    #[must_use]
    pub fn is_ecr(&self) -> bool {
        self.ecr().is_some()
    }

    /// The reference as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for ImageReference {
    type Err = InvalidImageReference;

    fn from_str(text: &str) -> Result<Self, InvalidImageReference> {
        let invalid = |reason| InvalidImageReference { text: text.to_owned(), reason };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) if is_digest(digest) => (name, Some(digest.to_owned())),
            Some(_) => {
                return Err(invalid(
                    "the digest must be sha256:, sha384: or sha512: and as many lower-case hexadecimal digits as it has",
                ));
            }
            None => (text, None),
        };
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => {
                if !is_tag(tag) {
                    return Err(invalid("a tag has at most 128 letters, digits, `_`, `.` and `-`"));
                }
                (name, Some(tag.to_owned()))
            }
            _ => (name, None),
        };
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(invalid("64 hexadecimal digits are the identifier of a local image"));
        }
        let (written, repository) = match name.split_once('/') {
            Some((host, repository)) if names_a_host(host) => (host, repository),
            _ => (DOCKER_HUB, name),
        };
        let (host, server) = match written {
            DOCKER_HUB | "index.docker.io" => (DOCKER_HUB, "registry-1.docker.io"),
            "registry-1.docker.io" | "registry.hub.docker.com" => (DOCKER_HUB, written),
            host => (host, host),
        };
        if !is_host(host) {
            return Err(invalid("the registry's host is malformed"));
        }
        if repository.is_empty() || !repository.split('/').all(is_path_component) {
            return Err(invalid(
                "a repository has lower-case letters and digits, separated by `.`, `_`, `-` or `/`",
            ));
        }
        if name.len() > 255 {
            return Err(invalid("a name has at most 255 characters"));
        }
        // Under the names of Docker Hub's servers, runtimes ask for the repository as it is written.
        let repository = match written {
            DOCKER_HUB | "index.docker.io" if !repository.contains('/') => format!("library/{repository}"),
            _ => repository.to_owned(),
        };
        let (text, host, server) = (text.to_owned(), host.to_ascii_lowercase(), server.to_ascii_lowercase());
        Ok(Self { text, host, server, repository, tag, digest })
    }
}

/// Docker's rule: the first component is a host when it looks like one.
pub(crate) fn names_a_host(component: &str) -> bool {
    component == "localhost"
        || component.contains(['.', ':'])
        || component.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port_is_good = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let is_ipv6 = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).is_some_and(|address| {
        !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
    });
    let is_name = name.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    port_is_good && (is_ipv6 || is_name)
}

/// `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let is_separator = |c: char| matches!(c, '.' | '_' | '-');
    let edges = |text: &str| text.starts_with(is_separator) || text.ends_with(is_separator);
    !component.is_empty()
        && !edges(component)
        && component.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || is_separator(c))
        && component
            .split(|c: char| !is_separator(c))
            .filter(|run| !run.is_empty())
            .all(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|byte| byte == b'-'))
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    let length = match digest.split_once(':') {
        Some(("sha256", _)) => 64,
        Some(("sha384", _)) => 96,
        Some(("sha512", _)) => 128,
        _ => return false,
    };
    digest.split_once(':').is_some_and(|(_, hex)| {
        hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

impl TryFrom<String> for ImageReference {
    type Error = InvalidImageReference;

    fn try_from(text: String) -> Result<Self, InvalidImageReference> {
        text.parse()
    }
}

impl From<ImageReference> for String {
    fn from(image: ImageReference) -> Self {
        image.text
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The error for a text that is not an [`ImageReference`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidImageReference {
    text: String,
    reason: &'static str,
}

impl fmt::Display for InvalidImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an image reference: {}", self.text, self.reason)
    }
}

impl std::error::Error for InvalidImageReference {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(text: &str) -> (String, String, Option<String>, Option<String>) {
        let image: ImageReference = text.parse().unwrap();
        assert_eq!(image.to_string(), text, "a reference is shown as it was written");
        (image.host, image.repository, image.tag, image.digest)
    }

    #[test]
    fn finds_the_registry_by_dockers_rules() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let tag = |tag: &str| Some(tag.to_owned());
        let case =
            |host: &str, repository: &str, tag, digest| (host.to_owned(), repository.to_owned(), tag, digest);
        assert_eq!(parts("api"), case("docker.io", "library/api", None, None));
        assert_eq!(parts("acme/api:1"), case("docker.io", "acme/api", tag("1"), None));
        assert_eq!(parts("docker.io/api"), case("docker.io", "library/api", None, None));
        assert_eq!(parts("index.docker.io/api"), case("docker.io", "library/api", None, None));
        assert_eq!(parts("registry-1.docker.io/acme/api"), case("docker.io", "acme/api", None, None));
        assert_eq!(parts("registry-1.docker.io/api"), case("docker.io", "api", None, None));
        assert_eq!(parts("registry.hub.docker.com/api"), case("docker.io", "api", None, None));
        assert_eq!(parts("ghcr.io/acme/api:1.4.2"), case("ghcr.io", "acme/api", tag("1.4.2"), None));
        assert_eq!(parts("git.example.com:5050/a/b/c"), case("git.example.com:5050", "a/b/c", None, None));
        assert_eq!(parts("localhost:5000/api:x"), case("localhost:5000", "api", tag("x"), None));
        assert_eq!(
            parts(&format!("ghcr.io/acme/api:1@{digest}")),
            case("ghcr.io", "acme/api", tag("1"), Some(digest.clone()))
        );
    }

    #[test]
    fn digest_takes_the_place_of_a_tag() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let by_digest = |text: &str| text.parse::<ImageReference>().unwrap().by_digest("sha256:1");
        assert_eq!(by_digest("nginx"), "nginx@sha256:1");
        assert_eq!(by_digest("localhost:5000/api:1"), "localhost:5000/api@sha256:1");
        assert_eq!(by_digest(&format!("acme/api:1@{digest}")), "acme/api@sha256:1");
        let image = |text: &str| text.parse::<ImageReference>().unwrap();
        assert!(image("nginx").is_same_as(&image("docker.io/library/nginx:latest")));
        assert!(!image("nginx:1").is_same_as(&image("nginx:2")));
    }

    #[test]
    fn digests_are_of_algorithms_that_runtimes_know() {
        for (algorithm, length) in [("sha256", 64), ("sha384", 96), ("sha512", 128)] {
            let digest = format!("{algorithm}:{}", "0a".repeat(length / 2));
            assert_eq!(parts(&format!("a/b@{digest}")).3, Some(digest));
            let upper = format!("a/b@{algorithm}:{}", "0A".repeat(length / 2));
            assert!(upper.parse::<ImageReference>().is_err(), "{upper}");
        }
        for unknown in ["md5", "sha1", "blake3", "sha256+b64", "SHA256"] {
            let image = format!("a/b@{unknown}:{}", "0a".repeat(32));
            assert!(image.parse::<ImageReference>().is_err(), "{image}");
        }
    }

    #[test]
    fn refuses_what_the_grammar_refuses() {
        let identifier = "0a".repeat(32);
        for bad in [
            identifier.as_str(),
            "",
            "Acme/api:1:2",
            "ghcr.io/",
            "ghcr.io/Acme/api",
            "a//b",
            "a:",
            "a@sha256:12",
            "a/-b",
            "a/b.",
            "a:b/c:-d",
            "x y",
            "a/b___c",
            "ghcr.io:0/a",
            "https://ghcr.io/a/b",
        ] {
            assert!(bad.parse::<ImageReference>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn everything_in_the_grammar_is_parsed_into_its_parts(
            host in "[a-z][a-z0-9]{0,8}\\.[a-z]{2,3}(:[1-9][0-9]{0,3})?",
            path in "[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}(/[a-z0-9]{1,6}){0,3}",
            tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}"),
            digest in proptest::option::of("[0-9a-f]{64}"),
        ) {
            prop_assume!(host != "docker.io" && host != "index.docker.io");
            let mut text = format!("{host}/{path}");
            if let Some(tag) = &tag {
                text.push_str(&format!(":{tag}"));
            }
            let digest = digest.map(|digest| format!("sha256:{digest}"));
            if let Some(digest) = &digest {
                text.push_str(&format!("@{digest}"));
            }
            prop_assert_eq!(parts(&text), (host, path, tag, digest));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = text.parse::<ImageReference>();
        }
    }
}
