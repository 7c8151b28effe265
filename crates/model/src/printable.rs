//! Foreign text, made safe to show on terminals and in logs of CI services.

use std::borrow::Cow;

/// Returns `text` with each character that is not printable, and each beginning of a command of a CI runner, escaped as
/// in JSON (`\u001b`). Line breaks stay. So JSON remains JSON of the same value.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let Some(first) = first_escaped(text, 0) else { return Cow::Borrowed(text) };
    let mut result = String::with_capacity(text.len() + 16);
    let (mut copied, mut next) = (0, Some(first));
    while let Some((at, c)) = next {
        result.push_str(&text[copied..at]);
        push_escaped(&mut result, c);
        copied = at + c.len_utf8();
        next = first_escaped(text, copied);
    }
    result.push_str(&text[copied..]);
    Cow::Owned(result)
}

/// Returns true if `c` is seen, and changes nothing but its own place: no control or format character, no white space but
/// the space, no filler and no variation selector.
#[must_use]
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    // Boxes, blocks and geometric shapes: trees are drawn with them.
    if matches!(c, '\u{2500}'..='\u{25ff}') {
        return true;
    }
    // The default-ignorable characters that `str::escape_debug` takes for visible, and the blank pattern of Braille.
    let is_filler = matches!(
        c,
        '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2800}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    );
    // Behind another character, `str::escape_debug` leaves accents as they are.
    let mut buffer = [b'.'; 5];
    let length = c.encode_utf8(&mut buffer[1..]).len();
    let is_shown =
        std::str::from_utf8(&buffer[..=length]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c));
    is_shown && !is_filler
}

/// The place of the first character at or behind `from` that has to be escaped.
fn first_escaped(text: &str, from: usize) -> Option<(usize, char)> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'#' if begins_bracket_command(&bytes[at..]) => return Some((at + 1, '#')),
            b':' if begins_colon_command(text, at) => return Some((at, ':')),
            b' '..=b'~' | b'\n' => at += 1,
            _ => {
                let c = text[at..].chars().next()?;
                if !is_printable(c) {
                    return Some((at, c));
                }
                at += c.len_utf8();
            }
        }
    }
    None
}

/// Commands of Azure Pipelines, GitHub Actions and TeamCity, which may stand anywhere in a line: `##vso[`, `##[`,
/// `##teamcity[`.
fn begins_bracket_command(bytes: &[u8]) -> bool {
    bytes
        .strip_prefix(b"##")
        .is_some_and(|rest| rest.iter().find(|byte| !byte.is_ascii_alphabetic()) == Some(&b'['))
}

/// Commands of GitHub Actions at the beginning of a line, of which the second colon counts (`::add-mask::`), and sections
/// of GitLab and Travis CI.
fn begins_colon_command(text: &str, at: usize) -> bool {
    let (before, behind) = (&text[..at], &text.as_bytes()[at + 1..]);
    if ["section_start", "section_end", "travis_fold", "travis_time"]
        .iter()
        .any(|name| before.ends_with(name))
    {
        return true;
    }
    before.ends_with(':')
        && behind.first().is_some_and(u8::is_ascii_alphabetic)
        && before[..at - 1].chars().rev().find(|c| *c == '\n' || !c.is_whitespace()).is_none_or(|c| c == '\n')
}

fn push_escaped(result: &mut String, c: char) {
    let mut units = [0; 2];
    for unit in c.encode_utf16(&mut units) {
        result.push_str(&format!("\\u{unit:04x}"));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_and_format_characters_are_escaped() {
        for (text, shown) in [
            ("\u{1b}[1A\u{1b}[2K", "\\u001b[1A\\u001b[2K"),
            ("a\r\n\tb\0", "a\\u000d\n\\u0009b\\u0000"),
            ("\u{9b}2K\u{85}", "\\u009b2K\\u0085"),
            ("no \u{202e}access\u{2069}", "no \\u202eaccess\\u2069"),
            ("\u{e0041}", "\\udb40\\udc41"),
            ("a\u{200b}b\u{feff}c\u{3164}d\u{ad}", "a\\u200bb\\ufeffc\\u3164d\\u00ad"),
            ("a\u{a0}b\u{2028}", "a\\u00a0b\\u2028"),
            ("Grüße, 東京, e\u{301}: ✓ → 🚢 \u{fffd}", "Grüße, 東京, e\u{301}: ✓ → 🚢 \u{fffd}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn commands_of_ci_runners_are_escaped() {
        for (text, shown) in [
            ("::set-output name=x::y", ":\\u003aset-output name=x::y"),
            ("fine\n  ::add-mask::x", "fine\n  :\\u003aadd-mask::x"),
            ("see ##[set-output name=x]", "see #\\u0023[set-output name=x]"),
            ("###[group]", "##\\u0023[group]"),
            ("##vso[task.setvariable]", "#\\u0023vso[task.setvariable]"),
            ("##teamcity[buildStop]", "#\\u0023teamcity[buildStop]"),
            ("section_start:1:x", "section_start\\u003a1:x"),
            ("travis_fold:start", "travis_fold\\u003astart"),
        ] {
            assert_eq!(printable(text), shown);
        }
        for text in ["arn:aws:iam::1:role/r", "::1", "a ::b", "## heading", "longshore::pace", "#[x]"] {
            assert!(matches!(printable(text), Cow::Borrowed(_)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn escaped_text_stays_as_it_is(text in any::<String>()) {
            let once = printable(&text);
            prop_assert!(once.chars().all(|c| c == '\n' || is_printable(c)));
            prop_assert_eq!(printable(&once), once.clone());
        }

        #[test]
        fn escaped_json_keeps_its_value(text in "(##|::|section_start:|[a-z]|\\[|\"|\\\\|\n|\\PC|\\p{Cf}|\\p{Cc}){0,30}") {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&printable(&json)).unwrap(), text);
        }
    }
}
