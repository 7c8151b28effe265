//! What a registry asks for: `WWW-Authenticate`.

use http::{HeaderMap, header};

/// A way to authenticate that a registry offers. Unknown ones are kept by name, for the error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A token from the server at `realm`.
    Bearer { realm: String, service: Option<String> },
    /// User name and password with each request (RFC 7617).
    Basic,
    /// Something else, such as `negotiate`; in lower case.
    Other(String),
}

/// The challenge of `headers` to be met: bearer before basic before anything else.
pub(crate) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let mut offered: Vec<Challenge> = headers
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(parse)
        .map(understand)
        .collect();
    offered.sort_by_key(|challenge| match challenge {
        Challenge::Bearer { .. } => 0,
        Challenge::Basic => 1,
        Challenge::Other(_) => 2,
    });
    offered.into_iter().next()
}

fn understand(raw: Raw) -> Challenge {
    let mut parameters = raw.parameters;
    let mut take = |name: &str| {
        let index = parameters.iter().position(|(key, _)| key == name)?;
        Some(parameters.swap_remove(index).1)
    };
    match raw.scheme.as_str() {
        "bearer" => match take("realm") {
            Some(realm) => Challenge::Bearer { realm, service: take("service") },
            None => Challenge::Other("bearer without realm".to_owned()),
        },
        "basic" => Challenge::Basic,
        _ => Challenge::Other(raw.scheme),
    }
}

/// A challenge as it is written: its scheme and the names of its parameters in lower case.
#[derive(Debug, PartialEq, Eq)]
struct Raw {
    scheme: String,
    parameters: Vec<(String, String)>,
}

/// Parses a list of challenges (RFC 9110, section 11.6.1). Quoted strings hold commas and escapes. What is malformed
/// ends the list.
fn parse(text: &str) -> Vec<Raw> {
    let mut challenges: Vec<Raw> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = token(rest);
        if word.is_empty() {
            return challenges;
        }
        let name = word.to_ascii_lowercase();
        let spaced = after.trim_start_matches([' ', '\t']);
        // `name=value` continues a challenge, anything else begins one.
        let (Some(value), Some(current)) = (spaced.strip_prefix('='), challenges.last_mut()) else {
            challenges.push(Raw { scheme: name, parameters: Vec::new() });
            rest = after_token68(spaced);
            continue;
        };
        let value = value.trim_start_matches([' ', '\t']);
        let (value, after) = if value.starts_with('"') {
            let Some(parsed) = quoted(value) else { return challenges };
            parsed
        } else {
            // Registries write URLs without quotes, too.
            let end = value.find([',', ' ', '\t']).unwrap_or(value.len());
            (value[..end].to_owned(), &value[end..])
        };
        current.parameters.push((name, value));
        rest = after;
    }
}

/// Skips credentials in one piece (`Negotiate YII…=`), which only schemes unknown here have.
fn after_token68(text: &str) -> &str {
    let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
    let (piece, after) = text.split_at(end);
    let is_parameter = piece.trim_end_matches('=').contains(['=', '"'])
        || after.trim_start_matches([' ', '\t']).starts_with(['=', '"']);
    if is_parameter { text } else { after }
}

/// The token (RFC 9110, section 5.6.2) at the beginning of `text`, and what follows.
fn token(text: &str) -> (&str, &str) {
    let end = text.find([',', ' ', '\t', '=', '"']).unwrap_or(text.len());
    text.split_at(end)
}

/// The quoted string at the beginning of `text`, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap())).collect()
    }

    fn bearer(realm: &str, service: &str) -> Option<Challenge> {
        Some(Challenge::Bearer { realm: realm.to_owned(), service: Some(service.to_owned()) })
    }

    #[test]
    fn reads_what_registries_write() {
        let ghcr =
            r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull""#;
        assert_eq!(challenge(&headers(&[ghcr])), bearer("https://ghcr.io/token", "ghcr.io"));
        let loose =
            r#"bearer  Realm = "https://a.example/t?x=1,2" , service=a.example,error="invalid\"token""#;
        assert_eq!(challenge(&headers(&[loose])), bearer("https://a.example/t?x=1,2", "a.example"));
        let bare = "Bearer realm=https://a.example/t?x=1, service=s";
        assert_eq!(challenge(&headers(&[bare])), bearer("https://a.example/t?x=1", "s"));
        assert_eq!(challenge(&headers(&[r#"Basic realm="Registry Realm""#])), Some(Challenge::Basic));
        assert_eq!(challenge(&HeaderMap::new()), None);
    }

    #[test]
    fn prefers_bearer_wherever_it_stands() {
        let wanted = bearer("https://a.example/t", "s");
        let in_one = r#"Negotiate YII==, Basic realm="a, b", Bearer realm="https://a.example/t",service="s""#;
        assert_eq!(challenge(&headers(&[in_one])), wanted);
        let in_two = [r#"Basic realm="x""#, r#"Bearer service="s",realm="https://a.example/t""#];
        assert_eq!(challenge(&headers(&in_two)), wanted);
        assert_eq!(challenge(&headers(&["Negotiate YII==", "Basic"])), Some(Challenge::Basic));
        assert_eq!(challenge(&headers(&["Negotiate"])), Some(Challenge::Other("negotiate".to_owned())));
    }

    proptest! {
        #[test]
        fn every_quoted_text_is_read_back(
            realm in "[ -~]{0,30}",
            service in "[ -~]{0,30}",
            scope in "[ -~]{0,30}",
            gap in "[ \t]{0,2}",
        ) {
            let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let text = format!(
                "Bearer scope{gap}={gap}{},{gap}realm={},service{gap}={}",
                quote(&scope), quote(&realm), quote(&service)
            );
            prop_assert_eq!(challenge(&headers(&[&text])), bearer(&realm, &service), "{}", text);
        }

        #[test]
        fn nothing_makes_it_panic_or_loop(text in "[ -~\t]{0,60}") {
            challenge(&headers(&[&text]));
        }
    }
}
