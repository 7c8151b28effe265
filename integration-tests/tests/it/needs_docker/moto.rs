//! The suites of plugins, and round trips, against moto.

mod round_trips;

use longshore_integration_tests::containers::MOTO;

use super::container;
use crate::suites::{self, Judge, Keeper};

#[tokio::test]
async fn secrets() {
    assert_eq!(suites::secrets(&container(MOTO)).await.left_out, []);
}

#[tokio::test]
async fn parameters() {
    assert_eq!(suites::parameters(&container(MOTO)).await.left_out, []);
}

#[tokio::test]
async fn roles() {
    assert_eq!(suites::roles(&container(MOTO), Judge::SimulatedCloud).await.left_out, []);
}

#[tokio::test]
async fn a_source_of_a_parameter() {
    assert_eq!(suites::source(&container(MOTO), Keeper::Parameter).await.left_out, []);
}

#[tokio::test]
async fn a_source_of_the_fields_of_a_secret() {
    assert_eq!(suites::source(&container(MOTO), Keeper::SecretWithFields).await.left_out, []);
}
