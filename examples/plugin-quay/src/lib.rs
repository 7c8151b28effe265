//! Credential source for robot accounts of Quay.
//!
//! ```toml
//! [registries.quay]
//! use = "quay"
//! robot = "acme+deploy"
//! token = { env = "QUAY_TOKEN" }  # or { file = "…" }, or { command = ["…"] }
//! ```

use std::sync::Arc;

use async_trait::async_trait;
use longshore_credential::{Environment, SecretInput};
use longshore_model::{Fields, Options, Problem};
use longshore_plugin::{Context, Credential, CredentialSource, Plugins, Result};

/// Adds the credential source `quay`.
pub fn register(plugins: &mut Plugins) {
    plugins
        .add_credential_source("quay", |options, extensions| {
            let environment = extensions.get::<Environment>().map(|lent| (*lent).clone()).unwrap_or_default();
            Ok(Arc::new(QuayRobot::read(options, environment)?))
        })
        .summary("A robot account of Quay")
        .host("quay.io")
        .options(&[
            ("robot", "the robot account, such as acme+deploy (required)"),
            ("token", "where its token is found, such as { env = \"QUAY_TOKEN\" } (required)"),
        ]);
}

/// A robot account, and the place of its token.
struct QuayRobot {
    robot: String,
    token: SecretInput,
    environment: Environment,
}

impl QuayRobot {
    fn read(options: &Options, environment: Environment) -> std::result::Result<Self, Vec<Problem>> {
        options.read(|fields| {
            let robot = robot(fields);
            let token = SecretInput::read(fields, "token");
            Some(Self { robot: robot?, token: token?, environment })
        })
    }
}

/// Reads the name of a robot account: that of its owner, a plus sign and its own.
fn robot(fields: &mut Fields<'_>) -> Option<String> {
    let robot = fields.required_text("robot", "\"acme+deploy\"")?;
    if robot.split_once('+').is_some_and(|(owner, own)| !owner.is_empty() && !own.is_empty()) {
        return Some(robot);
    }
    let help = "set it to the owner and the robot as Quay shows them: \"acme+deploy\"";
    fields.problem("robot", "is not the name of a robot account", help);
    None
}

#[async_trait]
impl CredentialSource for QuayRobot {
    fn describe(&self) -> String {
        self.token.describe()
    }

    async fn fetch(&self, context: &Context) -> Result<Credential> {
        let password = self.token.fetch(context, &self.environment).await?;
        Ok(Credential { username: self.robot.clone(), password })
    }
}
