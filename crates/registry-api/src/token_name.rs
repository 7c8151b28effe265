//! The names of tokens that are made for a stack.

use std::fmt::Write;

use longshore_plugin::PullScope;
use sha2::{Digest, Sha256};

use crate::{Clock, rfc3339};

/// The name of a new token: for people the `label`, or else the stack, and the time; and at its end the mark of the
/// [holder](PullScope::holder), by which [`is_for`] knows it again.
#[must_use]
pub fn token_name(label: Option<&str>, scope: &PullScope, clock: &Clock) -> String {
    let stack = || format!("longshore {}", scope.stack);
    let label = label.map_or_else(stack, str::to_owned);
    format!("{label} {} {}", rfc3339(clock.now()), mark(&scope.holder))
}

/// Returns true if a token of this name was made for `holder`.
#[must_use]
pub fn is_for(name: &str, holder: &str) -> bool {
    name.rsplit_once(' ').is_some_and(|(_, last)| last == mark(holder))
}

/// Names are short, and a holder tells more of an account than a vendor has to know.
fn mark(holder: &str) -> String {
    let digest = Sha256::digest(holder.as_bytes());
    digest[..8].iter().fold(String::from("for-"), |mut mark, byte| {
        // Writing to a String does not fail.
        let _ = write!(mark, "{byte:02x}");
        mark
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_again_by_its_holder_alone() {
        let scope = |stack: &str, holder: &str| PullScope {
            stack: stack.to_owned(),
            holder: holder.to_owned(),
            ..PullScope::default()
        };
        let clock = Clock::new(|| 1_795_417_200);
        let name = token_name(None, &scope("shop", "arn:a"), &clock);
        assert_eq!(name, "longshore shop 2026-11-23T07:00:00Z for-4339988dfbd6f7ce");
        assert!(is_for(&name, "arn:a") && !is_for(&name, "arn:b"));
        assert!(is_for(&token_name(Some("pull"), &scope("other", "arn:b"), &clock), "arn:b"));
        assert!(!is_for("somebody's", "arn:a") && !is_for("", ""));
    }
}
