//! The containers of the distribution project's registry.

use serde_json::Value;

use super::{
    Error,
    server::{Image, Request},
};
use crate::{
    registry::{by_htpasswd, by_tokens, configuration, htpasswd},
    token_server::TokenServer,
};

const IMAGE: Image = Image { name: "registry", tag: "2", port: 5000, probe: "/v2/" };

/// The file that the image's own command line reads.
const CONFIGURATION: &str = "/etc/docker/registry/config.yml";
const PASSWORDS: &str = "/etc/docker/registry/htpasswd";
const CERTIFICATE: &str = "/etc/docker/registry/certificate.pem";

/// Lets in the users of a password file, and each of them may do everything.
pub(super) fn with_htpasswd(network: &str) -> Result<Request, Error> {
    let passwords = htpasswd().map_err(Error::PasswordFile)?;
    Ok(request(network, "registry-htpasswd", by_htpasswd(PASSWORDS)).file(PASSWORDS, passwords))
}

/// Lets in clients that hold a token of `server`.
pub(super) fn with_tokens(network: &str, server: &TokenServer) -> Request {
    let request = request(network, "registry-tokens", by_tokens(server, CERTIFICATE));
    request.file(CERTIFICATE, server.certificate())
}

fn request(network: &str, name: &str, login: Value) -> Request {
    let configuration = configuration(login, "/var/lib/registry", ":5000");
    IMAGE.request(network, name).variable("OTEL_TRACES_EXPORTER", "none").file(CONFIGURATION, configuration)
}
