//! The names that Secrets Manager accepts (API reference, CreateSecret, `Name`).

use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Result, SecretSpec};

/// The longest name.
const LIMIT: usize = 512;

/// The characters that a name may consist of.
pub(crate) const ALLOWED: &str = "ASCII letters, digits and /_+=.@- are allowed";

/// The name of a secret: the configured one, or the prefix and the path.
pub(crate) fn of(prefix: &str, secret: &SecretSpec) -> Result<String> {
    let name = match &secret.name {
        Some(name) => name.clone(),
        None => format!("{prefix}{}", secret.path),
    };
    let invalid = |message: String, help: &str| Err(Failure::new(FailureKind::Invalid, message).help(help));
    if let Err(reason) = check_characters(&name) {
        return invalid(format!("`{name}` cannot be the name of a secret: {reason}"), ALLOWED);
    }
    if name.is_empty() || name.len() > LIMIT {
        return invalid(
            format!("the name of a secret has {} characters", name.len()),
            "Secrets Manager allows 1 to 512: set a shorter `secret-name` for the registry, or another `prefix` for \
             the store",
        );
    }
    if ends_like_an_arn(&name) {
        return invalid(
            format!(
                "the secret name `{name}` ends in a hyphen and six characters, as the ARN of a secret does"
            ),
            "AWS mistakes such a name for an ARN when it looks a secret up: set another `secret-name` for the registry",
        );
    }
    Ok(name)
}

/// Returns true if all characters are allowed; otherwise the first that is not.
pub(crate) fn check_characters(text: &str) -> std::result::Result<(), String> {
    match text.chars().find(|c| !c.is_ascii_alphanumeric() && !"/_+=.@-".contains(*c)) {
        Some(found) => Err(format!("the character `{found}` is not allowed")),
        None => Ok(()),
    }
}

/// AWS's advice: "Do not end your secret name with a hyphen followed by six characters."
fn ends_like_an_arn(name: &str) -> bool {
    name.rsplit_once('-')
        .is_some_and(|(_, end)| end.len() == 6 && end.chars().all(|c| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Result<String> {
        of("longshore/", &SecretSpec { name: Some(name.to_owned()), ..SecretSpec::default() })
    }

    #[test]
    fn the_prefix_stands_before_the_path_but_not_before_a_configured_name() {
        let path = SecretSpec { path: "shop/ghcr/pull".into(), ..SecretSpec::default() };
        assert_eq!(of("longshore/", &path).unwrap(), "longshore/shop/ghcr/pull");
        assert_eq!(named("githubContainerRegistryAccess").unwrap(), "githubContainerRegistryAccess");
    }

    #[test]
    fn what_aws_refuses_or_mistakes_is_refused() {
        let failures: Vec<_> = ["a b", "", &"a".repeat(513), "shop/pull-AbC123", "shop/ä"]
            .into_iter()
            .map(|name| named(name).unwrap_err().to_string())
            .collect();
        insta::assert_snapshot!(failures.join("\n"));
        for good in ["shop-pull", "shop/pull-1234567", "a@b+c=d._-", "pull-token!"] {
            assert_eq!(named(good).is_ok(), !good.ends_with('!'), "{good}");
        }
    }
}
