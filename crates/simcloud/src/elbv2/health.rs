//! The health of targets.

use std::time::Duration;

use serde_json::{Value, json};

use super::state::{Elbv2, Target, TargetGroup, TargetKey};
use crate::Moment;

/// The state of a target.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html#target-health-states>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its health checks have not come to an end until the moment.
    Initial(Moment),
    Healthy,
    /// It fails its health checks, for the reason in AWS's words.
    Unhealthy(String),
    /// No load balancer sends anything to its group.
    Unused,
    /// It is deregistered, and finishes what it has begun.
    Draining,
}

impl TargetGroup {
    fn state(&self, target: &Target, is_in_use: bool, now: Moment) -> State {
        if target.drained.is_some() {
            return State::Draining;
        }
        if !is_in_use {
            return State::Unused;
        }
        let check = &self.health_check;
        let failure = match target.status {
            Some(status) if check.accepts(status) => None,
            Some(status) => Some(format!("Health checks failed with these codes: [{status}]")),
            None => Some("Request timed out".to_owned()),
        };
        // After it was registered, a target must pass one health check.
        let checks = if failure.is_none() { 1 } else { check.unhealthy };
        let known = target.checked + Duration::from_secs(check.interval * checks);
        match failure {
            _ if now < known => State::Initial(known),
            None => State::Healthy,
            Some(failure) => State::Unhealthy(failure),
        }
    }

    /// The time for which deregistered targets drain.
    pub(crate) fn deregistration_delay(&self) -> Duration {
        let seconds = self.attributes.get("deregistration_delay.timeout_seconds");
        Duration::from_secs(seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(300))
    }

    pub(super) fn forget_drained(&mut self, now: Moment) {
        self.targets.retain(|target| target.drained.is_none_or(|drained| drained > now));
    }

    pub(super) fn describe_health(&mut self, is_in_use: bool, now: Moment) -> Vec<(TargetKey, Value)> {
        self.forget_drained(now);
        let health = |target: &Target| {
            let (state, reason, description) = match self.state(target, is_in_use, now) {
                State::Initial(_) => (
                    "initial",
                    Some("Elb.InitialHealthChecking"),
                    Some("Initial health checks in progress".to_owned()),
                ),
                State::Healthy => ("healthy", None, None),
                State::Unhealthy(failure) => (
                    "unhealthy",
                    Some(if target.status.is_some() {
                        "Target.ResponseCodeMismatch"
                    } else {
                        "Target.Timeout"
                    }),
                    Some(failure),
                ),
                State::Unused => (
                    "unused",
                    Some("Target.NotInUse"),
                    Some(
                        "Target group is not configured to receive traffic from the load balancer".to_owned(),
                    ),
                ),
                State::Draining => (
                    "draining",
                    Some("Target.DeregistrationInProgress"),
                    Some("Target deregistration is in progress".to_owned()),
                ),
            };
            let port = if self.health_check.port == "traffic-port" {
                target.key.port.to_string()
            } else {
                self.health_check.port.clone()
            };
            json!({
                "Target": { "Id": target.key.id, "Port": target.key.port, "AvailabilityZone": target.zone },
                "HealthCheckPort": port,
                "TargetHealth": { "State": state, "Reason": reason, "Description": description },
            })
        };
        self.targets.iter().map(|target| (target.key.clone(), health(target))).collect()
    }
}

impl Elbv2 {
    /// The state of a target. `None` if the group does not have it.
    pub(crate) fn state_of(&self, group: &str, target: &TargetKey, now: Moment) -> Option<State> {
        let found = self.target_groups.get(group)?;
        let target = found.targets.iter().find(|known| known.key == *target)?;
        Some(found.state(target, !self.load_balancers_of(group).is_empty(), now))
    }

    /// Registers a target. Returns false if the group is gone.
    pub(crate) fn register(
        &mut self,
        group: &str,
        key: TargetKey,
        zone: Option<String>,
        status: Option<u16>,
        now: Moment,
    ) -> bool {
        let Some(group) = self.target_groups.get_mut(group) else { return false };
        group.forget_drained(now);
        match group.targets.iter_mut().find(|target| target.key == key) {
            Some(target) if target.drained.is_none() => target.status = status,
            Some(target) => *target = Target { key, zone, status, checked: now, drained: None },
            None => group.targets.push(Target { key, zone, status, checked: now, drained: None }),
        }
        true
    }

    /// Deregisters a target, which drains. Returns true if it was registered.
    pub(crate) fn deregister(&mut self, group: &str, key: &TargetKey, now: Moment) -> bool {
        let Some(group) = self.target_groups.get_mut(group) else { return false };
        let drained = now + group.deregistration_delay();
        let found = group.targets.iter_mut().find(|target| target.key == *key && target.drained.is_none());
        let Some(target) = found else { return false };
        target.drained = Some(drained);
        group.forget_drained(now);
        true
    }

    /// Begins the health checks of a group's targets anew: its checks have changed, or it has come into use.
    pub(super) fn check_again(&mut self, group: &str, now: Moment) {
        if let Some(group) = self.target_groups.get_mut(group) {
            for target in &mut group.targets {
                target.checked = now;
            }
        }
    }
}
