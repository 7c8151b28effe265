//! The conformance suite against LocalStack and moto in containers.

use longshore_integration_tests::{
    conformance::{self, Cloud},
    containers::{LOCALSTACK, MOTO},
};

use super::container;
use crate::conformance::conform;

#[tokio::test]
async fn localstack() {
    conform(Cloud::emulator(conformance::LOCALSTACK, &container(LOCALSTACK))).await;
}

#[tokio::test]
async fn moto() {
    conform(Cloud::emulator(conformance::MOTO, &container(MOTO))).await;
}
