//! The settings of health checks.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::error::validation;
use crate::{ApiError, Call};

/// The health check of a target group.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HealthCheck {
    pub(super) protocol: String,
    /// `traffic-port`, or a number.
    pub(super) port: String,
    pub(super) path: String,
    pub(super) interval: u64,
    pub(super) timeout: u64,
    pub(super) healthy: u64,
    pub(super) unhealthy: u64,
    pub(super) matcher: String,
    /// True if the matcher has gRPC's codes.
    pub(super) is_grpc: bool,
}

impl HealthCheck {
    /// The defaults for a protocol version.
    pub(super) fn default_of(protocol_version: &str) -> Self {
        let is_grpc = protocol_version == "GRPC";
        Self {
            protocol: "HTTP".to_owned(),
            port: "traffic-port".to_owned(),
            path: if is_grpc { "/AWS.ALB/healthcheck" } else { "/" }.to_owned(),
            interval: 30,
            timeout: 5,
            healthy: 5,
            unhealthy: 2,
            matcher: if is_grpc { "12" } else { "200" }.to_owned(),
            is_grpc,
        }
    }

    /// The fields that the call changes.
    pub(super) fn changed(&self, call: &Call) -> Result<Self, ApiError> {
        if call.flag("HealthCheckEnabled") == Some(false) {
            return Err(validation(
                "Health check enabled must be true for target groups with target type 'ip' or 'instance'",
            ));
        }
        let mut changed = self.clone();
        if let Some(protocol) = call.text("HealthCheckProtocol") {
            if !matches!(protocol, "HTTP" | "HTTPS") {
                return Err(validation(format!("Health check protocol '{protocol}' is not supported")));
            }
            changed.protocol = protocol.to_owned();
        }
        if let Some(port) = call.text("HealthCheckPort") {
            if port != "traffic-port" && !port.parse::<u16>().is_ok_and(|port| port > 0) {
                return Err(validation(format!(
                    "Health check port '{port}' must be in range 1-65535 or traffic-port"
                )));
            }
            changed.port = port.to_owned();
        }
        if let Some(path) = call.text("HealthCheckPath") {
            if !path.starts_with('/') || path.len() > 1024 || path.chars().any(char::is_whitespace) {
                return Err(validation(format!(
                    "Health check path '{path}' must begin with a '/' character, must not contain spaces, and can be at most 1024 characters long"
                )));
            }
            changed.path = path.to_owned();
        }
        number(call, "HealthCheckIntervalSeconds", "interval", 5..=300, &mut changed.interval)?;
        number(call, "HealthCheckTimeoutSeconds", "timeout", 2..=120, &mut changed.timeout)?;
        number(call, "HealthyThresholdCount", "healthy threshold count", 2..=10, &mut changed.healthy)?;
        number(call, "UnhealthyThresholdCount", "unhealthy threshold count", 2..=10, &mut changed.unhealthy)?;
        if changed.timeout >= changed.interval {
            return Err(validation(format!(
                "Health check timeout '{}' must be smaller than the interval '{}'",
                changed.timeout, changed.interval
            )));
        }
        let code = |name: &str| call.input.get("Matcher").and_then(|matcher| matcher.get(name)?.as_str());
        let (given, other, bounds) = if self.is_grpc {
            (code("GrpcCode"), code("HttpCode"), 0..=99)
        } else {
            (code("HttpCode"), code("GrpcCode"), 200..=499)
        };
        if other.is_some() {
            return Err(validation("The matcher does not fit the protocol version of the target group"));
        }
        if let Some(matcher) = given {
            let is_sound = ranges(matcher).is_some_and(|ranges| {
                ranges
                    .iter()
                    .all(|(first, last)| first <= last && bounds.contains(first) && bounds.contains(last))
            });
            if !is_sound {
                return Err(validation(format!(
                    "Health check matcher code '{matcher}' must be within '{}-{}' inclusive",
                    bounds.start(),
                    bounds.end()
                )));
            }
            changed.matcher = matcher.to_owned();
        }
        Ok(changed)
    }

    /// Returns true if the HTTP status of a container passes the check. A container that works answers gRPC's checks, too.
    pub(super) fn accepts(&self, status: u16) -> bool {
        if self.is_grpc {
            return status == 200;
        }
        let ranges = ranges(&self.matcher).unwrap_or_default();
        ranges.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }
}

/// The ranges of a matcher such as `200,202-204`.
fn ranges(matcher: &str) -> Option<Vec<(u16, u16)>> {
    matcher
        .split(',')
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
        })
        .collect()
}

fn number(
    call: &Call,
    member: &str,
    name: &str,
    bounds: RangeInclusive<u64>,
    place: &mut u64,
) -> Result<(), ApiError> {
    if call.input.get(member).is_none_or(serde_json::Value::is_null) {
        return Ok(());
    }
    let number = call.number(member).and_then(|number| u64::try_from(number).ok());
    let number = number.filter(|number| bounds.contains(number)).ok_or_else(|| {
        let (least, most) = (bounds.start(), bounds.end());
        validation(format!("Health check {name} must be greater than or equal to '{least}' and less than or equal to '{most}'"))
    })?;
    *place = number;
    Ok(())
}
