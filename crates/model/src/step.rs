//! Steps and what flows between them.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{Failure, FailureKind};

/// The identity of a step within a stack: what it makes and for whom, such as `service.api`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(String);

impl StepId {
    /// The step that makes a `kind` of thing for `name`.
    pub fn new(kind: &str, name: impl fmt::Display) -> Self {
        Self(format!("{kind}.{name}"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The type of a value on an edge. Wiring an output to an input of another type is an error of the graph.
/// None of the types is a secret: only names and places of things flow between steps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValueType(Cow<'static, str>);

impl ValueType {
    /// The full ARN of a secret, suffix included, or of a parameter.
    pub const SECRET_ARN: Self = Self::of("secret-arn");
    /// The ARN of an IAM role.
    pub const ROLE_ARN: Self = Self::of("role-arn");
    /// The ARN of an ECS cluster.
    pub const CLUSTER_ARN: Self = Self::of("cluster-arn");
    /// The name of a CloudWatch log group.
    pub const LOG_GROUP: Self = Self::of("log-group");
    /// The ARN of a task definition, revision included.
    pub const TASK_DEFINITION_ARN: Self = Self::of("task-definition-arn");
    /// The ARN of an ECS service.
    pub const SERVICE_ARN: Self = Self::of("service-arn");

    /// A moment: milliseconds since the Unix epoch, or `unknown`.
    pub const MOMENT: Self = Self::of("moment");
    /// A digest of something that need not be repeated.
    pub const DIGEST: Self = Self::of("digest");

    /// A type by its name; plugins may define their own.
    #[must_use]
    pub const fn of(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
}

/// Whether an output is for other steps only, and not for people: its name begins with an underscore.
#[must_use]
pub fn is_internal(output: &str) -> bool {
    output.starts_with('_')
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A value that a plan knows, or one that exists only after the step that yields it was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// The value.
    Value(String),
    /// Known after apply.
    AfterApply,
}

impl Known {
    /// The value, where it is known.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Value(value) => Some(value),
            Self::AfterApply => None,
        }
    }
}

impl From<String> for Known {
    fn from(value: String) -> Self {
        Self::Value(value)
    }
}

/// What a step receives, by the names of its inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inputs(BTreeMap<String, Known>);

impl Inputs {
    /// The input `name`; an input that was never wired counts as not known.
    #[must_use]
    pub fn get(&self, name: &str) -> &Known {
        self.0.get(name).unwrap_or(&Known::AfterApply)
    }

    /// The value of the input `name`, for a step that is being applied.
    ///
    /// # Errors
    /// When the value is not there: the graph check and the engine make that impossible.
    pub fn require(&self, name: &str) -> Result<&str, Failure> {
        self.get(name)
            .value()
            .ok_or_else(|| Failure::new(FailureKind::Internal, format!("the input `{name}` has no value")))
    }

    /// All inputs, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Known)> {
        self.0.iter().map(|(name, known)| (name.as_str(), known))
    }
}

impl FromIterator<(String, Known)> for Inputs {
    fn from_iter<I: IntoIterator<Item = (String, Known)>>(inputs: I) -> Self {
        Self(inputs.into_iter().collect())
    }
}

/// What a step yields, by the names of its outputs.
pub type Outputs = BTreeMap<String, String>;
