//! Round trips of generated stacks. Each seed has a stack of its own, whose name is no part of another one's.

use longshore_integration_tests::containers::MOTO;

use super::super::container;
use crate::round_trips::travel_at_moto;

#[tokio::test]
async fn of_seed_1() {
    travel_at_moto(container(MOTO), "trip-one", 1).await;
}

#[tokio::test]
async fn of_seed_4() {
    travel_at_moto(container(MOTO), "trip-four", 4).await;
}

#[tokio::test]
async fn of_seed_5() {
    travel_at_moto(container(MOTO), "trip-five", 5).await;
}

#[tokio::test]
async fn of_seed_7() {
    travel_at_moto(container(MOTO), "trip-seven", 7).await;
}
