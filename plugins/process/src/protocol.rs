//! The lines that Longshore and a program exchange: `docs/plugins.md`.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::{Action, Effect, FailureKind, Secret};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::Schema;

/// The version of the protocol.
pub const PROTOCOL: u32 = 1;

/// The size of the longest line in either direction, in bytes, without its line break.
pub const LINE_LIMIT: usize = 1 << 20;

/// A line without its line break. It may hold secrets.
pub(crate) type Line = Zeroizing<Vec<u8>>;

/// A kind of plugin that a program can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Yields the credential of a registry.
    CredentialSource,
    /// Yields the value of an environment variable.
    SecretValue,
    /// Keeps secrets.
    SecretStore,
    /// Does the work of a step.
    Step,
}

impl Kind {
    /// The name of the kind in the protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialSource => "credential-source",
            Self::SecretValue => "secret-value",
            Self::SecretStore => "secret-store",
            Self::Step => "step",
        }
    }

    /// The capabilities that a program of this kind may announce.
    #[must_use]
    pub const fn capabilities(self) -> &'static [&'static str] {
        match self {
            Self::CredentialSource => &["facts"],
            Self::SecretValue => &[],
            Self::SecretStore => &["container-secrets", "pull-credentials", "undo"],
            Self::Step => &["plan", "removal", "undo"],
        }
    }

    /// Returns true if the program makes something that has an owner.
    pub(crate) const fn makes_resources(self) -> bool {
        matches!(self, Self::SecretStore | Self::Step)
    }
}

/// The first line of either side.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Greeting<T> {
    pub(crate) hello: T,
}

/// The facts that Longshore tells of itself.
#[derive(Debug, Serialize)]
pub(crate) struct HostHello {
    pub(crate) protocol: u32,
    pub(crate) host: &'static str,
    pub(crate) version: &'static str,
}

/// The facts that a program tells of itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The version of the protocol: [`PROTOCOL`].
    pub protocol: u32,
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// The kinds of plugins that it is.
    pub kinds: BTreeMap<Kind, Announced>,
}

/// A kind of plugin that a program is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announced {
    /// The capabilities beyond what every plugin of the kind has.
    #[serde(default)]
    pub capabilities: BTreeSet<String>,
    /// The schema of the options.
    #[serde(default)]
    pub options: Schema,
}

/// The version in a hello, whatever else is in it.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub(crate) protocol: u32,
}

/// A request.
#[derive(Debug, Serialize)]
pub(crate) struct Request<'a, P> {
    pub(crate) id: u64,
    pub(crate) method: &'a str,
    pub(crate) params: P,
    pub(crate) deadline_ms: u64,
}

/// Cancels the request `id`.
#[derive(Debug, Serialize)]
pub(crate) struct Cancel {
    pub(crate) cancel: CancelledRequest,
}

/// The request that is cancelled.
#[derive(Debug, Serialize)]
pub(crate) struct CancelledRequest {
    pub(crate) id: u64,
}

/// Asks the program to end.
#[derive(Debug, Serialize)]
pub(crate) struct Shutdown {
    pub(crate) shutdown: Map<String, Value>,
}

/// Any line of a program. Its form is what it has, and of results only that they are there.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Envelope {
    #[serde(default)]
    pub(crate) hello: Option<IgnoredAny>,
    #[serde(default)]
    pub(crate) id: Option<u64>,
    #[serde(default)]
    pub(crate) result: Option<IgnoredAny>,
    #[serde(default)]
    pub(crate) error: Option<ErrorAnswer>,
    #[serde(default)]
    pub(crate) progress: Option<String>,
    #[serde(default)]
    pub(crate) warning: Option<String>,
}

/// The answer to a request that succeeded.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer<T> {
    pub(crate) result: T,
}

/// The answer to a request that failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorAnswer {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// The error. It must not hold a secret.
    pub message: String,
    /// The hint.
    #[serde(default)]
    pub help: Option<String>,
}

/// The kinds of failures that a program can report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The options or the request cannot work.
    Invalid,
    /// A credential or permission was refused.
    Denied,
    /// It is not there.
    NotFound,
    /// Something else is in its place.
    Conflict,
    /// The other side asks to come again later.
    Throttled,
    /// The other side does not answer.
    Unavailable,
    /// A wait was too long.
    DeadlineExceeded,
    /// The request was cancelled.
    Interrupted,
    /// A change cannot be taken back.
    Stuck,
    /// The resource is protected.
    Protected,
    /// A fault of the program.
    Internal,
}

impl From<ErrorKind> for FailureKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Invalid => Self::Invalid,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Throttled => Self::Throttled,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::DeadlineExceeded => Self::DeadlineExceeded,
            ErrorKind::Interrupted => Self::Interrupted,
            ErrorKind::Stuck => Self::Stuck,
            ErrorKind::Protected => Self::Protected,
            ErrorKind::Internal => Self::Internal,
        }
    }
}

/// The parameters that every request has, and those of its method.
#[derive(Debug, Serialize)]
pub(crate) struct Params<'a, T> {
    pub(crate) context: Facts<'a>,
    pub(crate) options: &'a Map<String, Value>,
    pub(crate) secrets: BTreeMap<&'a str, Exposed<'a>>,
    #[serde(flatten)]
    pub(crate) more: T,
}

/// The run that a request belongs to.
#[derive(Debug, Serialize)]
pub(crate) struct Facts<'a> {
    pub(crate) stack: &'a str,
    pub(crate) environment: &'a str,
    pub(crate) step: &'a str,
    #[serde(flatten)]
    pub(crate) resource: Option<ResourceFacts<'a>>,
}

/// The facts that matter to what a program makes.
#[derive(Debug, Serialize)]
pub(crate) struct ResourceFacts<'a> {
    pub(crate) adopt: bool,
    pub(crate) protect: bool,
    pub(crate) tags: BTreeMap<&'a str, &'a str>,
}

/// A secret on its way to a program.
#[derive(Debug)]
pub(crate) struct Exposed<'a>(pub(crate) &'a Secret<String>);

impl Serialize for Exposed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.expose().serialize(serializer)
    }
}

/// Parameters of methods that have no others.
#[derive(Debug, Serialize)]
pub(crate) struct NoMore {}

/// The result of methods that yield nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Done {}

/// Parameters of `credential-source.get`.
#[derive(Debug, Serialize)]
pub(crate) struct OfRegistry<'a> {
    pub(crate) host: &'a str,
}

/// Parameters of `credential-source.facts`.
#[derive(Debug, Serialize)]
pub(crate) struct OfCredential<'a> {
    pub(crate) host: &'a str,
    pub(crate) username: &'a str,
    pub(crate) password: Exposed<'a>,
}

/// The result of `credential-source.get`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialResult {
    pub(crate) username: String,
    #[serde(deserialize_with = "secret")]
    pub(crate) password: Secret<String>,
}

/// The result of `credential-source.facts`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FactsResult {
    pub(crate) kind: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: Option<u64>,
    pub(crate) never_expires: bool,
}

/// The result of `secret-value.get`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueResult {
    #[serde(deserialize_with = "secret")]
    pub(crate) value: Secret<String>,
}

/// A plan, as a result and as a parameter.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Planned {
    pub(crate) action: Action,
    #[serde(default)]
    pub(crate) resource: Option<String>,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) changes: Vec<Change>,
    #[serde(default)]
    pub(crate) outputs: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) effect: Effect,
    #[serde(default)]
    pub(crate) notes: Vec<String>,
}

/// A field that changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) field: String,
    #[serde(default)]
    pub(crate) old: Option<String>,
    #[serde(default)]
    pub(crate) new: Option<String>,
    /// True if the values are secret, and not shown.
    #[serde(default)]
    pub(crate) secret: bool,
}

/// Parameters of `step.apply` and `step.undo`.
#[derive(Debug, Serialize)]
pub(crate) struct OfPlan<'a> {
    pub(crate) action: Action,
    pub(crate) resource: &'a str,
}

/// The result of `step.apply`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Applied {
    #[serde(default)]
    pub(crate) outputs: BTreeMap<String, String>,
}

/// The secret that a store is asked about.
#[derive(Debug, Serialize)]
pub(crate) struct Spec<'a> {
    pub(crate) path: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) description: &'a str,
}

/// Parameters of `secret-store.read`, `secret-store.plan-removal` and `secret-store.remove`.
#[derive(Debug, Serialize)]
pub(crate) struct OfSecret<'a> {
    pub(crate) secret: Spec<'a>,
}

/// Parameters of `secret-store.plan` and `secret-store.apply`.
#[derive(Debug, Serialize)]
pub(crate) struct OfValue<'a> {
    pub(crate) secret: Spec<'a>,
    pub(crate) value: Exposed<'a>,
}

/// Parameters of `secret-store.undo`.
#[derive(Debug, Serialize)]
pub(crate) struct OfSecretPlan<'a> {
    pub(crate) secret: Spec<'a>,
    pub(crate) action: Action,
    pub(crate) resource: &'a str,
}

/// The result of `secret-store.apply`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptResult {
    pub(crate) arn: String,
}

/// The result of `secret-store.read`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadResult {
    #[serde(default)]
    pub(crate) secret: Option<ReadSecret>,
}

/// A secret as it is stored.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadSecret {
    pub(crate) arn: String,
    pub(crate) name: String,
    #[serde(deserialize_with = "secret")]
    pub(crate) value: Secret<String>,
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) changed_at: Option<u64>,
}

pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

/// Writes a line. Its memory is wiped in the end.
pub(crate) fn line(value: &impl Serialize) -> Result<Line, serde_json::Error> {
    // Growing would leave copies of secrets behind.
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_LIMIT / 4));
    serde_json::to_writer(&mut *line, value)?;
    Ok(line)
}
