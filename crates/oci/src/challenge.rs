//! The challenge of a registry: `WWW-Authenticate`.

use http::{HeaderMap, header};

use crate::header_text::text;

/// A registry's request for authentication, as a container runtime understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A token from a token server.
    Bearer(Bearer),
    /// User name and password with each request (RFC 7617).
    Basic,
    /// Something that container runtimes do not answer, such as `negotiate`; in lower case.
    Other(String),
}

/// The source of a bearer token, and its scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bearer {
    /// The token server's URL.
    pub(crate) realm: String,
    pub(crate) service: Option<String>,
    /// The permissions that the token has to grant, in the registry's notation.
    pub(crate) scopes: Vec<String>,
}

/// The challenge of `headers` to be met. Like containerd (`core/remotes/docker/auth`), this reads one challenge from
/// each header line, skips unknown schemes, and takes bearer before basic.
pub(crate) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let lines = headers.get_all(header::WWW_AUTHENTICATE).iter();
    let offered = lines.filter_map(|line| read(&text(line)));
    Some(offered.min_by_key(|(rank, _)| *rank)?.1)
}

/// Reads the challenge with which a line begins, and ranks it.
fn read(line: &str) -> Option<(u8, Challenge)> {
    let (scheme, rest) = token(line);
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "" => None,
        "bearer" => Some((0, bearer(&parameters(rest)))),
        "basic" => Some((1, Challenge::Basic)),
        _ => Some((2, Challenge::Other(scheme))),
    }
}

fn bearer(parameters: &[(String, String)]) -> Challenge {
    // The last of two counts.
    let value = |name: &str| {
        let found = parameters.iter().rev().find(|(key, _)| key == name)?;
        Some(found.1.clone()).filter(|value| !value.is_empty())
    };
    match value("realm") {
        Some(realm) => {
            let scopes = value("scope").unwrap_or_default();
            let scopes = scopes.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
            Challenge::Bearer(Bearer { realm, service: value("service"), scopes })
        }
        None => Challenge::Other("bearer without realm".to_owned()),
    }
}

/// Reads `name=value` pairs, names in lower case, up to the first text of another form. The name of a second challenge
/// in the same line is such a text: no container runtime reads further.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = token(skip_space(rest));
        let Some(after) = after.strip_prefix('=').filter(|_| !name.is_empty()) else { return found };
        let (value, after) = value(after);
        found.push((name.to_ascii_lowercase(), value));
        let Some(after) = skip_space(after).strip_prefix(',') else { return found };
        rest = after;
    }
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// The token (RFC 9110, section 5.6.2) at the beginning of `text`, and what follows.
fn token(text: &str) -> (&str, &str) {
    let is_token = |c: char| c.is_ascii_graphic() && !"\"(),/:;<=>?@[]\\{}".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// The token or quoted string at the beginning of `text`, and what follows. A string without its end is empty.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) = token(text);
        return (value.to_owned(), after);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[index + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (String::new(), "")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (header::WWW_AUTHENTICATE, HeaderValue::from_bytes(line.as_bytes()).unwrap()))
            .collect()
    }

    fn bearer(realm: &str, service: &str, scopes: &[&str]) -> Option<Challenge> {
        Some(Challenge::Bearer(Bearer {
            realm: realm.to_owned(),
            service: Some(service.to_owned()).filter(|service| !service.is_empty()),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        }))
    }

    fn other(scheme: &str) -> Option<Challenge> {
        Some(Challenge::Other(scheme.to_owned()))
    }

    #[test]
    fn registries_challenges_are_understood() {
        let ghcr =
            r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull""#;
        assert_eq!(
            challenge(&headers(&[ghcr])),
            bearer("https://ghcr.io/token", "ghcr.io", &["repository:user/image:pull"])
        );
        let loose = r#"bearer  Realm="https://a.example/t?x=1,2" , service=a.example,error="invalid\"token""#;
        assert_eq!(challenge(&headers(&[loose])), bearer("https://a.example/t?x=1,2", "a.example", &[]));
        let several = r#"Bearer realm="https://a.example/t",scope="repository:a:pull  repository:b:pull""#;
        assert_eq!(
            challenge(&headers(&[several])),
            bearer("https://a.example/t", "", &["repository:a:pull", "repository:b:pull"])
        );
        assert_eq!(challenge(&headers(&[r#"Basic realm="Registry Realm""#])), Some(Challenge::Basic));
        assert_eq!(challenge(&headers(&["Basic realm=\"Größe\""])), Some(Challenge::Basic));
        assert_eq!(challenge(&HeaderMap::new()), None);
    }

    #[test]
    fn one_challenge_is_read_from_each_line() {
        let wanted = bearer("https://a.example/t", "s", &[]);
        let in_two = [r#"Basic realm="x""#, r#"Bearer service="s",realm="https://a.example/t""#];
        assert_eq!(challenge(&headers(&in_two)), wanted);
        assert_eq!(challenge(&headers(&["Negotiate YII==", "Basic"])), Some(Challenge::Basic));
        let basic_first = r#"Basic realm="a, b", Bearer realm="https://a.example/t",service="s""#;
        assert_eq!(challenge(&headers(&[basic_first])), Some(Challenge::Basic));
        let bearer_first = r#"Bearer realm="https://a.example/t",service="s", Basic realm="a""#;
        assert_eq!(challenge(&headers(&[bearer_first])), wanted);
        let negotiate_first = r#"Negotiate YII==, Bearer realm="https://a.example/t",service="s""#;
        assert_eq!(challenge(&headers(&[negotiate_first])), other("negotiate"));
    }

    #[test]
    fn malformed_realms_are_not_guessed() {
        for line in [
            "Bearer",
            r#"Bearer service="s""#,
            r#"Bearer realm="https://a.example/t"#,
            r#"Bearer realm = "https://a.example/t""#,
            r#"Bearer, realm="https://a.example/t""#,
        ] {
            assert_eq!(challenge(&headers(&["Basic", line])), other("bearer without realm"), "{line}");
        }
        // A URL is no token: only its scheme is read.
        let bare = "Bearer realm=https://a.example/t,service=s";
        assert_eq!(challenge(&headers(&[bare])), bearer("https", "", &[]));
    }

    proptest! {
        #[test]
        fn quoted_texts_are_read_back(
            realm in "[ -~]{1,30}",
            service in "[ -~]{1,30}",
            error in "[ -~]{0,30}",
            gap in "[ \t]{0,2}",
        ) {
            let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let text = format!(
                "Bearer error={}{gap},{gap}realm={},service={}",
                quote(&error), quote(&realm), quote(&service)
            );
            prop_assert_eq!(challenge(&headers(&[&text])), bearer(&realm, &service, &[]), "{}", text);
        }

        #[test]
        fn no_line_makes_it_panic(text in "[ -~\t]{0,60}") {
            challenge(&headers(&[&text]));
        }
    }
}
