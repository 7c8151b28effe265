//! Texts that AWS or another API would refuse.

use longshore_model::Fields;

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
    fields.accepted(
        field,
        |text| host.is_some_and(|host| !host.is_empty()) && !text.contains(char::is_whitespace),
        wanted,
    )
}

/// Each of `items` in backquotes.
pub(super) fn listed<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| format!("`{item}`")).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
