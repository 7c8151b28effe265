//! Programs that are looked at by their authors.

use longshore_credential::Environment;
use longshore_model::{Options, Problem};
use longshore_plugin::{Context, Result};
use serde_json::{Value, json};

use crate::{
    ErrorAnswer, Hello, Kind, credential_source::TIMEOUT, declaration::Declaration, process::Process,
    protocol::Envelope,
};

/// A program that is asked what no configuration asks, to see whether it keeps to the protocol.
#[derive(Debug)]
pub struct Probe {
    process: Process,
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
        Ok(Self { process: Process::new(declaration, kind, environment) })
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

    /// Sends a request with a parameter that no method has, and returns the error that the program answers. `None` if it
    /// answers with a result.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn request(&self, context: &Context, method: &'static str) -> Result<Option<ErrorAnswer>> {
        let params = json!({
            "context": {
                "stack": context.stack.as_str(),
                "environment": context.environment.as_str(),
                "step": context.step.as_str(),
            },
            "options": Value::Object(self.process.options(context).await?),
            "secrets": {},
            "unknown-parameter": true,
        });
        let (answer, _) = self.process.exchange(context, method, &params, true).await?;
        let envelope: Envelope = serde_json::from_slice(&answer).unwrap_or_default();
        Ok(envelope.error)
    }

    /// Asks the program to end. Returns true if it has ended by itself.
    pub async fn ends(&self) -> bool {
        self.process.shut_down().await
    }
}
