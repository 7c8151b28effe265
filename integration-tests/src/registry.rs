//! The distribution project's registry as tests run it, whether in a container or as a program on this machine.

use serde_json::{Value, json};

use crate::token_server::TokenServer;

/// A user who can log in.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// The name.
    pub name: &'static str,
    /// The password.
    pub password: &'static str,
}

/// Pulls. A registry with a password file lets it do everything, one with a token server what it was
/// [granted](crate::token_server::Grant).
pub const PULLER: User = User { name: "acme-bot", password: "correct-horse-battery-staple" };

/// Fills registries: it may do everything everywhere.
pub const PUSHER: User = User { name: "pusher", password: "of-all-that-tests-pull" };

/// The cost of bcrypt: the least that it has, because the registry computes the hash anew for each request.
const COST: u32 = 4;

/// A password file with both users, as `htpasswd -B` makes it.
///
/// # Errors
/// When there is no randomness to be had.
pub fn htpasswd() -> Result<String, bcrypt::BcryptError> {
    let mut file = String::new();
    for User { name, password } in [PULLER, PUSHER] {
        file.push_str(&format!("{name}:{}\n", bcrypt::hash(password, COST)?));
    }
    Ok(file)
}

/// Logging in with the password file at `path`.
#[must_use]
pub fn by_htpasswd(path: &str) -> Value {
    json!({ "htpasswd": { "realm": "the registry of a test", "path": path } })
}

/// Logging in with tokens of `server`, whose certificate is at `path`.
#[must_use]
pub fn by_tokens(server: &TokenServer, path: &str) -> Value {
    json!({ "token": {
        "realm": server.realm(),
        "service": TokenServer::SERVICE,
        "issuer": TokenServer::ISSUER,
        "rootcertbundle": path,
    } })
}

/// The configuration file of a registry that keeps images in the directory `storage` and listens on `address`.
#[must_use]
pub fn configuration(login: Value, storage: &str, address: &str) -> String {
    let configuration = json!({
        "version": 0.1,
        "log": { "level": "error", "accesslog": { "disabled": true } },
        "storage": { "filesystem": { "rootdirectory": storage } },
        "http": { "addr": address, "secret": "of a test" },
        "auth": login,
    });
    // JSON is YAML.
    configuration.to_string()
}
