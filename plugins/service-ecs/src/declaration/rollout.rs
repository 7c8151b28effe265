//! The short words `deployment` and `logs`.

use longshore_model::{Fields, consists_of};
use serde_json::Value;

use super::{Deployment, LogRemoval, Logs, defaults};
use crate::log_group::RETENTION_DAYS;

/// Reads how new revisions of a service are rolled out.
pub(super) fn read(fields: &mut Fields<'_>) -> Deployment {
    let minimum_healthy_percent = fields.number("minimum-healthy-percent", 0..=100);
    let maximum_percent = fields.number("maximum-percent", 100..=200);
    let timeout = fields.time("timeout");
    let circuit_breaker = fields.flag("circuit-breaker");
    let rollback = fields.flag("rollback");
    // The one that runs, and one to go back to.
    let keep_revisions = fields.number("keep-revisions", 2..=1_000_000);
    let default = Deployment::default();
    Deployment {
        minimum_healthy_percent: minimum_healthy_percent.unwrap_or(default.minimum_healthy_percent),
        maximum_percent: maximum_percent.unwrap_or(default.maximum_percent),
        circuit_breaker: circuit_breaker.unwrap_or(default.circuit_breaker),
        rollback: rollback.unwrap_or(default.rollback),
        timeout: timeout.unwrap_or(default.timeout),
        keep_revisions: keep_revisions.unwrap_or(default.keep_revisions),
    }
}

/// Notes when ECS could neither stop a task nor start one. Only ECS knows the number of tasks if the count is not
/// declared.
pub(super) fn check_room(fields: &Fields<'_>, deployment: &Deployment, desired_count: Option<u32>) {
    let (least, most) = (deployment.minimum_healthy_percent, deployment.maximum_percent);
    if (least, most) == (100, 100) {
        let help = "ECS could neither start a task nor stop one: set maximum-percent above 100, or minimum-healthy-percent below";
        fields.problem("maximum-percent", "is 100, as minimum-healthy-percent is", help);
        return;
    }
    let Some(desired) = desired_count.filter(|desired| !deployment.has_room(*desired)) else { return };
    let (stay, run) = deployment.bounds(desired);
    let tasks = if desired == 1 { "its one task".to_owned() } else { format!("its {desired} tasks") };
    fields.problem(
        "maximum-percent",
        format!("is {most}, and with minimum-healthy-percent {least} no rollout gets under way"),
        format!(
            "of {tasks}, {stay} must stay and {run} may run, so that ECS could neither stop one nor start one: set \
             maximum-percent to 200, or minimum-healthy-percent to 0"
        ),
    );
}

/// Reads `logs`, which is a table, or false.
pub(super) fn logs(fields: &mut Fields<'_>) -> Option<Logs> {
    let default =
        || Logs { group: None, retention_days: defaults::RETENTION_DAYS, removal: LogRemoval::default() };
    match fields.peek("logs") {
        None => {
            fields.skip("logs");
            return Some(default());
        }
        Some(Value::Bool(on)) => {
            fields.skip("logs");
            return on.then(default);
        }
        Some(Value::Object(_)) => {}
        Some(_) => {
            fields.skip("logs");
            fields.refuse("logs", "a table, or true or false");
            return None;
        }
    }
    fields.table("logs", |fields| {
        // CloudWatch Logs API reference, `CreateLogGroup`.
        let group = fields.accepted(
            "group",
            |text| consists_of(text, "_-/.#", 512),
            "at most 512 letters, digits and _-/.#, such as \"/longshore/api\"",
        );
        let retention_days =
            fields.number("retention-days", 1..=u32::MAX).unwrap_or(defaults::RETENTION_DAYS);
        if !RETENTION_DAYS.contains(&retention_days) {
            let days: Vec<_> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
            fields.problem(
                "retention-days",
                format!("found the number {retention_days}"),
                format!("CloudWatch Logs allows {}", days.join(", ")),
            );
        }
        let removals = [("keep", LogRemoval::Keep), ("delete", LogRemoval::Delete)];
        let removal = fields.choice("removal", &removals).unwrap_or_default();
        Some(Logs { group, retention_days, removal })
    })
}
