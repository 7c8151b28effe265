//! Rust text without what is no code.

/// `text` with a blank for each byte of comments, strings and characters; lines and offsets stay what they are.
///
/// No parser: it knows exactly as much of the [lexical structure](https://doc.rust-lang.org/reference/tokens.html) as
/// it takes to see where those begin and end.
pub(super) fn only(text: &str) -> String {
    let mut code = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, is_code) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), false),
            '/' if rest.starts_with("/*") => (block_comment(rest), false),
            '"' => (string(rest), false),
            '\'' => character(rest).map_or((1, true), |length| (length, false)),
            _ if first.is_alphanumeric() || first == '_' => word(rest),
            _ => (first.len_utf8(), true),
        };
        let (token, after) = rest.split_at(length);
        code.extend(token.bytes().map(|byte| if is_code || byte == b'\n' { byte } else { b' ' }));
        rest = after;
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut offset = 0;
    while let Some(found) = rest[offset..].find(['/', '*']) {
        offset += found;
        if rest[offset..].starts_with("/*") {
            depth += 1;
            offset += 2;
        } else if rest[offset..].starts_with("*/") {
            depth -= 1;
            offset += 2;
            if depth == 0 {
                return offset;
            }
        } else {
            offset += 1;
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (offset, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return offset + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal; none where the quote begins a lifetime.
fn character(rest: &str) -> Option<usize> {
    let inner = &rest[1..];
    let first = inner.chars().next()?;
    if first == '\\' {
        // The character after the backslash may be a quote itself.
        let escape = inner.char_indices().nth(2)?.0;
        return inner[escape..].find('\'').map(|end| 1 + escape + end + 1);
    }
    inner[first.len_utf8()..].starts_with('\'').then_some(first.len_utf8() + 2)
}

/// A word is code, unless it is the prefix of a raw string.
fn word(rest: &str) -> (usize, bool) {
    let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (word, after) = rest.split_at(length);
    if matches!(word, "r" | "br" | "cr") {
        let hashes = after.len() - after.trim_start_matches('#').len();
        if after[hashes..].starts_with('"') {
            let end = format!("\"{}", &after[..hashes]);
            let body = length + hashes + 1;
            return (rest[body..].find(&end).map_or(rest.len(), |found| body + found + end.len()), false);
        }
    }
    (length, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_stays_and_the_rest_is_blank() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y", z)"#, "f(      , z)"),
            (r##"f(r#"a"b"#, br"c\")"##, "f(        ,       )"),
            ("let r#type = 1;", "let r#type = 1;"),
            (r"('a', '\'', '\u{1F}', 'ß')", "(   ,     ,         ,     )"),
            ("fn f<'a>(x: &'a str) -> &'static str", "fn f<'a>(x: &'a str) -> &'static str"),
            ("b\"x\" c\"y\" b'z'", "b    c    b   "),
            ("\"two\nlines\" x", "    \n       x"),
            ("\"open", "     "),
        ] {
            assert_eq!(only(text), code, "{text}");
        }
    }

    #[test]
    fn nothing_moves() {
        let text = include_str!("code.rs");
        let code = only(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.lines().count(), text.lines().count());
    }
}
