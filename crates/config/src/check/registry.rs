//! `[registries.NAME]`

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::{
    ContainerRegistry, Fields, ImagePrefix, ImageReference, Name, Store, closest, consists_of,
};
use serde_json::Value;

use super::{
    Named, PluginKind, Plugins, named,
    text::{listed, url},
};

/// All registries.
pub(super) struct Registries {
    /// Those that could be read.
    pub(super) declared: Named<ContainerRegistry>,
    /// The image prefixes of all registries, also of those with other errors. Removed registries have no images.
    pub(super) prefixes: BTreeMap<Name, ImagePrefix>,
    /// Those that are declared only so that what was made for them can be revoked.
    pub(super) removed: BTreeSet<Name>,
}

/// Reads all registries. The store of each is one of `stores`.
pub(super) fn read_all(fields: &mut Fields<'_>, stores: &Named<Store>, plugins: &Plugins<'_>) -> Registries {
    let (mut prefixes, mut removed) = (BTreeMap::new(), BTreeSet::new());
    let declared = named(fields, "registries", |name, fields| {
        let source = Plugins::name(fields, "ghcr");
        let prefix = prefix(fields, plugins.hosts);
        let is_removed = fields.flag("removed").unwrap_or_default();
        if is_removed {
            removed.insert(name.clone());
        } else {
            prefixes.extend(prefix.clone().map(|prefix| (name.clone(), prefix)));
        }
        Some(ContainerRegistry { removed: is_removed, ..read(source, prefix, fields, stores, plugins)? })
    });
    check_prefixes(&prefixes, fields);
    check_access(&declared, fields);
    Registries { declared, prefixes, removed }
}

impl Registries {
    /// The registry whose images begin like `image` for the longest.
    pub(super) fn of(&self, image: &ImageReference) -> Option<&Name> {
        let covering = self.prefixes.iter().filter(|(_, prefix)| prefix.covers(image));
        covering.max_by_key(|(_, prefix)| prefix.path().len()).map(|(name, _)| name)
    }
}

fn read(
    source: Option<String>,
    prefix: Option<ImagePrefix>,
    fields: &mut Fields<'_>,
    stores: &Named<Store>,
    plugins: &Plugins<'_>,
) -> Option<ContainerRegistry> {
    let endpoint = url(fields, "endpoint");
    let insecure = fields.flag("insecure").unwrap_or_default();
    if insecure && fields.has("endpoint") {
        let help = "remove insecure: the endpoint's http:// or https:// says how the registry is reached";
        fields.problem("insecure", "is set beside endpoint", help);
    }
    let ca_file = fields.path("ca-file");
    let store = stores.reference(fields, "store", "store");
    let secret_name = fields.accepted("secret-name",
        is_secret_name,
        "at most 512 letters, digits and /_+=.@-, and must not end like an ARN, in a hyphen and six characters",
    );
    let protect = fields.flag("protect").unwrap_or_default();
    let source = plugins.options(PluginKind::CredentialSource, source, fields);
    Some(ContainerRegistry {
        prefix: prefix?,
        endpoint,
        insecure,
        ca_file,
        source: source?,
        store: store?,
        secret_name,
        protect,
        removed: false,
    })
}

/// Reads the prefix of the registry's images: the option `host`.
fn prefix(fields: &mut Fields<'_>, hosts: &BTreeMap<&'static str, &'static str>) -> Option<ImagePrefix> {
    if !fields.has("host") {
        fields.skip("host");
        // Without `use`, or where it is mistyped, there is an error already, and perhaps a default once it is right.
        let sources = hosts.keys().copied();
        let used = fields.peek("use").and_then(Value::as_str);
        if used.is_some_and(|used| closest(used, sources.clone()).is_none()) {
            let known = listed(sources);
            let help = format!(
                "set it as it stands in image references, such as \"registry.example.com:5050\"; only {known} imply one"
            );
            fields.problem("host", "is missing", help);
        }
        return None;
    }
    let text = fields.text("host")?;
    let Ok(prefix) = text.parse::<ImagePrefix>() else {
        let accepted = "a host as it stands in image references, such as \"registry.example.com:5050\", or a host and the \
                        path of a part, such as \"quay.io/acme\"";
        fields.refuse("host", accepted);
        return None;
    };
    if format!("{prefix}/a").parse().is_ok_and(|image: ImageReference| image.is_ecr()) {
        let help = "remove the registry: the execution role itself pulls from Amazon ECR";
        fields.problem("host", format!("found \"{text}\", which needs no credential"), help);
        return None;
    }
    Some(prefix)
}

/// Secrets Manager's characters (API reference, `CreateSecret`). It advises against a name that ends like the suffix
/// of an ARN: looked up by name, such a secret may be taken for another one.
fn is_secret_name(text: &str) -> bool {
    let looks_like_an_arn = text.len() > 7
        && text.as_bytes()[text.len() - 7] == b'-'
        && text.bytes().rev().take(6).all(|byte| byte.is_ascii_alphanumeric());
    consists_of(text, "/_+=.@-", 512) && !looks_like_an_arn
}

/// An image finds its registry by its host and path, so two registries cannot share both.
fn check_prefixes(prefixes: &BTreeMap<Name, ImagePrefix>, fields: &Fields<'_>) {
    let mut names = BTreeMap::new();
    for (name, prefix) in prefixes {
        if let Some(first) = names.insert(prefix, name) {
            let help = match prefix.path() {
                "" => format!(
                    "keep one of them: an image finds its credential by the host; or give a credential for a part of the \
                     registry its path, as in host = \"{prefix}/acme\""
                ),
                _ => "keep one of them: an image finds its credential by host and path".to_owned(),
            };
            fields.problem_below(
                &["registries", name.as_str(), "host"],
                format!("`{prefix}` is the host of `registries.{first}` and of `registries.{name}`"),
                help,
            );
        }
    }
}

/// A host is reached in one way, by whichever of its registries. An endpoint has an access of its own.
fn check_access(registries: &Named<ContainerRegistry>, fields: &Fields<'_>) {
    let mut firsts: BTreeMap<&str, (&Name, &ContainerRegistry)> = BTreeMap::new();
    let reached = registries.read.iter().filter(|(_, one)| one.endpoint.is_none() && !one.removed);
    for (name, registry) in reached {
        let host = registry.prefix.host();
        let (first, other) = *firsts.entry(host).or_insert((name, registry));
        for (key, differs) in [
            ("insecure", registry.insecure != other.insecure),
            ("ca-file", registry.ca_file != other.ca_file),
        ] {
            if differs {
                fields.problem_below(
                    &["registries", name.as_str(), key],
                    format!("is not that of `registries.{first}`, which is at {host} too"),
                    "set it alike for both: a host is reached in one way",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_names_do_not_end_like_arns() {
        for good in
            ["githubContainerRegistryAccess", "a/b_c+d=e.f@g-h", "stack-token1-x", "-AbCdEf", "stack-a_cdef"]
        {
            assert!(is_secret_name(good), "{good}");
        }
        for bad in ["", "a b", "ghcr-AbCdEf", "my-secret", "ü", &"a".repeat(513)] {
            assert!(!is_secret_name(bad), "{bad}");
        }
    }
}
