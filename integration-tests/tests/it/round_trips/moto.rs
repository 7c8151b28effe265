//! Data that moto does not keep, or not as AWS does, by name. Everything else is as at the simulated cloud.
//!
//! - The task definition of the PRIMARY deployment: it stays that of the service's creation (CONFORMANCE.md,
//!   `ecs:UpdateService`, another task definition). A plan takes that for a rollback, and says it again.
//! - The `deploymentConfiguration` of services (`ecs:CreateService`, a circuit breaker): a plan has nothing to hold its
//!   own against, and is silent.
//! - The index of tags: it names clusters and services that were deleted, and no log groups by AWS's type for them, so
//!   that those stay which nothing declares any more.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{Deployment, Service};
use longshore_engine::Plans;
use longshore_model::{FieldChange, Shown};

use super::{
    account::{Account, expect_nothing},
    change::Changes,
    declaration::Declaration,
    kept::services,
};

const TASK_DEFINITION: &str = "taskDefinition";

/// Checks that nothing would be done after `deployed`, but for what is not kept.
pub(super) async fn expect_nothing_else(account: &Account, plans: Plans, deployed: &Changes, when: &str) {
    let mut expected = Changes::default();
    for service in services(account).await {
        assert_eq!(service.deployment_configuration(), None, "moto keeps what it did not: {service:?}");
        let (primary, current) = (primary(&service), revision(service.task_definition().unwrap()));
        if primary != current {
            let change =
                FieldChange::new(TASK_DEFINITION, Some(Shown::text(primary)), Some(Shown::text(current)));
            expected.updated.insert(resource(&service), vec![change]);
        }
    }
    let has_new_revision = |changes: &[FieldChange]| changes.iter().any(|it| it.field == TASK_DEFINITION);
    let moved: Vec<_> = deployed.updated.iter().filter(|(_, changes)| has_new_revision(changes)).collect();
    let moved: Vec<_> = moved.into_iter().map(|(resource, _)| resource).collect();
    assert_eq!(expected.updated.keys().collect::<Vec<_>>(), moved, "{when}: what moto has of before");
    let (said, others): (Vec<_>, Vec<_>) =
        plans.values().partition(|plan| expected.updated.contains_key(&plan.resource));
    assert_eq!(Changes::of(said), expected, "{when}: what is said again");
    expect_nothing(others, when);
}

/// Returns the part of `there` that is taken back.
#[track_caller]
pub(super) fn taken_back(mut there: Changes) -> Changes {
    let is_said = |change: &&FieldChange| change.field.starts_with("deploymentConfiguration");
    let said: Vec<_> = there.updated.values().flatten().filter(is_said).collect();
    assert!(said.is_empty(), "what cannot be compared: {said:#?}");
    let is_group = |resource: &String| resource.starts_with("log group ");
    assert!(!there.deleted.iter().any(is_group), "what cannot be found: {there:#?}");
    there.created.retain(|resource| !is_group(resource));
    without_revisions(there)
}

/// Without revisions: a plan takes the one of the service's creation for what runs, and finds it as it was declared then.
pub(super) fn without_revisions(mut changes: Changes) -> Changes {
    changes.updated.retain(|resource, _| !resource.starts_with("task definition "));
    for changes in changes.updated.values_mut() {
        changes.retain(|change| change.field != TASK_DEFINITION);
    }
    changes
}

/// Returns the resources that are left when the stack is removed as `destroyed`.
pub(super) fn left(account: &Account, deployed: [&Declaration; 2], destroyed: &Declaration) -> Vec<String> {
    let mut groups: BTreeSet<_> =
        deployed.iter().flat_map(|declared| declared.groups(account.stack())).collect();
    for group in destroyed.groups(account.stack()) {
        groups.remove(&group);
    }
    let arn = |group| format!("arn:aws:logs:{}:123456789012:log-group:{group}:*", account.region());
    groups.into_iter().map(arn).collect()
}

/// A service as a plan names it.
fn resource(service: &Service) -> String {
    let (_, name) = service.service_arn().unwrap().split_once(":service/").unwrap();
    format!("service {name}")
}

fn primary(service: &Service) -> &str {
    let is_primary = |deployment: &&Deployment| deployment.status() == Some("PRIMARY");
    let primary = service.deployments().iter().find(is_primary).unwrap();
    revision(primary.task_definition().unwrap())
}

/// `FAMILY:REVISION`
fn revision(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap()
}
