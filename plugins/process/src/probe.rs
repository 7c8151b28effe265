//! Programs that are looked at by their authors.

use longshore_credential::Environment;
use longshore_model::{Options, Problem};
use longshore_plugin::{Context, Result};
use serde_json::json;

use crate::{
    ErrorAnswer, Hello, Kind, credential_source::TIMEOUT, declaration::Declaration, process::Process,
    protocol::Envelope,
};

/// A program that is asked what no configuration asks, to see whether it keeps to the protocol.
#[derive(Debug)]
pub struct Probe {
    process: Process,
    host: String,
}

impl Probe {
    /// Makes a probe of the program that `options` declare, as a plugin of the `kind`. Calls nothing.
    ///
    /// # Errors
    /// Everything that is wrong with the options.
    pub fn new(
        options: &Options,
        kind: Kind,
        environment: Environment,
    ) -> std::result::Result<Self, Vec<Problem>> {
        let declaration = options.read(|fields| Declaration::read(fields, TIMEOUT))?;
        let host = options.taken_text("host").unwrap_or_default().to_owned();
        Ok(Self { process: Process::new(declaration, kind, environment), host })
    }

    /// Starts the program, asks it to end, and returns its greeting, and true if it has ended by itself.
    ///
    /// # Errors
    /// If it does not answer the greeting as it must.
    pub async fn hello(&self, context: &Context) -> Result<(Hello, bool)> {
        let greeted = self.process.greet(context).await?;
        let ends = greeted.shut_down().await;
        Ok((greeted.hello.clone(), ends))
    }

    /// Sends the request `method` with all its parameters, and with one that no method has. Returns the error that the
    /// program answers; `None` if it answers with a result.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn request(&self, context: &Context, method: &'static str) -> Result<Option<ErrorAnswer>> {
        let mut more = match method {
            "credential-source.get" => json!({ "host": self.host }),
            "secret-store.read" => {
                json!({ "secret": { "path": "longshore/probe", "name": null, "description": "A probe" } })
            }
            _ => json!({}),
        };
        more["unknown-parameter"] = true.into();
        let options = self.process.options(context).await?;
        let params = self.process.params(context, &options, more).await?;
        let (answer, _) = self.process.exchange(context, method, &params, true).await?;
        let envelope: Envelope = serde_json::from_slice(&answer).unwrap_or_default();
        Ok(envelope.error)
    }

    /// Asks the program to end. Returns true if it has ended by itself.
    pub async fn ends(&self) -> bool {
        self.process.shut_down().await
    }
}
