//! Header values as text.

use std::{borrow::Cow, fmt::Write};

use http::HeaderValue;

/// A header's value as text. Bytes that are no UTF-8 are escaped as in URLs, so that a redirect leads where it is meant
/// to.
pub(crate) fn text(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut escaped = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii() {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beyond_ascii_are_kept_or_escaped() {
        let text = |bytes: &[u8]| text(&HeaderValue::from_bytes(bytes).unwrap()).into_owned();
        assert_eq!(text(b"plain"), "plain");
        assert_eq!(text("Größe".as_bytes()), "Größe");
        assert_eq!(text(b"Gr\xf6\xdfe"), "Gr%F6%DFe");
    }
}
