//! `[services.NAME.deployment]` and `logs`

use longshore_model::{Deployment, Fields, LogRemoval, Logs};
use serde_json::Value;

use crate::defaults::DEFAULT_RETENTION_DAYS;

use super::text::{accepted, consists_of};

/// Reads how new revisions of a service with so many tasks are rolled out.
pub(super) fn read(fields: &mut Fields<'_>, desired_count: Option<u32>) -> Option<Deployment> {
    let minimum_healthy_percent = fields.number("minimum-healthy-percent", 0..=100);
    let maximum_percent = fields.number("maximum-percent", 100..=200);
    let timeout = fields.time("timeout");
    let circuit_breaker = fields.flag("circuit-breaker");
    let rollback = fields.flag("rollback");
    let deployment = Deployment {
        minimum_healthy_percent: minimum_healthy_percent?,
        maximum_percent: maximum_percent?,
        circuit_breaker: circuit_breaker?,
        rollback: rollback?,
        timeout: timeout?,
    };
    check_room(fields, &deployment, desired_count);
    Some(deployment)
}

/// Notes when ECS could neither stop a task nor start one. How many tasks there are if the count is not declared, only ECS
/// knows.
fn check_room(fields: &Fields<'_>, deployment: &Deployment, desired_count: Option<u32>) {
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

/// The days that CloudWatch Logs can keep events (API reference, `PutRetentionPolicy`).
const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Reads `logs`, which is a table, or false.
pub(super) fn logs(fields: &mut Fields<'_>) -> Option<Logs> {
    match fields.peek("logs")? {
        Value::Bool(on) => {
            fields.skip("logs");
            let removal = LogRemoval::default();
            return on.then_some(Logs { group: None, retention_days: DEFAULT_RETENTION_DAYS, removal });
        }
        Value::Object(_) => {}
        _ => {
            fields.skip("logs");
            fields.refuse("logs", "a table, or true or false");
            return None;
        }
    }
    fields.table("logs", |fields| {
        // CloudWatch Logs API reference, `CreateLogGroup`.
        let group = accepted(
            fields,
            "group",
            |text| consists_of(text, "_-/.#", 512),
            "at most 512 letters, digits and _-/.#, such as \"/longshore/api\"",
        );
        let retention_days = fields.number("retention-days", 1..=u32::MAX)?;
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
