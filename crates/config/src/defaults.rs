//! The lowest layer: the defaults.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    Origin,
    layers::{Deployers, Layer},
    merge::Merged,
};

/// The deployer of services that name none.
const DEPLOYER: &str = "ecs";

/// The keys of a service that can stand in the outermost table, for all services.
const FOR_ALL_SERVICES: [(&str, &str); 2] = [("cluster", "default"), ("service-name", "{service}")];

/// Returns the name of the deployer of a service.
pub(crate) fn deployer_of(service: &Map<String, Value>) -> &str {
    service.get("use").and_then(Value::as_str).unwrap_or(DEPLOYER)
}

/// The defaults for everything that `merged`, the layers above, declares.
pub(crate) fn layer(
    merged: &Merged,
    deployers: &Deployers<'_>,
    hosts: &BTreeMap<&'static str, &'static str>,
) -> Layer {
    let above = &merged.values;
    let mut layer = Layer::default();
    let for_all: Vec<_> = FOR_ALL_SERVICES
        .iter()
        .map(|(field, default)| match above.get(*field).filter(|value| value.is_string()) {
            Some(value) => (*field, value.clone(), merged.origin(field).unwrap_or(&Origin::Default)),
            None => (*field, json!(default), &Origin::Default),
        })
        .collect();
    let mut set = |path: &[&str], value: Value| layer.insert(path, value, &Origin::Default);
    set(&["stores", "default", "use"], json!("secretsmanager"));
    for (name, registry) in tables(above, "registries") {
        set(&["registries", name, "store"], json!("default"));
        let source = registry.get("use").and_then(Value::as_str);
        if let Some(host) = source.and_then(|source| hosts.get(source)) {
            set(&["registries", name, "host"], json!(host));
        }
    }
    for (name, service) in tables(above, "services") {
        for (field, value, origin) in &for_all {
            layer.insert(&["services", name, field], value.clone(), origin);
        }
        of_service(name, service, &mut layer);
        for (path, value) in deployers(deployer_of(service)).defaults.into_iter().flat_map(|of| of(service)) {
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            layer.insert(&[&["services", name], &path[..]].concat(), value, &Origin::Default);
        }
    }
    layer
}

/// Adds the defaults of the service `name` that all deployers share.
fn of_service(name: &str, service: &Map<String, Value>, layer: &mut Layer) {
    let mut set = |path: &[&str], value: Value| {
        let path = [&["services", name], path].concat();
        layer.insert(&path, value, &Origin::Default);
    };
    set(&["use"], json!(DEPLOYER));
    set(&["execution-role", "use"], json!("iam"));
    if service.get("load-balancer").is_some_and(Value::is_object) {
        set(&["load-balancer", "use"], json!("target-group"));
    }
    let is_written =
        |secret: &Map<String, Value>| secret.contains_key("value") && !secret.contains_key("arn");
    for (secret, _) in tables(service, "secrets").filter(|(_, secret)| is_written(secret)) {
        set(&["secrets", secret, "store"], json!("default"));
    }
    for (container, declared) in tables(service, "containers") {
        for (secret, _) in tables(declared, "secrets").filter(|(_, secret)| is_written(secret)) {
            set(&["containers", container, "secrets", secret, "store"], json!("default"));
        }
    }
}

/// The tables in the table `field` of `table`, by name.
fn tables<'a>(
    table: &'a Map<String, Value>,
    field: &str,
) -> impl Iterator<Item = (&'a str, &'a Map<String, Value>)> {
    let inner = table.get(field).and_then(Value::as_object);
    inner.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), value.as_object()?)))
}
