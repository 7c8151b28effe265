//! Digests of content.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// Returns `true` if `text` is a digest of an algorithm that container runtimes know (OCI image specification,
/// "Digests"). They refuse all others.
pub(crate) fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns `true` if `content` has this digest, and `false` if the digest's algorithm is unknown.
pub(crate) fn matches(digest: &str, content: &[u8]) -> bool {
    match digest.split_once(':') {
        Some(("sha256", hex)) => hex == self::hex(&Sha256::digest(content)),
        Some(("sha384", hex)) => hex == self::hex(&Sha384::digest(content)),
        Some(("sha512", hex)) => hex == self::hex(&Sha512::digest(content)),
        _ => false,
    }
}

/// Returns the digest by which registries know content by default.
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
        for long in [format!("sha384:{}", hex(&Sha384::digest(b"x"))), sha512(b"x")] {
            assert!(is_digest(&long) && matches(&long, b"x") && !matches(&long, b"y"), "{long}");
        }
    }

    #[test]
    fn unknown_algorithms_match_nothing() {
        let content = b"x";
        let unknown = sha256(content).replace("sha256", "blake3");
        assert!(!is_digest(&unknown) && !matches(&unknown, content));
    }

    fn sha512(content: &[u8]) -> String {
        format!("sha512:{}", hex(&Sha512::digest(content)))
    }
}
