//! Dotted keys of the configuration, written as TOML writes them.

use std::fmt::Write;

/// The dotted key of `field` in the table at `table` (empty for the whole configuration). A field that is no bare key
/// of TOML is quoted, as in `cloud.registries."ghcr.io"`, so that a dotted key can always be split again.
#[must_use]
pub fn join_key(table: &str, field: &str) -> String {
    let mut key = String::with_capacity(table.len() + field.len() + 1);
    key.push_str(table);
    push_key(&mut key, field);
    key
}

/// Appends `field` to the dotted `key` of its table, as [`join_key`] joins them.
pub fn push_key(key: &mut String, field: &str) {
    if !key.is_empty() {
        key.push('.');
    }
    if !field.is_empty()
        && field.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    {
        key.push_str(field);
        return;
    }
    key.push('"');
    for c in field.chars() {
        match c {
            '"' | '\\' => key.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a String does not fail.
                let _ = write!(key, "\\u{:04X}", u32::from(c));
            }
            c => key.push(c),
        }
    }
    key.push('"');
}

/// The parts of a dotted key that [`join_key`] wrote.
#[must_use]
pub fn split_key(key: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = key.chars().peekable();
    while rest.peek().is_some() {
        let mut part = String::new();
        if rest.next_if_eq(&'"').is_some() {
            while let Some(c) = rest.next() {
                match c {
                    '"' => break,
                    '\\' if rest.next_if_eq(&'u').is_some() => {
                        let code: String = rest.by_ref().take(4).collect();
                        part.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
                    }
                    '\\' => part.extend(rest.next()),
                    c => part.push(c),
                }
            }
            let _ = rest.next_if_eq(&'.');
        } else {
            part.extend(std::iter::from_fn(|| rest.next_if(|&c| c != '.')));
            let _ = rest.next_if_eq(&'.');
        }
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_only_what_toml_quotes() {
        assert_eq!(join_key("", "stack"), "stack");
        assert_eq!(join_key("services", "api"), "services.api");
        assert_eq!(join_key("cloud.registries", "ghcr.io"), "cloud.registries.\"ghcr.io\"");
        assert_eq!(
            split_key("cloud.registries.\"ghcr.io\".users.jonas"),
            ["cloud", "registries", "ghcr.io", "users", "jonas"]
        );
    }

    proptest! {
        #[test]
        fn splitting_undoes_joining(parts in proptest::collection::vec(any::<String>(), 0..5)) {
            let key = parts.iter().fold(String::new(), |key, part| join_key(&key, part));
            prop_assert_eq!(split_key(&key), parts);
        }
    }
}
