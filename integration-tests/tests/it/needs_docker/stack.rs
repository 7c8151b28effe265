//! The stack of `configs/` with two more registries, in an environment that leads to registries in containers.
//!
//! There is one layer more than in the repository, and nothing is replaced: `ghcr.io` and Docker Hub have an `endpoint`, as
//! they have one where a mirror stands before them, and GitLab is one of those that people run themselves, whose registry
//! has a host and a port of its own.

use std::fs;

use crate::{
    longshore::{Project, SERVICE},
    registry::pull::Login,
};

/// The environment.
pub(super) const ENVIRONMENT: &str = "emulated";
/// The service whose containers come from Docker Hub and GitLab.
pub(super) const WEB: &str = "web";

/// The account: LocalStack takes an access key that looks like one for the account, and moto has no other.
pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const REGION: &str = "eu-central-1";

/// What the stack is and where its images are.
pub(super) struct Stack {
    /// Its name, and its cluster's.
    pub(super) name: &'static str,
    /// The URL that stands for ghcr.io and Docker Hub.
    pub(super) mirror: String,
    /// The host of GitLab's registry, without TLS.
    pub(super) gitlab: String,
    /// Who pulls, by registry.
    pub(super) ghcr_login: Login,
    pub(super) hub_login: Login,
    pub(super) gitlab_login: Login,
}

/// A repository and a tag of each registry.
pub(super) const GHCR_IMAGE: (&str, &str) = ("jonashackt/microservice-api-spring-boot-private", "latest");
pub(super) const HUB_IMAGE: (&str, &str) = ("acme/web", "3");
pub(super) const GITLAB_IMAGE: (&str, &str) = ("acme/tools/proxy", "2");

impl Stack {
    /// The layer of the environment.
    fn layer(&self) -> String {
        let Self { name, mirror, gitlab, ghcr_login, hub_login, gitlab_login } = self;
        let [ghcr_user, hub_user, gitlab_user] =
            [ghcr_login, hub_login, gitlab_login].map(|login| &login.username);
        let [(hub_repository, hub_tag), (gitlab_repository, gitlab_tag)] = [HUB_IMAGE, GITLAB_IMAGE];
        format!(
            r#"
            stack = "{name}"
            aws.account = "{ACCOUNT}"

            [registries.ghcr]
            username = "{ghcr_user}"
            endpoint = "{mirror}"

            [registries.hub]
            use = "dockerhub"
            username = "{hub_user}"
            token = {{ env = "DOCKERHUB_TOKEN" }}
            endpoint = "{mirror}"

            [registries.gitlab]
            use = "gitlab"
            host = "{gitlab}"
            insecure = true
            username = "{gitlab_user}"
            token = {{ file = "../secrets/gitlab-token" }}

            [services.{SERVICE}]
            cluster = "{name}"
            deployment.timeout = "5s"

            [services.{WEB}]
            cluster = "{name}"
            deployment.timeout = "5s"

            [services.{WEB}.containers.app]
            image = "{hub_repository}:{hub_tag}"
            memory = 256
            ports.http = 8080

            [services.{WEB}.containers.proxy]
            image = "{gitlab}/{gitlab_repository}:{gitlab_tag}"
            memory = 128
            "#
        )
    }

    /// A directory with its configuration and, as a pipeline has them, one credential in a file and two in variables.
    pub(super) fn project(&self) -> Project {
        let project = Project::new();
        let secrets = project.path().join("secrets");
        fs::write(project.path().join(format!("configs/{ENVIRONMENT}.toml")), self.layer()).unwrap();
        fs::create_dir(&secrets).unwrap();
        fs::write(secrets.join("gitlab-token"), &self.gitlab_login.password).unwrap();
        project
            .variable("LONGSHORE_ENV", ENVIRONMENT)
            .variable("AWS_ACCESS_KEY_ID", ACCOUNT)
            .variable("AWS_SECRET_ACCESS_KEY", "test")
            .variable("GHCR_TOKEN", &self.ghcr_login.password)
            .variable("DOCKERHUB_TOKEN", &self.hub_login.password)
    }

    /// Where an image is: the URL of its registry, its repository and its tag.
    pub(super) fn place<'a>(&self, image: &'a str) -> (String, &'a str, &'a str) {
        let (name, tag) = image.rsplit_once(':').unwrap();
        let of_gitlab = name.strip_prefix(&self.gitlab).and_then(|rest| rest.strip_prefix('/'));
        match (of_gitlab, name.strip_prefix("ghcr.io/")) {
            (Some(repository), _) => (format!("http://{}", self.gitlab), repository, tag),
            (None, repository) => (self.mirror.clone(), repository.unwrap_or(name), tag),
        }
    }

    /// Expects that nothing of what was printed is a credential.
    #[track_caller]
    pub(super) fn expect_secrecy(&self, printed: &str) {
        for login in [&self.ghcr_login, &self.hub_login, &self.gitlab_login] {
            assert!(!printed.contains(&login.password), "{printed}");
        }
    }
}
