//! A service whose number of tasks is not declared: an autoscaling policy, or a person, decides on it.

use longshore_aws::Aws;
use longshore_cli::Exit;

use crate::{hand::by_hand, project::Project};

fn deployed() -> Project {
    let project = Project::new();
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    project.write("configs/base.toml", &base.replace("desired-count = 2\n", ""));
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert!(deploy.stdout.contains("api: 1 of 1 task running"), "{}", deploy.stdout);
    project
}

fn scale(project: &Project, count: i32) {
    by_hand(project, async |aws: &Aws| {
        aws.ecs().await.unwrap().update_service().service("api").desired_count(count).send().await.unwrap();
    });
}

#[test]
fn autoscaled_count_stays_and_is_no_drift() {
    let project = deployed();
    scale(&project, 4);
    let drift = project.run(&["drift"]);
    assert_eq!(drift.exit, Exit::Done, "{}{}", drift.stdout, drift.stderr);
    let deploy = project.run(&["deploy", "--set", "services.api.memory=1024"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert!(!deploy.stdout.contains("desiredCount"), "{}", deploy.stdout);
    let status = project.run(&["status"]);
    assert!(status.stdout.contains("api: 4 of 4 tasks running"), "{}", status.stdout);
}

#[test]
fn count_scaled_to_zero_stays_zero() {
    let project = deployed();
    scale(&project, 0);
    let deploy = project.run(&["deploy", "--set", "services.api.memory=1024"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert_eq!(project.run(&["drift", "--set", "services.api.memory=1024"]).exit, Exit::Done);
    let declared = project.run(&["plan", "--set", "services.api.desired-count=2"]);
    assert!(declared.stdout.contains("desiredCount"), "{}", declared.stdout);
}

#[test]
fn rollout_without_room_for_the_count_is_refused() {
    let project = deployed();
    let narrow = ["--set", "services.api.deployment.maximum-percent=150"];
    let deploy = project.run(&[&["deploy"][..], &narrow].concat());
    assert_eq!(deploy.exit, Exit::Done, "no rollout: {}{}", deploy.stdout, deploy.stderr);
    let larger = project.run(&[&["plan", "--set", "services.api.memory=1024"][..], &narrow].concat());
    assert_eq!(larger.exit, Exit::Failed, "{}", larger.stdout);
    assert!(
        larger.stderr.contains("of the service's 1 task, 1 must stay and 1 may run"),
        "{}",
        larger.stderr
    );
    scale(&project, 4);
    let larger = project.run(&[&["plan", "--set", "services.api.memory=1024"][..], &narrow].concat());
    assert_eq!(larger.exit, Exit::Done, "{}", larger.stderr);
}
