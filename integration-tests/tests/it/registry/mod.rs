//! The distribution project's registry, which knows nothing of Longshore, with images that the tests pushed. It runs as a
//! program of this machine (`needs_registry`) or in a container (`needs_docker`), and the tests are the same.

pub(crate) mod deploy;
mod image;
pub(crate) mod pull_check;
mod tokens;

use base64::{Engine, prelude::BASE64_STANDARD};
pub(crate) use image::Pusher;
use longshore_integration_tests::{
    registry::{PULLER, PUSHER},
    token_server::Grant,
};
pub(crate) use tokens::Tokens;

/// A registry that runs, and in it the repositories of one test.
pub(crate) struct Registry {
    /// Its host, as it stands in image references.
    pub(crate) host: String,
    /// What all of the test's repositories begin with.
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
            let pusher = registry.pusher(&format!("{prefix}/{name}")).await;
            let mut entries = Vec::new();
            for architecture in ["amd64", "arm64"] {
                entries.push(pusher.image(architecture).await);
            }
            let arm = entries[1]["digest"].as_str().unwrap().to_owned();
            pusher.tag("arm64", &arm).await;
            let index = pusher.index("1", &entries).await;
            if name == "acme/api" {
                registry.index = index;
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

    /// A client that pushes into `repository`.
    async fn pusher(&self, repository: &str) -> Pusher {
        let authorization = match &self.tokens {
            None => {
                format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", PUSHER.name, PUSHER.password)))
            }
            Some(tokens) => format!("Bearer {}", tokens.to_push(repository).await),
        };
        Pusher::new(&self.host, repository, authorization)
    }

    /// The image `name`, as it stands in a configuration.
    fn image(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.host, self.prefix)
    }

    /// The scope of pulling from the repository `name`.
    fn scope(&self, name: &str) -> String {
        format!("repository:{}/{name}:pull", self.prefix)
    }

    /// What the token server was asked for the test's repositories since this was last called.
    async fn asked(&self) -> Vec<longshore_integration_tests::token_server::Asked> {
        self.tokens.as_ref().unwrap().asked(&format!("{}/", self.prefix)).await
    }
}
