//! `rotate`: what is stored changes only when the new credential pulls, and tasks use it without a deployment.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use longshore_aws::{Aws, Embedded, Target};
use longshore_cli::Exit;
use longshore_simcloud::{Blueprint, Cloud, Moment};

use crate::{
    assert_shown,
    project::{NEW_TOKEN, Project, Ran, TOKEN, WRONG_TOKEN},
};

const REGION: &str = "eu-central-1";

/// The project's cloud between two commands.
struct Between {
    cloud: Cloud,
    aws: Aws,
}

impl Between {
    /// The cloud in which the registry accepts `token` alone.
    fn open(project: &Project, token: &str) -> Self {
        let registry = serde_json::json!({
            "users": {"acme-bot": {"password": token}},
            "repositories": {"acme/api": {"readers": ["acme-bot"], "tags": {"1": {}}}},
        });
        let registries = [("ghcr.io".to_owned(), serde_json::from_value(registry).unwrap())].into();
        let blueprint = Blueprint { registries, ..Blueprint::default() };
        let path = project.path(".longshore/cloud-local.json");
        let cloud = Cloud::open(&path, &blueprint, Moment(0)).unwrap();
        let embedded = Embedded::new(cloud.connector(), cloud.clone());
        let aws = Aws::connect(Target { region: Some(REGION.into()), ..Target::default() }, Some(embedded));
        Self { cloud, aws }
    }

    async fn running(&self) -> BTreeSet<String> {
        let tasks = self.aws.ecs().await.unwrap().list_tasks().service_name("api").send().await.unwrap();
        tasks.task_arns.unwrap_or_default().into_iter().collect()
    }

    /// Stops a task and answers with the one that ECS has launched in its place.
    async fn replace_a_task(&self) -> String {
        let before = self.running().await;
        let ecs = self.aws.ecs().await.unwrap();
        ecs.stop_task().task(before.first().unwrap()).send().await.unwrap();
        tokio::time::sleep(Duration::from_secs(300)).await;
        let after = self.running().await;
        assert_eq!(after.len(), 2, "two tasks run again");
        let new = after.difference(&before).next().expect("one of them is new").clone();
        let tasks = ecs.describe_tasks().tasks(&new).send().await.unwrap();
        let task = &tasks.tasks()[0];
        assert_eq!(task.last_status(), Some("RUNNING"));
        assert!(task.task_definition_arn().unwrap().ends_with("/shop-api:1"), "nothing was deployed");
        new
    }

    /// The staging labels of each version, by its password.
    async fn stages(&self) -> BTreeMap<String, Vec<String>> {
        self.cloud
            .inspect(|world| {
                let secret = world.secrets.find(REGION, "longshore/shop/ghcr/pull").unwrap();
                let versions = secret.versions.values().map(|version| {
                    let text = version.string.as_ref().unwrap().expose();
                    let value: serde_json::Value = serde_json::from_str(text).unwrap();
                    let stages = version.stages.iter().cloned().collect();
                    (value["password"].as_str().unwrap().to_owned(), stages)
                });
                versions.collect()
            })
            .await
    }
}

fn stages(versions: &[(&str, &str)]) -> BTreeMap<String, Vec<String>> {
    versions.iter().map(|(token, stage)| ((*token).to_owned(), vec![(*stage).to_owned()])).collect()
}

fn assert_silent(ran: &Ran) {
    for token in [TOKEN, NEW_TOKEN, WRONG_TOKEN] {
        assert!(!ran.stdout.contains(token) && !ran.stderr.contains(token), "a token is shown");
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_are_launched_with_the_new_credential_and_nothing_is_deployed() {
    let project = Project::new();
    assert_eq!(in_thread(&project, &["deploy"]).exit, Exit::Done);

    // The new token is in its place, and the registry no longer knows the old one.
    project.write("configs/token", NEW_TOKEN);
    project.write("configs/right-token", NEW_TOKEN);
    let rotated = in_thread(&project, &["rotate", "-vvv"]);
    assert_eq!(rotated.exit, Exit::Done, "{}", rotated.stderr);
    assert_silent(&rotated);
    assert_shown!(rotated.stdout);

    let between = Between::open(&project, NEW_TOKEN);
    assert_eq!(between.stages().await, stages(&[(TOKEN, "AWSPREVIOUS"), (NEW_TOKEN, "AWSCURRENT")]));
    between.replace_a_task().await;
    between.cloud.save().await.unwrap();
    drop(between);

    assert_eq!(in_thread(&project, &["plan", "--detailed-exitcode"]).exit, Exit::Done);
    let again = in_thread(&project, &["rotate", "ghcr"]);
    assert_eq!(again.exit, Exit::Done, "{}", again.stderr);
    assert_shown!(again.stdout);
    assert_eq!(Between::open(&project, NEW_TOKEN).stages().await.len(), 2, "no version more");
}

#[tokio::test(start_paused = true)]
async fn a_new_credential_that_does_not_pull_changes_nothing() {
    let project = Project::new();
    assert_eq!(in_thread(&project, &["deploy"]).exit, Exit::Done);

    project.write("configs/token", WRONG_TOKEN);
    let refused = in_thread(&project, &["rotate", "-vvv"]);
    assert_eq!(refused.exit, Exit::Failed);
    assert_silent(&refused);
    let refused = in_thread(&project, &["rotate"]);
    assert_eq!(refused.exit, Exit::Failed);
    assert_shown!(format!("{}\n---\n{}", refused.stdout, refused.errors()));

    let between = Between::open(&project, TOKEN);
    assert_eq!(between.stages().await, stages(&[(TOKEN, "AWSCURRENT")]));
    between.replace_a_task().await;
}

#[test]
fn rotate_says_what_it_cannot_rotate() {
    let project = Project::new();
    let nothing = project.run(&["rotate"]);
    assert_eq!(nothing.exit, Exit::Failed);
    assert_shown!(format!("{}\n---\n{}", nothing.stdout, nothing.errors()));
    let unknown = project.run(&["rotate", "ghrc", "docker"]);
    assert_eq!(unknown.exit, Exit::Failed);
    assert_shown!(unknown.errors());
    assert_eq!(project.run(&["rotate", "--grace", "soon"]).exit, Exit::Usage);
}

/// Runs the command, which has a runtime of its own, outside of this test's.
fn in_thread(project: &Project, arguments: &[&str]) -> Ran {
    std::thread::scope(|scope| scope.spawn(|| project.run(arguments)).join().unwrap())
}
