//! The distribution project's registry, which knows nothing of Longshore, with images that the tests pushed. It runs as a
//! program of this machine (`needs_registry`) or in a container (`needs_docker`), and the tests are the same.

pub(crate) mod deploy;
mod image;
pub(crate) mod pull;
pub(crate) mod pull_check;
mod tokens;

use base64::{Engine, prelude::BASE64_STANDARD};
pub(crate) use image::Index;
use image::Pusher;
use longshore_integration_tests::{
    registry::{PULLER, PUSHER},
    token_server::Grant,
};
pub(crate) use tokens::Tokens;

/// A registry that runs, and in it the repositories of one test.
pub(crate) struct Registry {
    /// Its host, as it stands in image references.
    pub(crate) host: String,
    /// The common prefix of all of the test's repositories.
    prefix: &'static str,
    /// The token server; without one, the registry has a password file.
    tokens: Option<Tokens>,
    /// The digest of the index that `PREFIX/acme/api:1` is.
    index: String,
}

impl Registry {
    /// Pushes `acme/api` for two platforms, with the tag `arm64` for one of them, `acme/open` that anyone may pull, and
    /// `other/api` that the [puller](PULLER) may not; all of it below `prefix`.
    pub(crate) async fn fill(host: String, tokens: Option<Tokens>, prefix: &'static str) -> Self {
        let mut registry = Self { host, prefix, tokens, index: String::new() };
        for name in ["acme/api", "acme/open", "other/api"] {
            let repository = format!("{prefix}/{name}");
            let pusher = pusher(&registry.host, registry.tokens.as_ref(), &repository).await;
            let index = pusher.image_for_both("1").await;
            pusher.tag("arm64", &index.arm64).await;
            if name == "acme/api" {
                registry.index = index.digest;
            }
        }
        if let Some(tokens) = &registry.tokens {
            let (user, password) = (Some(PULLER.name.to_owned()), Some(PULLER.password.to_owned()));
            tokens.grant(&Grant { user, password, repository: format!("{prefix}/acme/") }).await;
            let repository = format!("{prefix}/acme/open");
            tokens.grant(&Grant { user: None, password: None, repository }).await;
        }
        registry
    }

    /// The image `name`, as it stands in a configuration.
    fn image(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.host, self.prefix)
    }

    /// The scope of pulling from the repository `name`.
    fn scope(&self, name: &str) -> String {
        format!("repository:{}/{name}:pull", self.prefix)
    }

    /// Returns the requests to the token server for the test's repositories since the last call.
    async fn asked(&self) -> Vec<longshore_integration_tests::token_server::Asked> {
        self.tokens.as_ref().unwrap().asked(&format!("{}/", self.prefix)).await
    }
}

/// A client that pushes into a repository of the registry at `host`, which has a token server or a password file.
pub(crate) async fn pusher(host: &str, tokens: Option<&Tokens>, repository: &str) -> Pusher {
    let authorization = match tokens {
        None => format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", PUSHER.name, PUSHER.password))),
        Some(tokens) => format!("Bearer {}", tokens.to_push(repository).await),
    };
    Pusher::new(host, repository, authorization)
}
