//! The short words of a service that declares none.

use serde_json::{Map, Value, json};

use super::Deployment;

/// The days that container logs are kept.
pub(super) const RETENTION_DAYS: u32 = 30;

/// Returns the defaults of a service with the table `service`.
pub(crate) fn defaults(service: &Map<String, Value>) -> Vec<(Vec<String>, Value)> {
    let mut found = Vec::new();
    let mut set = |path: &[&str], value: Value| {
        found.push((path.iter().map(|&part| part.to_owned()).collect(), value));
    };
    set(&["launch-type"], json!("fargate"));
    set(&["architecture"], json!("amd64"));
    set(&["execute-command"], json!(false));
    let rollout = Deployment::default();
    set(&["deployment", "minimum-healthy-percent"], json!(rollout.minimum_healthy_percent));
    set(&["deployment", "maximum-percent"], json!(rollout.maximum_percent));
    set(&["deployment", "timeout"], json!(format!("{}m", rollout.timeout.as_secs() / 60)));
    set(&["deployment", "circuit-breaker"], json!(rollout.circuit_breaker));
    set(&["deployment", "rollback"], json!(rollout.rollback));
    set(&["deployment", "keep-revisions"], json!(rollout.keep_revisions));
    if service.get("logs") != Some(&json!(false)) {
        set(&["logs", "retention-days"], json!(RETENTION_DAYS));
    }
    let role = service.get("execution-role").and_then(Value::as_object);
    // A role that is there already is used as it is.
    if role.is_none_or(|role| !role.contains_key("managed-policies") && !role.contains_key("arn")) {
        let policy = json!("service-role/AmazonECSTaskExecutionRolePolicy");
        set(&["execution-role", "managed-policies", "ecs-task-execution"], policy);
    }
    for (container, declared) in service.get("containers").and_then(Value::as_object).into_iter().flatten() {
        if declared.is_object() {
            set(&["containers", container, "essential"], json!(true));
        }
    }
    found
}
