//! Names that fit.

use sha2::{Digest as _, Sha256};

/// The length of the hash suffix of a name that was too long: a hyphen and eight hexadecimal digits.
const SUFFIX: usize = 9;

/// `text`, or, where it is longer than `limit` bytes, its beginning and a short hash of all of it. The same text always
/// gives the same name; two texts practically never give one name.
///
/// `limit` has to be greater than nine.
#[must_use]
pub fn bounded(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let digest = Sha256::digest(text.as_bytes());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut end = limit.saturating_sub(SUFFIX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{hash}", text[..end].trim_end_matches(['-', '_', '.', '/']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_names_stay_and_long_ones_end_in_a_hash() {
        assert_eq!(bounded("shop-api-execution", 64), "shop-api-execution");
        let long = format!("{}-execution", "a".repeat(63));
        assert_eq!(bounded(&long, 64), format!("{}-bad32efc", "a".repeat(55)));
    }

    proptest! {
        #[test]
        fn names_fit_and_differ(a in "[a-z-]{1,130}", b in "[a-z-]{1,130}", limit in 10_usize..64) {
            prop_assert!(bounded(&a, limit).len() <= limit);
            prop_assert_eq!(a == b, bounded(&a, limit) == bounded(&b, limit));
        }
    }
}
