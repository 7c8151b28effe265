//! The condition keys that a request brings.

use std::collections::BTreeMap;

/// Condition keys with their values. Keys are compared without regard to case, as IAM does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// A context without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same context with `key` (such as `aws:SourceArn`) holding one value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.insert(key, vec![value.into()]);
        self
    }

    /// Sets a key that may hold several values.
    pub fn insert(&mut self, key: &str, values: Vec<String>) {
        self.0.insert(key.to_ascii_lowercase(), values);
    }

    /// The values of a key; none when the request does not bring it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }

    /// Adds the keys of `other` that are not there yet.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        for (key, values) in other.0 {
            self.0.entry(key).or_insert(values);
        }
        self
    }
}
