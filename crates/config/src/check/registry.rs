//! `[registries.NAME]`

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::{ContainerRegistry, Fields, ImageReference, Name, Store, closest};
use serde_json::Value;

use super::{
    Named, PluginKind, Plugins, named,
    text::{accepted, consists_of, listed, url},
};
use crate::defaults::HOSTS;

/// All registries.
pub(super) struct Registries {
    /// Those that could be read.
    pub(super) declared: Named<ContainerRegistry>,
    /// The hosts, also of those that are wrong in another way. Those that are removed have none.
    pub(super) hosts: BTreeMap<Name, String>,
    /// Those that are declared only so that what was made for them can be revoked.
    pub(super) removed: BTreeSet<Name>,
}

/// Reads all registries. The store of each is one of `stores`.
pub(super) fn read_all(fields: &mut Fields<'_>, stores: &Named<Store>, plugins: &Plugins) -> Registries {
    let (mut hosts, mut removed) = (BTreeMap::new(), BTreeSet::new());
    let declared = named(fields, "registries", |name, fields| {
        let source = Plugins::name(fields, "ghcr");
        let host = host(fields);
        let is_removed = fields.flag("removed").unwrap_or_default();
        if is_removed {
            removed.insert(name.clone());
        } else {
            hosts.extend(host.clone().map(|host| (name.clone(), host)));
        }
        Some(ContainerRegistry { removed: is_removed, ..read(source, host, fields, stores, plugins)? })
    });
    check_hosts(&hosts, fields);
    Registries { declared, hosts, removed }
}

fn read(
    source: Option<String>,
    host: Option<String>,
    fields: &mut Fields<'_>,
    stores: &Named<Store>,
    plugins: &Plugins,
) -> Option<ContainerRegistry> {
    let endpoint = url(fields, "endpoint");
    let insecure = fields.flag("insecure").unwrap_or_default();
    if insecure && fields.has("endpoint") {
        let help = "remove insecure: the endpoint's http:// or https:// says how the registry is reached";
        fields.problem("insecure", "is set beside endpoint", help);
    }
    let ca_file = fields.path("ca-file");
    let store = stores.reference(fields, "store", "store");
    let secret_name = accepted(
        fields,
        "secret-name",
        is_secret_name,
        "at most 512 letters, digits and /_+=.@-, and must not end like an ARN, in a hyphen and six characters",
    );
    let protect = fields.flag("protect").unwrap_or_default();
    let source = plugins.options(PluginKind::CredentialSource, source, fields);
    Some(ContainerRegistry {
        host: host?,
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

/// The host, as image references have it.
fn host(fields: &mut Fields<'_>) -> Option<String> {
    if !fields.has("host") {
        fields.skip("host");
        // Without `use`, or where it is mistyped, there is an error already, and perhaps a default once it is right.
        let sources = HOSTS.map(|(source, _)| source);
        let used = fields.peek("use").and_then(Value::as_str);
        if used.is_some_and(|used| closest(used, sources).is_none()) {
            let known = listed(sources);
            let help = format!(
                "set it as it stands in image references, such as \"registry.example.com:5050\"; only {known} imply one"
            );
            fields.problem("host", "is missing", help);
        }
        return None;
    }
    let text = fields.text("host")?;
    let image = format!("{text}/a/b").parse::<ImageReference>().ok();
    // A text that names no host would be taken as part of a repository on Docker Hub.
    let image = image.filter(|image| image.repository() == "a/b");
    if image.as_ref().is_some_and(ImageReference::is_ecr) {
        let help = "remove the registry: the execution role itself pulls from Amazon ECR";
        fields.problem("host", format!("found \"{text}\", which needs no credential"), help);
        return None;
    }
    if image.is_none() {
        fields
            .refuse("host", "a host as it stands in image references, such as \"registry.example.com:5050\"");
    }
    Some(image?.host().to_owned())
}

/// Secrets Manager's characters (API reference, `CreateSecret`). It advises against a name that ends like the suffix
/// of an ARN: looked up by name, such a secret may be taken for another one.
fn is_secret_name(text: &str) -> bool {
    let looks_like_an_arn = text.len() > 7
        && text.as_bytes()[text.len() - 7] == b'-'
        && text.bytes().rev().take(6).all(|byte| byte.is_ascii_alphanumeric());
    consists_of(text, "/_+=.@-", 512) && !looks_like_an_arn
}

/// An image finds its registry by its host, so two registries cannot share one.
fn check_hosts(hosts: &BTreeMap<Name, String>, fields: &Fields<'_>) {
    let mut names = BTreeMap::new();
    for (name, host) in hosts {
        if let Some(first) = names.insert(host, name) {
            fields.problem_below(
                &["registries", name.as_str(), "host"],
                format!("`{host}` is the host of `registries.{first}` and of `registries.{name}`"),
                "keep one of them: an image finds its credential by the host",
            );
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
