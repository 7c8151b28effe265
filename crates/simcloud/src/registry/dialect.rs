//! The differences between registries: names, and the place of the token server.

use std::borrow::Cow;

use crate::partition::{ecr_host, ecr_registry};

/// The one name under which a registry is kept: Docker Hub and Amazon ECR answer to several.
#[must_use]
pub fn canonical_host(host: &str) -> Cow<'_, str> {
    match (host, ecr_registry(host)) {
        ("registry-1.docker.io" | "index.docker.io" | "auth.docker.io", _) => "docker.io".into(),
        (_, Some((account, region))) => ecr_host(account, region).into(),
        _ => host.into(),
    }
}

/// The `service` parameter of a registry's challenge.
pub(super) fn service(host: &str) -> Cow<'_, str> {
    let host = canonical_host(host);
    if host == "docker.io" { "registry.docker.io".into() } else { host }
}

/// Returns the address of the token server for a registry that is reached under its own name.
pub(super) fn own_realm(host: &str) -> String {
    match &*canonical_host(host) {
        "docker.io" => "https://auth.docker.io/token".to_owned(),
        other => format!("https://{other}/token"),
    }
}

/// Returns true if fine-grained personal access tokens are refused: GitHub Packages takes classic ones only.
/// <https://docs.github.com/en/packages/learn-github-packages/about-permissions-for-github-packages>
pub(super) fn refuses_fine_grained_tokens(host: &str) -> bool {
    host == "ghcr.io"
}

/// Returns true if the token server itself refuses an anonymous client that asks for a private repository, as
/// GHCR does with 401; others issue a token that carries no access.
pub(super) fn refuses_anonymous_private(host: &str) -> bool {
    host == "ghcr.io"
}

/// Returns true if a token without access is answered with another challenge, as Docker Hub does, instead of 403.
pub(super) fn challenges_again(host: &str) -> bool {
    canonical_host(host) == "docker.io"
}

/// Returns true if a repository that doesn't exist looks like one that is forbidden.
pub(super) fn hides_repositories(host: &str) -> bool {
    matches!(&*canonical_host(host), "ghcr.io" | "docker.io")
}
