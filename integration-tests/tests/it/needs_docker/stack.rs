//! The stack of `configs/` with two more registries, in an environment that leads to registries in containers.
//!
//! There is one layer more than in the repository, and nothing is replaced: `ghcr.io` and Docker Hub have an `endpoint`, as
//! they have one where a mirror stands before them, and GitLab is one of those that people run themselves, whose registry
//! has a host and a port of its own.

use std::fs;

use longshore_integration_tests::token_server::Grant;

use crate::{
    longshore::{Project, SERVICE},
    registry::{Index, Tokens, pull::Login, pusher},
};

/// The environment.
pub(super) const ENVIRONMENT: &str = "emulated";
/// The service whose containers come from Docker Hub and GitLab.
pub(super) const WEB: &str = "web";

/// The arguments of a deploy where tasks cannot run.
pub(super) const WITHOUT_TASKS: [&str; 4] = [
    "--set",
    "services.microservice-api-spring-boot.desired-count=0",
    "--set",
    "services.web.desired-count=0",
];

/// The account: LocalStack takes an access key that looks like one for the account, and moto has no other.
pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const REGION: &str = "eu-central-1";

/// The stack's name, registries and logins.
pub(super) struct Stack {
    /// Its name, and its cluster's.
    pub(super) name: &'static str,
    /// The host of the registry that stands for ghcr.io and Docker Hub.
    pub(super) mirror: Host,
    /// The host of GitLab's registry.
    pub(super) gitlab: Host,
    /// The logins that pull, by registry.
    pub(super) ghcr_login: Login,
    pub(super) hub_login: Login,
    pub(super) gitlab_login: Login,
}

/// `HOST:PORT` of a registry without TLS.
pub(super) struct Host {
    /// The address for Longshore, and for ECS.
    pub(super) name: String,
    /// The address from here.
    pub(super) here: String,
}

impl Host {
    /// One whose name is the same everywhere.
    pub(super) fn everywhere(name: String) -> Self {
        Self { here: name.clone(), name }
    }
}

/// A repository and a tag of each registry.
pub(super) const GHCR_IMAGE: (&str, &str) = ("jonashackt/microservice-api-spring-boot-private", "latest");
pub(super) const HUB_IMAGE: (&str, &str) = ("acme/web", "3");
pub(super) const GITLAB_IMAGE: (&str, &str) = ("acme/tools/proxy", "2");

impl Stack {
    /// The layer of the environment.
    fn layer(&self) -> String {
        let Self { name, ghcr_login, hub_login, gitlab_login, .. } = self;
        let (mirror, gitlab) = (&self.mirror.name, &self.gitlab.name);
        let [ghcr_user, hub_user, gitlab_user] =
            [ghcr_login, hub_login, gitlab_login].map(|login| &login.username);
        let [(hub_repository, hub_tag), (gitlab_repository, gitlab_tag)] = [HUB_IMAGE, GITLAB_IMAGE];
        format!(
            r#"
            stack = "{name}"
            aws.account = "{ACCOUNT}"

            [registries.ghcr]
            username = "{ghcr_user}"
            endpoint = "http://{mirror}"

            [registries.hub]
            use = "dockerhub"
            username = "{hub_user}"
            token = {{ env = "DOCKERHUB_TOKEN" }}
            endpoint = "http://{mirror}"

            [registries.gitlab]
            use = "gitlab"
            host = "{gitlab}"
            insecure = true
            username = "{gitlab_user}"
            token = {{ file = "../secrets/gitlab-token" }}

            [services.{SERVICE}]
            cluster = "{name}"
            deployment.timeout = "2m"
            logs.removal = "delete"

            [services.{WEB}]
            cluster = "{name}"
            deployment.timeout = "2m"
            logs.removal = "delete"

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

    /// Pushes the images: the same one, in three repositories. If there is a token server, the users may pull from
    /// their own repositories only.
    pub(super) async fn fill(&self, tokens: Option<&Tokens>) -> Index {
        for ((repository, tag), login) in [(GHCR_IMAGE, &self.ghcr_login), (HUB_IMAGE, &self.hub_login)] {
            pusher(&self.mirror.here, tokens, repository).await.image_for_both(tag).await;
            if let Some(tokens) = tokens {
                let (user, password) = (Some(login.username.clone()), Some(login.password.clone()));
                tokens.grant(&Grant { user, password, repository: repository.to_owned() }).await;
            }
        }
        let (repository, tag) = GITLAB_IMAGE;
        pusher(&self.gitlab.here, None, repository).await.image_for_both(tag).await
    }

    /// Returns the place of an image: the host of its registry as it is reached from here, its repository and its tag.
    pub(super) fn place<'a>(&self, image: &'a str) -> (&str, &'a str, &'a str) {
        let (name, tag) = image.rsplit_once(':').unwrap();
        let of_gitlab = name.strip_prefix(&self.gitlab.name).and_then(|rest| rest.strip_prefix('/'));
        match (of_gitlab, name.strip_prefix("ghcr.io/")) {
            (Some(repository), _) => (&self.gitlab.here, repository, tag),
            (None, repository) => (&self.mirror.here, repository.unwrap_or(name), tag),
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
