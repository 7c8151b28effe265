//! Content digests.

use sha2::{Digest, Sha256};

/// `sha256:` and the lower-case hexadecimal SHA-256 of `content`, as OCI writes a digest.
#[must_use]
pub fn sha256(content: &[u8]) -> String {
    use std::fmt::Write;

    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    for byte in Sha256::digest(content) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Returns true if `text` has the form of a SHA-256 digest.
pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}
