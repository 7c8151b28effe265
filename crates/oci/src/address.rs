//! The address of a registry.

use longshore_model::{Failure, FailureKind, ImageReference};
use longshore_net::{Authorities, is_local, is_localhost};
use url::Url;

/// The connection settings of a registry.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Without TLS.
    pub is_plain: bool,
    /// Certificates that are trusted besides the system's: authorities', or the registry's own. They count for the whole check:
    /// for the token server, too, and where redirects lead.
    pub authorities: Option<Authorities>,
}

/// The address of a registry's API.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// Repositories are below this URL, whose path ends without a slash.
    base: Url,
    /// The registry that a mirror is asked for.
    namespace: Option<String>,
}

impl Address {
    /// Where the registry of `image` is reached: at `endpoint`, or else at its host, as Docker does it; without TLS where
    /// it `is_plain`.
    pub(crate) fn of(
        image: &ImageReference,
        endpoint: Option<&str>,
        is_plain: bool,
    ) -> Result<Self, Failure> {
        match endpoint {
            Some(endpoint) => Self::mirror(image, endpoint),
            None => Self::registry(image.server(), is_plain),
        }
    }

    fn registry(server: &str, is_plain: bool) -> Result<Self, Failure> {
        let invalid = || {
            Failure::new(FailureKind::Invalid, format!("the registry's host `{server}` is not one"))
                .help("write it as in ghcr.io/acme/api or localhost:5000/api")
        };
        let mut base = Url::parse(&format!("https://{server}/v2")).map_err(|_| invalid())?;
        if is_plain || is_local(&base) {
            // Docker takes registries on the same machine as insecure ones.
            base = Url::parse(&format!("http://{server}/v2")).map_err(|_| invalid())?;
        }
        Ok(Self { base, namespace: None })
    }

    /// A mirror is told by `ns` which registry is meant, as containerd tells it (`docs/hosts.md`). An endpoint with `v2`
    /// in its path is where the API is; below every other one, `v2` is added.
    fn mirror(image: &ImageReference, endpoint: &str) -> Result<Self, Failure> {
        let host = image.host();
        let invalid = |reason: &str| {
            // The URL is not repeated: it may hold a password.
            Failure::new(FailureKind::Invalid, format!("the endpoint of the registry {host} {reason}"))
                .help("write it as in http://127.0.0.1:4566 or https://mirror.example.com/prefix")
        };
        let mut base = Url::parse(endpoint).map_err(|_| invalid("is not a URL"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(invalid("must begin with http:// or https://"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(invalid("must be without user name and password"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(invalid("must end with its path"));
        }
        let path = base.path().trim_end_matches('/');
        let is_api = path.split('/').any(|segment| segment == "v2");
        let path = if is_api { path.to_owned() } else { format!("{path}/v2") };
        base.set_path(&path);
        // The registry itself needs no telling.
        let is_mirror = authority(&base) != image.server();
        Ok(Self { base, namespace: is_mirror.then(|| host.to_owned()) })
    }

    /// Returns true if the registry is reached without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.base.scheme() == "http"
    }

    /// Returns true if the registry is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        is_local(&self.base) || self.base.domain().is_some_and(is_localhost)
    }

    /// Returns true if `url` is at the same host, on whatever port.
    pub(crate) fn is_host_of(&self, url: &Url) -> bool {
        self.base.host() == url.host()
    }

    /// Returns true if `url` is at the same scheme, host and port.
    pub(crate) fn serves(&self, url: &Url) -> bool {
        self.base.origin() == url.origin()
    }

    /// The URL of a manifest, by tag or digest.
    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Url {
        self.below(&format!("{repository}/manifests/{reference}"))
    }

    /// The URL of a blob.
    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Url {
        self.below(&format!("{repository}/blobs/{digest}"))
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path()));
        if let Some(namespace) = &self.namespace {
            url.query_pairs_mut().append_pair("ns", namespace);
        }
        url
    }
}

/// The host, with its port if that is not the scheme's own.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(image: &str, endpoint: Option<&str>) -> String {
        let image: ImageReference = image.parse().unwrap();
        let address = Address::of(&image, endpoint, false).unwrap();
        address.manifest(image.repository(), image.manifest_reference()).to_string()
    }

    #[test]
    fn finds_registries_as_docker_does() {
        assert_eq!(manifest("ghcr.io/acme/api:1", None), "https://ghcr.io/v2/acme/api/manifests/1");
        assert_eq!(manifest("nginx", None), "https://registry-1.docker.io/v2/library/nginx/manifests/latest");
        assert_eq!(
            manifest("registry-1.docker.io/nginx", None),
            "https://registry-1.docker.io/v2/nginx/manifests/latest"
        );
        assert_eq!(
            manifest("registry.hub.docker.com/library/nginx", None),
            "https://registry.hub.docker.com/v2/library/nginx/manifests/latest"
        );
        assert_eq!(manifest("localhost:5000/api", None), "http://localhost:5000/v2/api/manifests/latest");
        assert_eq!(manifest("127.0.0.1:5000/api", None), "http://127.0.0.1:5000/v2/api/manifests/latest");
        assert_eq!(manifest("[::1]:5000/api", None), "http://[::1]:5000/v2/api/manifests/latest");
        assert_eq!(manifest("10.0.0.1:5000/api", None), "https://10.0.0.1:5000/v2/api/manifests/latest");
    }

    #[test]
    fn finds_mirrors_as_containerd_does() {
        assert_eq!(
            manifest("acme/api", Some("http://127.0.0.1:4566")),
            "http://127.0.0.1:4566/v2/acme/api/manifests/latest?ns=docker.io"
        );
        for endpoint in ["https://m.example/ghcr", "https://m.example/ghcr/", "https://m.example/ghcr/v2"] {
            assert_eq!(
                manifest("ghcr.io/acme/api", Some(endpoint)),
                "https://m.example/ghcr/v2/acme/api/manifests/latest?ns=ghcr.io"
            );
        }
        assert_eq!(
            manifest("ghcr.io/acme/api", Some("https://ghcr.io/")),
            "https://ghcr.io/v2/acme/api/manifests/latest",
            "the registry itself"
        );
    }

    #[test]
    fn finds_mirrors_below_a_project_or_a_path() {
        for (endpoint, url) in [
            ("http://harbor/v2/hub-proxy", "http://harbor/v2/hub-proxy/acme/api/manifests/latest?ns=ghcr.io"),
            (
                "http://harbor/v2/hub-proxy/",
                "http://harbor/v2/hub-proxy/acme/api/manifests/latest?ns=ghcr.io",
            ),
            (
                "https://a.example:8443/artifactory/api/docker/x",
                "https://a.example:8443/artifactory/api/docker/x/v2/acme/api/manifests/latest?ns=ghcr.io",
            ),
            ("https://m.example/v21", "https://m.example/v21/v2/acme/api/manifests/latest?ns=ghcr.io"),
        ] {
            assert_eq!(manifest("ghcr.io/acme/api", Some(endpoint)), url);
        }
    }

    #[test]
    fn refuses_endpoints_that_cannot_work_without_repeating_them() {
        let image = "ghcr.io/acme/api".parse().unwrap();
        for bad in
            ["mirror:secret", "ftp://m.secret", "http://x:secret@m.example", "https://m.example/?key=secret"]
        {
            let failure = Address::of(&image, Some(bad), false).unwrap_err();
            assert!(!failure.to_string().contains("secret"), "{failure}");
        }
    }
}
