//! The conformance suite against moto's server.

use longshore_integration_tests::conformance::{Cloud, MOTO};

use super::tool;
use crate::{
    account,
    conformance::conform,
    longshore::{Project, Server, free_port},
};

#[tokio::test]
async fn moto() {
    let (project, port) = (Project::empty(), free_port());
    let mut command = project.command(tool("moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
    let server = Server::start(command, port);
    account::ready(&account::connect(&server.url)).await;
    conform(Cloud::emulator(MOTO, &server.url)).await;
}
