//! A problem of a configuration.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::secrecy::without_tokens;

/// One thing that is wrong with the configuration, named by its key. The loader of the configuration knows the place
/// that set the key (a file and line, an environment variable, a flag).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The dotted key, such as `services.api.memory`.
    pub key: String,
    /// The problem, including the value that was found.
    pub message: String,
    /// A hint for correcting it.
    pub help: Option<String>,
}

impl Problem {
    /// Creates a problem with the value at `key`. Texts in the message that look like tokens are removed.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: without_tokens(&message.into()), help: None }
    }

    /// Adds what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

/// The candidate that `text` was probably meant to be, if one is near enough.
pub fn closest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(text, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closest_finds_typing_errors_only() {
        let known = ["image", "memory", "desired-count"];
        assert_eq!(closest("memroy", known), Some("memory"));
        assert_eq!(closest("desired_count", known), Some("desired-count"));
        assert_eq!(closest("subnets", known), None);
    }
}
