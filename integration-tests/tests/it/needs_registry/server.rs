//! The registry's program, which `cargo xtask test` finds.

use std::{fs, path::Path, process::Command};

use longshore_integration_tests::{
    registry::{by_htpasswd, by_tokens, configuration, htpasswd},
    token_server::TokenServer,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    longshore::{Server, free_port},
    registry::{Registry, Tokens},
};

/// A registry that runs for one test.
pub(super) struct Running {
    pub(super) registry: Registry,
    _server: Server,
    _directory: TempDir,
}

impl Running {
    pub(super) async fn with_htpasswd(prefix: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let passwords = path(directory.path(), "htpasswd");
        fs::write(&passwords, htpasswd().unwrap()).unwrap();
        Self::start(directory, by_htpasswd(&passwords), None, prefix).await
    }

    pub(super) async fn with_tokens(prefix: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = TokenServer::start().unwrap();
        let certificate = path(directory.path(), "certificate.pem");
        fs::write(&certificate, server.certificate()).unwrap();
        let login = by_tokens(&server, &certificate);
        Self::start(directory, login, Some(Tokens::new(server.url())), prefix).await
    }

    async fn start(directory: TempDir, login: Value, tokens: Option<Tokens>, prefix: &'static str) -> Self {
        let (port, file) = (free_port(), directory.path().join("configuration.yml"));
        let host = format!("127.0.0.1:{port}");
        fs::write(&file, configuration(login, &path(directory.path(), "storage"), &host)).unwrap();
        let program = std::env::var_os("XTASK_REGISTRY")
            .expect("XTASK_REGISTRY is not set: install docker-registry, then `cargo xtask test`");
        let mut command = Command::new(program);
        command.arg("serve").arg(file).env("OTEL_TRACES_EXPORTER", "none");
        let server = Server::start(command, port);
        let registry = Registry::fill(host, tokens, prefix).await;
        Self { registry, _server: server, _directory: directory }
    }
}

fn path(directory: &Path, name: &str) -> String {
    directory.join(name).to_str().unwrap().to_owned()
}
