//! The suites of plugins against LocalStack.

use longshore_integration_tests::containers::LOCALSTACK;

use super::container;
use crate::suites::{self, Judge, Keeper};

#[tokio::test]
async fn secrets() {
    assert_eq!(suites::secrets(&container(LOCALSTACK)).await.left_out, []);
}

#[tokio::test]
async fn parameters() {
    assert_eq!(suites::parameters(&container(LOCALSTACK)).await.left_out, []);
}

#[tokio::test]
async fn roles() {
    assert_eq!(suites::roles(&container(LOCALSTACK), Judge::Server).await.left_out, []);
}

#[tokio::test]
async fn a_source_of_a_parameter() {
    assert_eq!(suites::source(&container(LOCALSTACK), Keeper::Parameter).await.left_out, []);
}

#[tokio::test]
async fn a_source_of_the_fields_of_a_secret() {
    assert_eq!(suites::source(&container(LOCALSTACK), Keeper::SecretWithFields).await.left_out, []);
}
