//! The suite that every deployer passes.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Options, Problem, Service};
use longshore_plugin::ServiceDeployer;
use longshore_testkit::deployer;
use serde_json::{Value, json};

use super::bench::{Bench, of_stack};
use crate::{aws_fields::AwsFields, deployer::EcsDeployer};

/// A service with these options, which pulls with the credential of the registry that the suite knows.
fn service(options: &Value) -> Service {
    let values = options.as_object().unwrap().clone();
    of_stack("main", "api", "first", Options { key: "services.api".to_owned(), values, ..Options::default() })
}

#[async_trait]
impl deployer::Harness for Bench {
    fn deployer(&self, service: &Service) -> Result<Arc<dyn ServiceDeployer>, Vec<Problem>> {
        let fields = Arc::new(AwsFields::read(&service.deployer.options)?);
        Ok(Arc::new(EcsDeployer { aws: self.aws.clone(), fields }))
    }

    fn tasks(&self) -> u32 {
        2
    }

    fn service(&self) -> Service {
        service(&json!({ "desired-count": 2, "memory": 768, "ports": { "http": 8098 }, "logs": true }))
    }

    fn changed(&self) -> Service {
        service(&json!({ "desired-count": 2, "memory": 1024, "ports": { "http": 8098 }, "logs": true }))
    }

    fn wrong(&self) -> Vec<Service> {
        [json!({ "memory": 1 << 20 }), json!({ "launch-type": "ec2" }), json!({ "memory": "much" })]
            .map(|options| service(&options))
            .into()
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
