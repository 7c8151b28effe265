//! Credential providers of the kubelet, which serve unchanged.
//!
//! One request and one response, as JSON on standard input and output (Kubernetes, "Kubelet CredentialProvider (v1)").

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use longshore_credential::{Environment, ShortLived};
use longshore_model::{FailureKind, Options, Problem, Secret};
use longshore_plugin::{Context, Credential, CredentialSource, Result};
use serde::{Deserialize, Serialize};

use crate::{
    Kind, Lent,
    declaration::Declaration,
    process::{Pin, Process},
    protocol::secret,
};

/// The name by which a configuration uses a credential provider.
pub(crate) const KUBELET_PROVIDER: &str = "kubelet-provider";

/// The version of the request and the response.
const VERSION: &str = "credentialprovider.kubelet.k8s.io/v1";

/// The longest time for the response, if the configuration gives none.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    kind: &'static str,
    api_version: &'static str,
    image: &'a str,
}

/// The response, without what only concerns the kubelet's cache.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    kind: String,
    api_version: String,
    #[serde(default)]
    auth: Option<BTreeMap<String, Auth>>,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(default)]
    username: String,
    #[serde(deserialize_with = "secret")]
    password: Secret<String>,
}

/// A credential provider.
struct Provider {
    process: Process,
    environment: Environment,
    /// The image that the provider is asked for.
    image: String,
    allow_short_lived: bool,
}

pub(crate) fn build(
    options: &Options,
    lent: &Lent,
) -> std::result::Result<Arc<dyn CredentialSource>, Vec<Problem>> {
    let host = options.taken_text("host").unwrap_or_default();
    let (declaration, image, allow_short_lived) = options.read(|fields| {
        let image = fields.text("image").unwrap_or_else(|| host.to_owned());
        let allow_short_lived = fields.flag("allow-short-lived").unwrap_or_default();
        let declaration = Declaration::read(fields, TIMEOUT)?;
        if !declaration.secrets.is_empty() {
            let help = "its protocol has no place for them: let it read them itself, such as from a file";
            fields.problem("secrets", "cannot be given to a credential provider", help);
        }
        Some((declaration, image, allow_short_lived))
    })?;
    declaration.options.read(|_| Some(()))?;
    let environment = lent.environment.clone();
    let process = Process::new(declaration, Kind::CredentialSource, environment.clone());
    Ok(Arc::new(Provider { process, environment, image, allow_short_lived }))
}

#[async_trait]
impl CredentialSource for Provider {
    fn describe(&self) -> String {
        format!("credential provider {}", self.process.shown())
    }

    async fn fetch(&self, context: &Context) -> Result<Credential> {
        let credential = self.ask(context).await?;
        if let Some(unfit) = credential.unfit() {
            let what = format!("yields a credential that cannot be used: {unfit}");
            return Err(self
                .process
                .fail(FailureKind::Invalid, &what)
                .help("see what the provider is set up with"));
        }
        ShortLived::check(context, &credential, &self.describe(), self.allow_short_lived)
            .map_err(|failure| failure.at(&self.process.declaration.key))?;
        Ok(credential)
    }
}

impl Provider {
    async fn ask(&self, context: &Context) -> Result<Credential> {
        let fail = |kind, what: &str| self.process.fail(kind, what);
        let request = Request { kind: "CredentialProviderRequest", api_version: VERSION, image: &self.image };
        let request = serde_json::to_string(&request)
            .map_err(|error| fail(FailureKind::Internal, &format!("cannot be asked: {error}")))?;
        let (program, path) = self.process.program().await?;
        let digest = self.process.declaration.sha256.as_deref();
        let pin = digest.map(|digest| Pin::of(&path, digest)).transpose();
        let pin = pin.map_err(|why| self.process.not_started(&why))?;
        let program = program.input(request).timeout(self.process.declaration.timeout);
        let finished =
            program.run(context).await.map_err(|failure| failure.at(&self.process.declaration.key))?;
        if let Some(pin) = pin {
            pin.check_again().map_err(|why| self.process.not_started(&why))?;
        }
        if !finished.status().success() {
            // Anything that it says may be the secret.
            let words = if self.environment.shows_errors() { finished.said() } else { String::new() };
            let words = if words.is_empty() { words } else { format!(": {words}") };
            let what = format!("failed with {}{words}", finished.status());
            return Err(fail(FailureKind::Denied, &what).help("run it by hand to see what it says"));
        }
        let response: Response = serde_json::from_slice(finished.stdout()).map_err(|_| {
            let help = "it must print a CredentialProviderResponse in JSON, of at most 64 KiB";
            fail(FailureKind::Invalid, "answers with something that is no response of a credential provider")
                .help(help)
        })?;
        if response.kind != "CredentialProviderResponse" || response.api_version != VERSION {
            let what = "answers in another version than it was asked in";
            return Err(
                fail(FailureKind::Invalid, what).help(format!("use a provider that speaks {VERSION}"))
            );
        }
        self.choose(response.auth.unwrap_or_default())
    }

    /// Returns the credential whose key matches the image, and is the most specific one.
    fn choose(&self, auth: BTreeMap<String, Auth>) -> Result<Credential> {
        // The kubelet tries them in this order, too: the longer path of the same domain is before the shorter one.
        let found = auth.into_iter().rev().find(|(key, _)| matches(key, &self.image));
        let Some((_, Auth { username, password })) = found else {
            let what = format!("has no credential for {}", self.image);
            let help = "set `image` to an image of the registry if the provider needs a whole one";
            return Err(self.process.fail(FailureKind::NotFound, &what).help(help));
        };
        if username.is_empty() || password.expose().is_empty() {
            let what = "yields a credential without a user name or a password";
            let help = "ECS logs in with both: set the provider up with an account of the registry";
            return Err(self.process.fail(FailureKind::Invalid, what).help(help));
        }
        Ok(Credential { username, password })
    }
}

/// Returns true if the pattern `key` matches `image`: as many parts of the domain, each with `*` for any text in it, the same
/// port if the pattern has one, and a path that begins with the pattern's.
fn matches(key: &str, image: &str) -> bool {
    let (pattern, path) = split(key);
    let (host, whole) = split(image);
    let (pattern, port) = pattern.split_once(':').map_or((pattern, None), |(name, port)| (name, Some(port)));
    let (host, own_port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    if port.is_some() && port != own_port || !whole.starts_with(path) {
        return false;
    }
    let (patterns, parts): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), host.split('.').collect());
    patterns.len() == parts.len()
        && patterns.iter().zip(parts).all(|(pattern, part)| matches_part(pattern, part))
}

/// Splits a reference into host and path, without its scheme.
fn split(text: &str) -> (&str, &str) {
    let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    text.split_once('/').unwrap_or((text, ""))
}

fn matches_part(pattern: &str, part: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == part };
    let Some(rest) = part.strip_prefix(before) else { return false };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| matches_part(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_matches_part_by_part() {
        for (key, image) in [
            ("registry.io", "registry.io/acme/api"),
            ("*.registry.io", "eu.registry.io/acme"),
            ("app*.k8s.io", "app-1.k8s.io"),
            ("k8s.*", "k8s.io/x"),
            ("registry.io:8080/path", "registry.io:8080/path/api"),
            ("registry.io", "registry.io:8080/x"),
            ("https://registry.io/acme", "registry.io/acme/api"),
        ] {
            assert!(matches(key, image), "{key} {image}");
        }
        for (key, image) in [
            ("*.io", "eu.registry.io"),
            ("registry.io:8080", "registry.io/x"),
            ("registry.io/acme", "registry.io/other"),
            ("other.io", "registry.io"),
            ("a*b.io", "ac.io"),
        ] {
            assert!(!matches(key, image), "{key} {image}");
        }
    }
}
