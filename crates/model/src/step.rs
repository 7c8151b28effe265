//! Steps and what flows between them.

use std::{
    borrow::{Borrow, Cow},
    cell::Cell,
    fmt::{self, Write},
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ByName, Failure, FailureKind};

/// The identity of a step within a stack: what it makes and for whom, such as `service.api`. A clone shares the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(Arc<str>);

impl StepId {
    /// The step that makes a `kind` of thing for `name`.
    pub fn new(kind: &str, name: impl fmt::Display) -> Self {
        thread_local! {
            static TEXT: Cell<String> = const { Cell::new(String::new()) };
        }
        // Taken, because showing the name may make another id.
        let mut text = TEXT.take();
        text.clear();
        text.push_str(kind);
        // Writing to a string does not fail.
        let _ = write!(text, ".{name}");
        let id = Self(text.as_str().into());
        TEXT.set(text);
        id
    }

    /// The step with this id, as the configuration and drawings of the graph have it.
    #[must_use]
    pub fn named(id: &str) -> Self {
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for StepId {
    fn borrow(&self) -> &str {
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

    /// Any text: the type of an input that takes outputs of all types.
    pub const TEXT: Self = Self::of("text");

    /// A type by its name; plugins may define their own.
    #[must_use]
    pub const fn of(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A type by a name that is known at run time.
    pub fn named(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// The type's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns true if an output is for other steps only, and not for people: its name begins with an underscore.
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

/// The inputs of many steps, kept in one place, so that the [`Inputs`] of each step copy nothing.
pub trait InputValues: Send + Sync {
    /// Returns the name and the value of the step's input at `position`, in the order of the names, or `None` behind the
    /// last one.
    fn input(&self, step: usize, position: usize) -> Option<(&str, &Known)>;
}

/// The inputs of a step, by name.
#[derive(Clone)]
pub struct Inputs(Source);

#[derive(Clone)]
enum Source {
    Own(ByName<Known>),
    Shared { values: Arc<dyn InputValues>, step: usize },
}

impl Inputs {
    /// Takes the inputs of `step` from `values`.
    #[must_use]
    pub const fn shared(values: Arc<dyn InputValues>, step: usize) -> Self {
        Self(Source::Shared { values, step })
    }

    /// Takes the inputs of another step from the same values, if they are shared.
    pub fn turn_to(&mut self, other: usize) {
        if let Source::Shared { step, .. } = &mut self.0 {
            *step = other;
        }
    }

    /// The input `name`; an input that was never wired counts as not known.
    #[must_use]
    pub fn get(&self, name: &str) -> &Known {
        let found = match &self.0 {
            Source::Own(inputs) => inputs.get(name),
            Source::Shared { .. } => self.iter().find(|(other, _)| *other == name).map(|(_, known)| known),
        };
        found.unwrap_or(&Known::AfterApply)
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
        let (own, shared) = match &self.0 {
            Source::Own(inputs) => (Some(inputs), None),
            Source::Shared { values, step } => (None, Some((values, *step))),
        };
        let own = own.into_iter().flatten().map(|(name, known)| (name.as_str(), known));
        let shared = shared
            .into_iter()
            .flat_map(|(values, step)| (0..).map_while(move |position| values.input(step, position)));
        own.chain(shared)
    }
}

impl Default for Inputs {
    fn default() -> Self {
        Self(Source::Own(ByName::new()))
    }
}

impl PartialEq for Inputs {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Inputs {}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Inputs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ByName::deserialize(deserializer).map(|inputs| Self(Source::Own(inputs)))
    }
}

impl<N: Into<String>> FromIterator<(N, Known)> for Inputs {
    fn from_iter<I: IntoIterator<Item = (N, Known)>>(inputs: I) -> Self {
        Self(Source::Own(inputs.into_iter().map(|(name, known)| (name.into(), known)).collect()))
    }
}

/// The outputs of a step, by name.
pub type Outputs = ByName<String>;

#[cfg(test)]
mod tests {
    use super::*;

    struct Two;

    impl InputValues for Two {
        fn input(&self, _: usize, position: usize) -> Option<(&str, &Known)> {
            [("a", &Known::AfterApply), ("b", &Known::AfterApply)].get(position).copied()
        }
    }

    #[test]
    fn shared_inputs_read_as_own_ones() {
        let shared = Inputs::shared(Arc::new(Two), 0);
        let own: Inputs = [("b", Known::AfterApply), ("a", Known::AfterApply)]
            .map(|(name, known)| (name.to_owned(), known))
            .into_iter()
            .collect();
        assert_eq!(shared, own);
        assert_ne!(shared, Inputs::default());
        let json = serde_json::to_string(&shared).unwrap();
        assert_eq!(json, r#"{"a":"after-apply","b":"after-apply"}"#);
        assert_eq!(serde_json::from_str::<Inputs>(&json).unwrap(), shared);
        assert_eq!(format!("{shared:?}"), r#"{"a": AfterApply, "b": AfterApply}"#);
    }
}
