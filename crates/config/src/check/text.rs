//! Texts that AWS, or somebody else, would refuse.

use longshore_model::{Fields, Name};

/// What a name is.
pub(super) const NAME: &str =
    "at most 63 letters, digits, hyphens and underscores, beginning with a letter or digit";

/// The name `field`, which is a key that people choose. A key that is no name is noted, and not read.
pub(super) fn name(fields: &mut Fields<'_>, field: &str) -> Option<Name> {
    let name = Name::new(field).ok();
    if name.is_none() {
        fields.skip(field);
        fields.problem(field, "is not a name", format!("must be {NAME}"));
    }
    name
}

/// A text that `accepts` accepts.
pub(super) fn accepted(
    fields: &mut Fields<'_>,
    field: &str,
    accepts: impl Fn(&str) -> bool,
    wanted: &str,
) -> Option<String> {
    let text = fields.text(field)?;
    if accepts(&text) {
        return Some(text);
    }
    fields.refuse(field, wanted);
    None
}

/// The URL of an HTTP server. One with a user's name or password is refused, and not repeated.
pub(super) fn url(fields: &mut Fields<'_>, field: &str) -> Option<String> {
    let wanted = "a URL such as http://127.0.0.1:4566";
    let text = fields.text(field)?;
    let address = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = address.map(|address| address.split(['/', '?', '#']).next().unwrap_or_default());
    if host.is_some_and(|host| host.contains('@')) {
        fields.problem(field, "found a URL with a user name", "must be a URL without credentials");
        return None;
    }
    accepted(
        fields,
        field,
        |text| host.is_some_and(|host| !host.is_empty()) && !text.contains(char::is_whitespace),
        wanted,
    )
}

/// Whether `text` has 1 to `length` characters, each an ASCII letter, a digit or one of `others`.
pub(super) fn consists_of(text: &str, others: &str, length: usize) -> bool {
    (1..=length).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// Each of `items` in backquotes.
pub(super) fn listed<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| format!("`{item}`")).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
