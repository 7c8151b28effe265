//! The `ClientRequestToken`, which becomes the id of the version that a write makes.
//!
//! It is visible to everyone who may describe the secret, so nothing of the value goes into it, not even as a hash: a
//! short password could be found by trying. It is a hash of the state that the write was decided on. Two runs that
//! decide on the same state send the same token: with the same value the second write is a no-op, with another value
//! Secrets Manager refuses it, and that run looks again instead of overwriting unseen what the other wrote.

use sha2::{Digest as _, Sha256};

use crate::observed::Observed;

/// The token of the first version of a secret that is not there.
pub(crate) fn of_creation(name: &str, attempt: u32) -> String {
    uuid(&format!("create {name} {attempt}"))
}

/// The token of the next version of a secret.
pub(crate) fn of_next_version(secret: &Observed, attempt: u32) -> String {
    uuid(&format!("put {} {:?} {:?} {attempt}", secret.arn, secret.versions, secret.changed))
}

/// 128 bits of a hash in the form of a UUID, which AWS recommends.
fn uuid(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut uuid = String::with_capacity(36);
    for (index, byte) in digest.iter().take(16).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            uuid.push('-');
        }
        uuid.push_str(&format!("{byte:02x}"));
    }
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_length_that_aws_wants_and_changes_with_the_state() {
        let token = of_creation("longshore/shop/ghcr/pull", 0);
        assert_eq!(token.len(), 36);
        assert_eq!(token, of_creation("longshore/shop/ghcr/pull", 0));
        assert_ne!(token, of_creation("longshore/shop/ghcr/pull", 1));

        let mut secret = Observed { arn: "arn".into(), ..Observed::default() };
        let before = of_next_version(&secret, 0);
        secret.versions.insert("v2".into(), vec!["AWSCURRENT".into()]);
        assert_ne!(before, of_next_version(&secret, 0));
    }
}
