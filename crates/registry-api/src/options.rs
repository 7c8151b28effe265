//! The options that sources with an API have in common.

use longshore_model::{Fields, ImageReference, Options, holds_a_token};
use longshore_net::is_local;
use url::Url;

/// The host of the registry that the options are part of, as image references have it.
#[must_use]
pub fn registry_host(options: &Options) -> Option<String> {
    let image = format!("{}/a/b", options.taken_text("host")?).parse::<ImageReference>().ok()?;
    Some(image.host().to_owned())
}

/// Reads the option `username`. The name goes into a Basic header, where a colon would end it (RFC 7617).
pub fn read_username(fields: &mut Fields<'_>, example: &str) -> Option<String> {
    let name = fields.required_text("username", example)?;
    if holds_a_token(&name) {
        fields.problem("username", "looks like a token", "must be the user name that the token belongs to");
        return None;
    }
    if name.chars().any(|c| c == ':' || c.is_whitespace() || c.is_control()) {
        fields.refuse("username", "a user name, without white space and colons");
        return None;
    }
    Some(name)
}

/// Reads the option `field`, the URL below which an API is. Tokens go there, so it must be HTTPS, except on this
/// machine. The URL is not repeated where it may hold a password.
pub fn read_base(fields: &mut Fields<'_>, field: &str, example: &str) -> Option<Url> {
    let text = fields.text(field)?;
    let refuse = |message: &str| {
        fields.problem(field, message, format!("write it as in {example}"));
        None
    };
    let Ok(url) = Url::parse(&text) else { return refuse("is no URL") };
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must be without user name and password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("must end with its path");
    }
    match url.scheme() {
        "https" => Some(url),
        "http" if is_local(&url) => Some(url),
        "http" => refuse("is not encrypted, and tokens are sent there"),
        _ => refuse("must begin with https://"),
    }
}
