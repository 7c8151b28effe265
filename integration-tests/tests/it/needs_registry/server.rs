//! The registry, with either kind of login that it knows, and images that the tests pushed.

use std::{fs, path::Path, process::Command};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    PASSWORD, USER,
    image::{Pusher, manifest_of},
    token_server::TokenServer,
};
use crate::longshore::{Server, free_port};

/// How the registry lets people in.
pub(super) enum Login {
    /// User names and passwords in a file, as `htpasswd -B` makes it. Whoever is in it may pull everything.
    Htpasswd,
    /// Tokens of another server, which says who may pull what.
    Tokens(TokenServer),
}

/// A registry that is filled and running.
pub(super) struct Registry {
    /// Its host, as it stands in image references.
    pub(super) host: String,
    pub(super) login: Login,
    /// The digest of the index that `acme/api:1` is.
    pub(super) index: String,
    _server: Server,
    _directory: TempDir,
}

impl Registry {
    pub(super) async fn with_htpasswd() -> Self {
        Self::start(Login::Htpasswd).await
    }

    pub(super) async fn with_tokens() -> Self {
        Self::start(Login::Tokens(TokenServer::start())).await
    }

    async fn start(login: Login) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let server = serve(directory.path(), port, &login);
        let host = format!("127.0.0.1:{port}");
        let index = fill(&host, &login).await;
        Self { host, login, index, _server: server, _directory: directory }
    }

    /// The token server, where there is one.
    pub(super) fn tokens(&self) -> &TokenServer {
        let Login::Tokens(server) = &self.login else { panic!("this registry has no token server") };
        server
    }
}

/// Starts the program that `cargo xtask test` found.
fn serve(directory: &Path, port: u16, login: &Login) -> Server {
    let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let auth = match login {
        Login::Htpasswd => {
            // The cheapest that bcrypt has: the registry computes it anew for each request.
            let line = format!("{USER}:{}\n", bcrypt::hash(PASSWORD, 4).unwrap());
            fs::write(directory.join("htpasswd"), line).unwrap();
            json!({ "htpasswd": { "realm": "the registry of a test", "path": path("htpasswd") } })
        }
        Login::Tokens(server) => {
            fs::write(directory.join("certificate.pem"), server.certificate()).unwrap();
            json!({ "token": {
                "realm": server.realm(),
                "service": TokenServer::SERVICE,
                "issuer": TokenServer::ISSUER,
                "rootcertbundle": path("certificate.pem"),
            } })
        }
    };
    let configuration = json!({
        "version": 0.1,
        "log": { "level": "error", "accesslog": { "disabled": true } },
        "storage": { "filesystem": { "rootdirectory": path("storage") } },
        "http": { "addr": format!("127.0.0.1:{port}"), "secret": "of a test" },
        "auth": auth,
    });
    // JSON is YAML.
    fs::write(directory.join("configuration.yml"), configuration.to_string()).unwrap();
    let program = std::env::var_os("XTASK_REGISTRY")
        .expect("XTASK_REGISTRY is not set: install docker-registry, then `cargo xtask test`");
    let mut command = Command::new(program);
    command.arg("serve").arg(directory.join("configuration.yml")).env("OTEL_TRACES_EXPORTER", "none");
    Server::start(command, port)
}

/// Pushes `acme/api` for two platforms, with the tag `arm64` for one of them, `acme/open` that anyone may pull, and
/// `other/api` that the user may not. Answers with the digest of `acme/api:1`.
async fn fill(host: &str, login: &Login) -> String {
    let mut first = None;
    for repository in ["acme/api", "acme/open", "other/api"] {
        let authorization = match login {
            Login::Htpasswd => format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"))),
            Login::Tokens(server) => format!("Bearer {}", server.token(USER, repository, &["pull", "push"])),
        };
        let pusher = Pusher::new(host, repository, authorization);
        let mut entries = Vec::new();
        for architecture in ["amd64", "arm64"] {
            let mut entry: Value = pusher.image(architecture).await;
            entry["platform"] = json!({ "os": "linux", "architecture": architecture });
            entries.push(entry);
        }
        let arm = entries[1]["digest"].as_str().unwrap().to_owned();
        pusher.tag("arm64", &arm).await;
        let index = pusher.manifest("1", &manifest_of(&entries)).await;
        first.get_or_insert(index);
    }
    first.unwrap()
}
