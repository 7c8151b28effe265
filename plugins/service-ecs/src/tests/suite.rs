//! The suite that every deployer passes.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Container, LaunchType, Service};
use longshore_plugin::ServiceDeployer;
use longshore_testkit::deployer;

use super::bench::{Bench, name, seed, seed_with};
use crate::deployer::EcsDeployer;

/// The seed, which pulls with the credential of the registry that the suite knows.
fn pulling(service: Service) -> Service {
    let first = |container: Container| Container { registry: Some(name("first")), ..container };
    let containers = service.containers.into_iter().map(|(name, container)| (name, first(container)));
    Service { containers: containers.collect(), ..service }
}

#[async_trait]
impl deployer::Harness for Bench {
    fn deployer(&self) -> Arc<dyn ServiceDeployer> {
        Arc::new(EcsDeployer { aws: self.aws.clone(), fields: Arc::default() })
    }

    fn service(&self) -> Service {
        pulling(seed())
    }

    fn changed(&self) -> Service {
        pulling(seed_with(|container| container.memory = Some(1024)))
    }

    fn wrong(&self) -> Vec<Service> {
        let too_large = pulling(seed_with(|container| container.memory = Some(1 << 20)));
        let without_memory = pulling(seed_with(|container| container.memory = None));
        vec![too_large, Service { launch_type: LaunchType::Ec2, ..without_memory }]
    }

    fn role(&self) -> String {
        self.role.clone()
    }

    fn secret(&self) -> String {
        self.secret.clone()
    }

    async fn writes(&self) -> String {
        self.cloud.writes()
    }

    async fn cut_off_after(&self, calls: u32) -> bool {
        self.cloud.cut_off_after(calls);
        true
    }

    async fn reconnect(&self) {
        self.cloud.heal();
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_a_deployer_as_others_are() {
    let report = deployer::suite(Bench::settled).await;
    assert_eq!(report.left_out, []);
}
