//! Docker's client and engine, at the registries of the simulated cloud. Linux alone has the engine on the machine itself,
//! where it reaches what listens on the loopback address.

use std::{
    io::{Read as _, Write as _},
    process::{Command, Stdio},
};

use crate::longshore::{Ended, Project, Server, TOKEN, free_port};

/// A private image of the environment `local`, and a public one.
const PRIVATE: &str = "jonashackt/microservice-api-spring-boot-private";
const PUBLIC: &str = "jonashackt/hello-world";

/// A second registry, with an image of its own.
const GITLAB: &str = r#"
[cloud.registries."registry.gitlab.com"]
users.acme.password = { file = "local/acme-token" }

[cloud.registries."registry.gitlab.com".repositories."acme/worker"]
readers = ["acme"]
tags.latest = {}
"#;
const GITLAB_TOKEN: &str = include_str!("../../../../configs/local/acme-token");

/// `longshore cloud`, with an address for each of its registries.
struct Registries {
    _server: Server,
    ghcr: String,
    gitlab: String,
}

impl Registries {
    fn serve(project: &Project) -> Self {
        let layer = project.path().join("configs/local.toml");
        let local = std::fs::read_to_string(&layer).unwrap() + GITLAB;
        std::fs::write(layer, local).unwrap();
        let address = || format!("127.0.0.1:{}", free_port());
        let (ghcr, gitlab, port) = (address(), address(), free_port());
        let mut command = project.command(crate::longshore::program());
        command.args(["cloud", "--listen", &format!("127.0.0.1:{port}")]);
        command.args(["--registry", &format!("ghcr.io={ghcr}")]);
        command.args(["--registry", &format!("registry.gitlab.com={gitlab}")]);
        Self { _server: Server::start(command, port), ghcr, gitlab }
    }
}

/// Docker's client with its own configuration, in which logins are kept. The images that it pulled are removed with it.
struct Docker {
    home: Project,
    pulled: Vec<String>,
}

impl Docker {
    fn new() -> Self {
        Self { home: Project::empty(), pulled: Vec::new() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command("docker");
        // Which engine it talks to, the machine says.
        command.envs(std::env::var_os("DOCKER_HOST").map(|host| ("DOCKER_HOST", host)));
        command.env("DOCKER_CONFIG", self.home.path()).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        Ended::new(self.command(arguments).output().unwrap())
    }

    fn login(&self, registry: &str, username: &str, password: &str) -> Ended {
        let mut command = self.command(&["login", "--username", username, "--password-stdin", registry]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        Ended::new(child.wait_with_output().unwrap())
    }

    fn pull(&mut self, image: &str) -> Ended {
        self.pulled.push(image.to_owned());
        self.run(&["pull", "--platform", "linux/amd64", image])
    }

    /// Returns true if the engine has the image.
    fn has(&self, image: &str) -> bool {
        self.run(&["image", "inspect", image]).code == 0
    }

    fn remove(&self, image: &str) {
        self.run(&["image", "rm", image]).code(0);
        assert!(!self.has(image));
    }

    /// The content of the file that every image of the simulated cloud has.
    fn file(&self, image: &str) -> String {
        let created = self.run(&["create", "--platform", "linux/amd64", image]).code(0);
        let container = created.stdout.trim();
        let copied = self.command(&["cp", &format!("{container}:/etc/image"), "-"]).output().unwrap();
        self.run(&["rm", container]).code(0);
        let mut content = String::new();
        let mut archive = tar::Archive::new(copied.stdout.as_slice());
        archive.entries().unwrap().next().unwrap().unwrap().read_to_string(&mut content).unwrap();
        content
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        for image in &self.pulled {
            let _ = self.command(&["image", "rm", "--force", image]).output();
        }
    }
}

/// Expects that docker refused, for a reason.
#[track_caller]
fn refused(ended: Ended, reason: &str) {
    let ended = ended.code(1);
    assert!(ended.stderr.contains(reason), "{}", ended.stderr);
}

#[test]
fn a_private_image_is_pulled_with_the_credential_and_not_without() {
    let project = Project::new();
    let registries = Registries::serve(&project);
    let mut docker = Docker::new();
    let (ghcr, image) = (&registries.ghcr, format!("{}/{PRIVATE}:latest", registries.ghcr));

    refused(docker.login(ghcr, "jonashackt", "ghp_wrong"), "denied");
    refused(docker.pull(&image), "unauthorized");
    assert!(!docker.has(&image));

    let login = docker.login(ghcr, "jonashackt", TOKEN.trim()).code(0);
    assert!(login.stdout.contains("Login Succeeded"), "{}", login.stdout);
    docker.pull(&image).code(0);
    assert_eq!(docker.file(&image), format!("ghcr.io/{PRIVATE}:latest linux/amd64\n"));
    // It is the image that the registry has under this digest, which the engine has verified.
    let digests = docker.run(&["image", "inspect", "--format", "{{json .RepoDigests}}", &image]).code(0);
    let digests: Vec<String> = serde_json::from_str(&digests.stdout).unwrap();
    let [by_digest] = digests.as_slice() else { panic!("one image has one digest: {digests:?}") };
    docker.remove(&image);
    docker.pull(by_digest).code(0);
    docker.remove(by_digest);

    refused(docker.pull(&format!("{ghcr}/{PRIVATE}:none")), "manifest unknown");
    refused(docker.pull(&format!("{ghcr}/acme/internal:latest")), "denied");

    docker.run(&["logout", ghcr]).code(0);
    refused(docker.pull(&image), "unauthorized");
}

#[test]
fn a_public_image_needs_no_login() {
    let project = Project::new();
    let registries = Registries::serve(&project);
    let mut docker = Docker::new();
    let image = format!("{}/{PUBLIC}:latest", registries.ghcr);
    docker.pull(&image).code(0);
    assert_eq!(docker.file(&image), format!("ghcr.io/{PUBLIC}:latest linux/amd64\n"));
}

#[test]
fn each_registry_has_its_users_and_images() {
    let project = Project::new();
    let registries = Registries::serve(&project);
    let mut docker = Docker::new();
    let image = format!("{}/acme/worker:latest", registries.gitlab);
    docker.login(&registries.ghcr, "jonashackt", TOKEN.trim()).code(0);
    refused(docker.login(&registries.gitlab, "jonashackt", TOKEN.trim()), "denied");
    refused(docker.pull(&image), "denied");
    docker.login(&registries.gitlab, "acme", GITLAB_TOKEN.trim()).code(0);
    docker.pull(&image).code(0);
    assert_eq!(docker.file(&image), "registry.gitlab.com/acme/worker:latest linux/amd64\n");
    refused(docker.pull(&format!("{}/acme/worker:latest", registries.ghcr)), "denied");
}
