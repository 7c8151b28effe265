//! The conformance suite against the simulated cloud, in process and over HTTP, and the file that keeps its table.

mod used;

use longshore_integration_tests::conformance::{Cloud, Column, differences, operations, run};

/// Runs the suite against a cloud. Whatever it answers is known, and is what the file says.
pub(crate) async fn conform(cloud: Cloud) {
    let operations = operations();
    let report = run(&cloud, &operations).await;
    let failures: Vec<_> = report.failures(&operations).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/CONFORMANCE.md");
    let file = std::fs::read_to_string(file).unwrap();
    let columns = [Column { cloud: cloud.name, found: Ok(report) }];
    let differences = differences(&file, &operations, &columns);
    assert!(differences.is_empty(), "run `cargo xtask conformance`: {}", differences.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn simulated_cloud() {
    conform(Cloud::simulated().unwrap()).await;
}

#[tokio::test]
async fn simulated_cloud_over_http() {
    conform(Cloud::served().await.unwrap()).await;
}
