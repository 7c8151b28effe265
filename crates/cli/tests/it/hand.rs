//! Changes by hand in the simulated cloud, past Longshore.

use std::time::{SystemTime, UNIX_EPOCH};

use longshore_aws::{Aws, Embedded, Target};
use longshore_simcloud::{Blueprint, Cloud, Moment};

use crate::project::{Project, TOKEN};

/// Returns the blueprint of the project's cloud.
fn blueprint() -> Blueprint {
    serde_json::from_value(serde_json::json!({
        "registries": {"ghcr.io": {
            "users": {"acme-bot": {"password": TOKEN}},
            "repositories": {
                "acme/api": {"readers": ["acme-bot"], "tags": {
                    "1": {},
                    "arm": {"platforms": ["linux/arm64"]},
                }},
                "acme/internal": {"tags": {"1": {}}},
            },
        }},
    }))
    .unwrap()
}

/// Lets `work` change the project's cloud with the AWS clients of an account's user.
pub(crate) fn by_hand<T>(project: &Project, work: impl AsyncFnOnce(&Aws) -> T) -> T {
    by_hand_in(project, ".longshore/cloud-local.json", work)
}

/// The same in the cloud whose state the project keeps in `file`.
pub(crate) fn by_hand_in<T>(project: &Project, file: &str, work: impl AsyncFnOnce(&Aws) -> T) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let state = project.path(file);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let wall = Moment(u64::try_from(wall.as_millis()).unwrap());
        let cloud = Cloud::open(&state, &blueprint(), wall).unwrap();
        let embedded = Embedded::new(cloud.connector(), cloud.clone());
        let region = Some("eu-central-1".to_owned());
        let aws = Aws::connect(Target { region, ..Target::default() }, Some(embedded));
        let result = work(&aws).await;
        cloud.save().await.unwrap();
        result
    })
}

/// Registers a revision of the stack's family that carries no tag.
pub(crate) async fn register_by_hand(aws: &Aws) {
    let ecs = aws.ecs().await.unwrap();
    let definition = ecs.describe_task_definition().task_definition("shop-api").send().await.unwrap();
    let definition = definition.task_definition.unwrap();
    ecs.register_task_definition()
        .family("shop-api")
        .set_container_definitions(definition.container_definitions)
        .set_execution_role_arn(definition.execution_role_arn)
        .set_network_mode(definition.network_mode)
        .set_requires_compatibilities(definition.requires_compatibilities)
        .cpu("512")
        .memory("1024")
        .send()
        .await
        .unwrap();
}
