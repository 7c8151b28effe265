//! Documents as IAM answers with them: percent-encoded (IAM API reference, GetRole: "URL-encoded compliant with RFC
//! 3986").

/// The JSON text of a document. Some endpoints answer with plain JSON, in which a percent sign is only that.
pub(crate) fn decoded(text: &str) -> String {
    if text.trim_start().starts_with('{') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| tail.get(..2).and_then(hexadecimal)).flatten();
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_percent_encoding_off() {
        assert_eq!(decoded("%7B%22a%22%3A%22%C3%BC%20+%22%7D"), r#"{"a":"ü +"}"#);
        assert_eq!(decoded(r#"{"a":"100%25"}"#), r#"{"a":"100%25"}"#);
        assert_eq!(decoded("100%"), "100%");
    }
}
