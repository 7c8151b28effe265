//! Wildcards and policy variables.

use super::Context;

/// One element of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    Literal(char),
}

/// Returns true if `text` matches `pattern`, in which `*` stands for any characters and `?` for one.
///
/// Policy variables are replaced from `context`; a variable that the request does not bring matches nothing.
pub(crate) fn glob(pattern: &str, text: &str, context: &Context) -> bool {
    tokens(pattern, context).is_some_and(|tokens| matches(&tokens, &text.chars().collect::<Vec<_>>()))
}

/// `glob` over the six parts of an ARN one by one, as `ArnLike` compares: a `*` does not cross a colon.
pub(crate) fn arn_glob(pattern: &str, text: &str, context: &Context) -> bool {
    let (patterns, parts) = (arn_parts(pattern), arn_parts(text));
    patterns.len() == parts.len()
        && patterns.iter().zip(&parts).all(|(pattern, part)| glob(pattern, part, context))
}

/// Splits at the first five colons that are not inside a policy variable.
fn arn_parts(arn: &str) -> Vec<&str> {
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    for (index, byte) in arn.bytes().enumerate() {
        match byte {
            b'{' if index > 0 && arn.as_bytes()[index - 1] == b'$' => inside = true,
            b'}' => inside = false,
            b':' if !inside && parts.len() < 5 => {
                parts.push(&arn[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&arn[start..]);
    parts
}

/// Text without wildcards in which variables are replaced, as for `StringEquals`.
pub(crate) fn literal(pattern: &str, context: &Context) -> Option<String> {
    let tokens = tokens(pattern, context)?;
    Some(
        tokens
            .into_iter()
            .map(|token| match token {
                Token::Any => '*',
                Token::One => '?',
                Token::Literal(character) => character,
            })
            .collect(),
    )
}

fn tokens(pattern: &str, context: &Context) -> Option<Vec<Token>> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        if let Some((variable, after)) = rest.strip_prefix("${").and_then(|rest| rest.split_once('}')) {
            tokens.extend(variable_value(variable, context)?.chars().map(Token::Literal));
            rest = after;
            continue;
        }
        tokens.push(match character {
            '*' => Token::Any,
            '?' => Token::One,
            other => Token::Literal(other),
        });
        rest = &rest[character.len_utf8()..];
    }
    Some(tokens)
}

/// `${*}`, `${?}` and `${$}` are the characters themselves; `${key, 'default'}` has a default.
fn variable_value(variable: &str, context: &Context) -> Option<String> {
    if matches!(variable, "*" | "?" | "$") {
        return Some(variable.to_owned());
    }
    let (key, default) = match variable.split_once(',') {
        Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\'').to_owned())),
        None => (variable, None),
    };
    match context.get(key) {
        Some([value]) => Some(value.clone()),
        _ => default,
    }
}

/// Greedy matching with one point to go back to: linear in practice, quadratic at worst.
fn matches(pattern: &[Token], text: &[char]) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while position < text.len() {
        match pattern.get(at) {
            Some(Token::Any) => {
                retry = Some((at + 1, position));
                at += 1;
            }
            Some(Token::One) => {
                at += 1;
                position += 1;
            }
            Some(Token::Literal(character)) if *character == text[position] => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((after_star, taken)) = retry else { return false };
                retry = Some((after_star, taken + 1));
                at = after_star;
                position = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|token| *token == Token::Any)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, which backtracks: what the fast matcher is held against.
    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some(b'*'), _) => {
                by_definition(&pattern[1..], text) || (!text.is_empty() && by_definition(pattern, &text[1..]))
            }
            (Some(b'?'), Some(_)) => by_definition(&pattern[1..], &text[1..]),
            (Some(expected), Some(found)) => expected == found && by_definition(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matches_as_the_definition_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            prop_assert_eq!(
                glob(&pattern, &text, &Context::new()),
                by_definition(pattern.as_bytes(), text.as_bytes())
            );
        }

        #[test]
        fn a_text_without_wildcards_matches_itself_alone(text in "[a-z:/]{0,12}", other in "[a-z:/]{0,12}") {
            prop_assert!(glob(&text, &text, &Context::new()));
            prop_assert_eq!(glob(&text, &other, &Context::new()), text == other);
        }
    }

    #[test]
    fn a_star_in_arn_like_stays_within_its_part() {
        let context = Context::new();
        assert!(arn_glob("arn:aws:ecs:eu-central-1:1:*", "arn:aws:ecs:eu-central-1:1:task/a:b", &context));
        assert!(!arn_glob("arn:aws:ecs:*", "arn:aws:ecs:eu-central-1:1:task/a", &context));
        assert!(!arn_glob("arn:aws:*:1:x", "arn:aws:ecs:eu-central-1:1:x", &context));
    }

    #[test]
    fn variables_are_literal_and_must_be_there() {
        let context = Context::new().with("aws:userid", "a*");
        assert!(glob("x/${aws:userid}", "x/a*", &context));
        assert!(!glob("x/${aws:userid}", "x/ab", &context));
        assert!(!glob("x/${aws:nothing}", "x/", &context));
        assert!(glob("x/${aws:nothing, 'y'}${*}", "x/y*", &context));
    }
}
