//! Regions outside the commercial partition: every ARN is of the region's partition, or IAM refuses it.

use longshore_cli::Exit;

use crate::project::Project;

/// Deploys to `region`, and returns what the deploy printed.
fn deployed_to(region: &str) -> String {
    let project = Project::new();
    let region = format!("aws.region=\"{region}\"");
    let deployed = project.run(&["deploy", "--set", &region]);
    assert_eq!(deployed.exit, Exit::Done, "{}", deployed.stderr);
    let again = project.run(&["plan", "--detailed-exitcode", "--set", &region]);
    assert_eq!(again.exit, Exit::Done, "{}{}", again.stdout, again.stderr);
    deployed.stdout
}

#[test]
fn deploys_reach_every_partition() {
    for (region, partition) in [
        ("eu-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
        ("us-iso-east-1", "aws-iso"),
    ] {
        let printed = deployed_to(region);
        for arn in [
            format!("arn:{partition}:iam::123456789012:role/shop-api-execution"),
            format!("arn:{partition}:secretsmanager:{region}:123456789012:secret:"),
            format!("arn:{partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"),
        ] {
            assert!(printed.contains(&arn), "{region} lacks {arn}: {printed}");
        }
        let wrong = if partition == "aws" { "arn:aws-cn:" } else { "arn:aws:" };
        assert!(!printed.contains(wrong), "{printed}");
    }
}

#[test]
fn the_embedded_account_stays_in_its_partition() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let moved = project.run(&["plan", "--set", "aws.region=\"cn-north-1\""]);
    assert_eq!(moved.exit, Exit::Failed, "{}", moved.stdout);
    assert!(moved.stderr.contains("holds a simulated account of the partition aws"), "{}", moved.stderr);
}
