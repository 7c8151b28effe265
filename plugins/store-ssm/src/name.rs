//! The names that Parameter Store accepts (user guide, "Requirements and constraints for parameter names").

use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Result, SecretSpec};

/// The longest name.
const LIMIT: usize = 1011;

/// The most levels of a hierarchy.
const LEVELS: usize = 15;

/// The name of a parameter: the configured one, or the prefix and the path.
pub(crate) fn of(prefix: &str, secret: &SecretSpec) -> Result<String> {
    let name = match &secret.name {
        Some(name) => name.clone(),
        None => format!("{prefix}{}", secret.path),
    };
    let invalid = |message: String, help: &str| Err(Failure::new(FailureKind::Invalid, message).help(help));
    let levels = name.trim_start_matches('/').split('/').count();
    if name.len() > LIMIT || levels > LEVELS {
        return invalid(
            format!("the name of a parameter has {} characters and {levels} levels", name.len()),
            "Parameter Store allows 1,011 characters and 15 levels: set a shorter `prefix` of the store",
        );
    }
    match check(&name) {
        Ok(()) => Ok(name),
        Err(why) => invalid(
            format!("`{name}` cannot be the name of a parameter: it {why}"),
            "set another `prefix` of the store",
        ),
    }
}

/// Returns true if names that begin with `prefix` are allowed.
pub(crate) fn check_prefix(prefix: &str) -> std::result::Result<(), &'static str> {
    check(&format!("{prefix}x"))
}

fn check(name: &str) -> std::result::Result<(), &'static str> {
    let inner = name.strip_prefix('/').unwrap_or(name);
    let begins = |word: &str| inner.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if !inner.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c)) {
        return Err("has other characters than letters, digits and ._-/");
    }
    if inner.split('/').any(str::is_empty) {
        return Err("has an empty level");
    }
    if begins("aws") || begins("ssm") {
        return Err("begins with `aws` or `ssm`, which AWS keeps for itself");
    }
    if inner.contains('/') && !name.starts_with('/') {
        return Err("is a path that does not begin with a slash");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Result<String> {
        of("/longshore/", &SecretSpec { name: Some(name.to_owned()), ..SecretSpec::default() })
    }

    #[test]
    fn the_prefix_stands_before_the_path_but_not_before_a_configured_name() {
        let path = SecretSpec { path: "shop/api/api/DATABASE_URL".into(), ..SecretSpec::default() };
        assert_eq!(of("/longshore/", &path).unwrap(), "/longshore/shop/api/api/DATABASE_URL");
        assert_eq!(of("", &SecretSpec { path: "x".into(), ..SecretSpec::default() }).unwrap(), "x");
        assert_eq!(named("/by/hand").unwrap(), "/by/hand");
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        let long = format!("/{}", "a".repeat(LIMIT));
        let deep = "/a".repeat(16);
        let failures = ["", "a b", "a/b", "//a", "/a/", "/AWS/x", "ssm-x", &long, &deep]
            .map(|name| named(name).unwrap_err().to_string());
        insta::assert_snapshot!(failures.join("\n"));
    }
}
