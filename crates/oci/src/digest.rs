//! Digests of content.

use sha2::{Digest, Sha256, Sha512};

/// Whether `text` is a digest of an algorithm that registries use (OCI image specification, "Digests").
pub(crate) fn is_digest(text: &str) -> bool {
    let length = match text.split_once(':') {
        Some(("sha256", _)) => 64,
        Some(("sha512", _)) => 128,
        _ => return false,
    };
    text.split_once(':').is_some_and(|(_, hex)| {
        hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Whether `content` has this digest.
pub(crate) fn matches(digest: &str, content: &[u8]) -> bool {
    match digest.split_once(':') {
        Some(("sha512", hex)) => hex == self::hex(&Sha512::digest(content)),
        _ => digest == sha256(content),
    }
}

/// The digest by which registries know content that nobody gave another one.
pub(crate) fn sha256(content: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(content)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_content_by_its_digest() {
        // The digest of nothing, as in the OCI image specification.
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(is_digest(empty) && matches(empty, b"") && !matches(empty, b"x"));
        assert!(!is_digest("sha256:e3b0") && !is_digest(&empty.to_uppercase()) && !is_digest("ghp_abc"));
        let long = format!("sha512:{}", hex(&Sha512::digest(b"x")));
        assert!(is_digest(&long) && matches(&long, b"x") && !matches(&long, b"y"));
    }
}
