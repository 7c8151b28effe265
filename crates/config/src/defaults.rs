//! The lowest layer: what holds where nobody says otherwise.

use longshore_model::{join_key, split_key};
use serde_json::{Map, Value, json};

use crate::{Origin, layers::Layer, merge::Merged};

/// The hosts that credential sources stand for.
pub(crate) const HOSTS: [(&str, &str); 3] =
    [("dockerhub", "docker.io"), ("ghcr", "ghcr.io"), ("gitlab", "registry.gitlab.com")];

/// The deployer of services that name none.
pub(crate) const DEPLOYER: &str = "ecs";

/// How long container logs are kept, in days.
pub(crate) const DEFAULT_RETENTION_DAYS: u32 = 30;

/// The keys of a service that can stand in the outermost table, for all services.
const FOR_ALL_SERVICES: [(&str, &str); 2] = [("cluster", "default"), ("service-name", "{service}")];

/// The defaults for everything that `merged`, the layers above, declares.
pub(crate) fn layer(merged: &Merged) -> Layer {
    let above = &merged.values;
    let mut layer = Layer::new("defaults");
    for (service, _) in tables("", above, "services") {
        for (field, default) in FOR_ALL_SERVICES {
            let (value, origin) = match above.get(field).filter(|value| value.is_string()) {
                Some(value) => (value.clone(), merged.origin(field).unwrap_or(&Origin::Default)),
                None => (json!(default), &Origin::Default),
            };
            layer.insert(&split_key(&join_key(&service, field)), value, origin);
        }
    }
    let mut set = |key: &str, value: Value| {
        layer.insert(&split_key(key), value, &Origin::Default);
    };
    set("stores.default.use", json!("secretsmanager"));
    for (key, registry) in tables("", above, "registries") {
        set(&format!("{key}.store"), json!("default"));
        let source = registry.get("use").and_then(Value::as_str);
        if let Some((_, host)) = HOSTS.iter().find(|(name, _)| Some(*name) == source) {
            set(&format!("{key}.host"), json!(host));
        }
    }
    for (key, service) in tables("", above, "services") {
        for (field, value) in [
            ("use", json!(DEPLOYER)),
            ("launch-type", json!("fargate")),
            ("architecture", json!("amd64")),
            ("execute-command", json!(false)),
            ("execution-role.use", json!("iam")),
            ("deployment.minimum-healthy-percent", json!(100)),
            ("deployment.maximum-percent", json!(200)),
            ("deployment.timeout", json!("15m")),
            ("deployment.circuit-breaker", json!(true)),
            ("deployment.rollback", json!(true)),
        ] {
            set(&format!("{key}.{field}"), value);
        }
        if service.get("logs") != Some(&json!(false)) {
            set(&format!("{key}.logs.retention-days"), json!(DEFAULT_RETENTION_DAYS));
        }
        if service.get("load-balancer").is_some_and(Value::is_object) {
            set(&format!("{key}.load-balancer.use"), json!("target-group"));
        }
        let role = |key: &'static str| at(service, &["execution-role", key]);
        // A role that is there already is used as it is.
        if role("managed-policies").is_none() && role("arn").is_none() {
            let policy = json!("service-role/AmazonECSTaskExecutionRolePolicy");
            set(&format!("{key}.execution-role.managed-policies.ecs-task-execution"), policy);
        }
        let containers = tables(&key, service, "containers");
        for (key, _) in &containers {
            set(&format!("{key}.essential"), json!(true));
        }
        for (key, container) in [(key, service)].into_iter().chain(containers) {
            for (key, secret) in tables(&key, container, "secrets") {
                if secret.contains_key("value") && !secret.contains_key("arn") {
                    set(&format!("{key}.store"), json!("default"));
                }
            }
        }
    }
    layer
}

/// The tables in the table `field` of the table at `key`, with their dotted keys.
fn tables<'a>(
    key: &str,
    table: &'a Map<String, Value>,
    field: &str,
) -> Vec<(String, &'a Map<String, Value>)> {
    let key = join_key(key, field);
    let inner = table.get(field).and_then(Value::as_object);
    let inner = inner.into_iter().flatten();
    inner.filter_map(|(name, value)| Some((join_key(&key, name), value.as_object()?))).collect()
}

fn at<'a>(table: &'a Map<String, Value>, [first, second]: &[&str; 2]) -> Option<&'a Value> {
    table.get(*first)?.as_object()?.get(*second)
}
