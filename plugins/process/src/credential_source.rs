//! Credentials that a program yields.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use longshore_credential::ShortLived;
use longshore_model::{FailureKind, Options, Problem};
use longshore_plugin::{Context, Credential, CredentialFacts, CredentialSource, Result};

use crate::{
    Kind, Lent,
    declaration::Declaration,
    process::Process,
    protocol::{CredentialResult, Exposed, FactsResult, OfCredential, OfRegistry},
};

/// The longest time for one request, if the configuration gives none.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A program that yields the credential of a registry.
struct ProgramSource {
    process: Arc<Process>,
    host: String,
    allow_short_lived: bool,
}

pub(crate) fn build(
    options: &Options,
    lent: &Lent,
) -> std::result::Result<Arc<dyn CredentialSource>, Vec<Problem>> {
    let (declaration, allow_short_lived) = options.read(|fields| {
        let allow_short_lived = fields.flag("allow-short-lived").unwrap_or_default();
        Some((Declaration::read(fields, TIMEOUT)?, allow_short_lived))
    })?;
    let host = options.taken_text("host").unwrap_or_default().to_owned();
    let process = lent.process(declaration, Kind::CredentialSource);
    Ok(Arc::new(ProgramSource { process, host, allow_short_lived }))
}

#[async_trait]
impl CredentialSource for ProgramSource {
    fn describe(&self) -> String {
        self.process.describe()
    }

    async fn fetch(&self, context: &Context) -> Result<Credential> {
        let options = self.process.options(context).await?;
        let more = OfRegistry { host: &self.host };
        let CredentialResult { username, password } =
            self.process.request(context, "credential-source.get", &options, more).await?;
        let credential = Credential { username, password };
        let unfit = match () {
            () if credential.username.is_empty() => Some("its user name is empty"),
            () if credential.password.expose().is_empty() => Some("its password is empty"),
            () => credential.unfit(),
        };
        if let Some(unfit) = unfit {
            let what = format!("yields a credential that cannot be used: {unfit}");
            let help = "let it yield a user name and a password as `docker login` takes them";
            return Err(self.process.fail(FailureKind::Invalid, &what).help(help));
        }
        ShortLived::check(context, &credential, &self.describe(), self.allow_short_lived)
            .map_err(|failure| failure.at(&self.process.declaration.key))?;
        Ok(credential)
    }

    async fn facts(&self, context: &Context, credential: &Credential) -> Result<CredentialFacts> {
        if !self.process.can(context, "facts").await? {
            return Ok(CredentialFacts::default());
        }
        self.process.hide(credential.password.expose());
        let options = self.process.options(context).await?;
        let more = OfCredential {
            host: &self.host,
            username: &credential.username,
            password: Exposed(&credential.password),
        };
        let FactsResult { kind, scopes, expires_at, never_expires } =
            self.process.request(context, "credential-source.facts", &options, more).await?;
        Ok(CredentialFacts {
            kind: kind.map(|kind| self.process.clean(&kind)),
            scopes: scopes.iter().map(|scope| self.process.clean(scope)).collect(),
            expires_at,
            never_expires,
            remaining_pulls: None,
        })
    }
}
