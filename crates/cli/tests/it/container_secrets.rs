//! Environment variables of containers whose values are kept in Parameter Store and in Secrets Manager.

use longshore_aws::Aws;
use longshore_cli::Exit;

use crate::{assert_shown, hand::by_hand, interrupts::interrupted, project::Project};

const SECRETS: &str = r#"
[stores.parameters]
use = "ssm"

[services.api.secrets]
DATABASE_URL = { store = "parameters", value = { file = "database-url" } }
API_KEY = { value = { env = "API_KEY" } }
"#;

fn project() -> Project {
    let project = Project::new().variable("API_KEY", "hunter2-of-the-api");
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    project.write("configs/base.toml", &format!("{base}{SECRETS}"));
    project.write("configs/database-url", "postgres://hunter2-one\n");
    project
}

#[test]
fn tasks_run_with_them_and_are_replaced_when_one_changes() {
    let project = project();
    let mut said = String::new();
    let mut run = |arguments: &[&str], exit: Exit| {
        let ran = project.run(arguments);
        assert_eq!(ran.exit, exit, "{}\n{}", ran.stdout, ran.stderr);
        said += &format!("{}{}", ran.stdout, ran.stderr);
        ran.stdout
    };
    assert_shown!(run(&["plan", "--detailed-exitcode"], Exit::Changes));
    let deployed = run(&["deploy"], Exit::Done);
    assert!(deployed.contains("api: 2 of 2 tasks running"), "{deployed}");
    run(&["plan", "--detailed-exitcode"], Exit::Done);

    project.write("configs/database-url", "postgres://hunter2-two\n");
    assert_shown!(run(&["plan", "--detailed-exitcode"], Exit::Changes));
    let deployed = run(&["deploy"], Exit::Done);
    assert!(deployed.contains("api: 2 of 2 tasks running"), "{deployed}");
    run(&["plan", "--detailed-exitcode"], Exit::Done);
    run(&["config"], Exit::Done);
    run(&["graph"], Exit::Done);
    run(&["destroy", "--yes"], Exit::Done);
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn one_that_was_changed_by_hand_is_one_drift_although_the_tasks_are_replaced_too() {
    let project = project();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    by_hand(&project, async |aws: &Aws| {
        let ssm = aws.ssm().await.unwrap();
        let put = ssm.put_parameter().name("/longshore/shop/api/api/DATABASE_URL").overwrite(true);
        put.value("theirs").send().await.unwrap();
    });
    let drift = project.run(&["drift"]);
    assert_eq!(drift.exit, Exit::Changes, "{}", drift.stderr);
    assert!(drift.stdout.contains("1 resource drifted"), "{}", drift.stdout);
    let plan = project.run(&["plan"]);
    assert!(plan.stdout.contains("2 to update"), "{}", plan.stdout);
}

#[test]
fn a_run_that_ended_before_tasks_were_replaced_is_completed_by_the_next() {
    let project = project();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    project.write("configs/database-url", "postgres://hunter2-two\n");
    let broken_off = interrupted(&project, &["deploy"], "updating the parameter", 1);
    assert_eq!(broken_off.exit, Exit::Interrupted, "{}", broken_off.stderr);
    assert_shown!(project.run(&["plan"]).stdout);
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
}

#[test]
fn what_moves_or_goes_is_removed_where_it_was() {
    let project = project();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    // One moves to the other store, and one goes.
    let moved = base.replace("{ store = \"parameters\", value", "{ value");
    let gone = moved.lines().filter(|line| !line.starts_with("API_KEY")).collect::<Vec<_>>().join("\n");
    project.write("configs/base.toml", &gone);
    // The ends of ARNs depend on what was made first.
    let plan = project.run(&["plan"]).stdout;
    let parts: Vec<_> = plan.split("API_KEY-").collect();
    let masked: Vec<_> = parts[1..].iter().map(|part| format!("API_KEY-[suffix]{}", &part[6..])).collect();
    assert_shown!(format!("{}{}", parts[0], masked.concat()));
    let deployed = project.run(&["deploy", "--prune"]);
    assert_eq!(deployed.exit, Exit::Done, "{}", deployed.stderr);
    assert!(deployed.stdout.contains("api: 2 of 2 tasks running"), "{}", deployed.stdout);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
}

#[test]
fn what_lost_the_tag_of_its_step_is_removed_with_the_stack() {
    let project = project();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let (secret, parameter) = ("longshore/shop/ghcr/pull", "/longshore/shop/api/api/DATABASE_URL");
    by_hand(&project, async |aws: &Aws| {
        let untag = aws.secretsmanager().await.unwrap().untag_resource().secret_id(secret);
        untag.tag_keys("longshore:resource").send().await.unwrap();
        let untag = aws.ssm().await.unwrap().remove_tags_from_resource().resource_id(parameter);
        let untag = untag.resource_type("Parameter".into());
        untag.tag_keys("longshore:resource").send().await.unwrap();
    });
    project.write("configs/base.toml", "stack = \"shop\"\naws.region = \"eu-central-1\"\n");
    let plan = project.run(&["plan"]).stdout;
    assert!(plan.contains(&format!("\n      secret {secret}\n")), "no step is named: {plan}");
    let drift = project.run(&["drift"]).stdout;
    for gone in [format!("secret {secret}"), format!("parameter {parameter}")] {
        let words = format!(
            "{gone}  is there, and nothing declares it  owner: stack shop\n      no tag says which step made it\n"
        );
        assert!(drift.contains(&words), "{gone}: {drift}");
    }
    let destroyed = project.run(&["destroy", "--yes"]);
    assert_eq!(destroyed.exit, Exit::Done, "{}", destroyed.stderr);
    let left = by_hand(&project, async |aws: &Aws| {
        let secrets = aws.secretsmanager().await.unwrap().list_secrets().send().await.unwrap();
        let parameters = aws.ssm().await.unwrap().describe_parameters().send().await.unwrap();
        let parameters = parameters.parameters.unwrap_or_default().into_iter().filter_map(|one| one.name);
        let parameters: Vec<_> = parameters.filter(|name| !name.contains("/lock/")).collect();
        (secrets.secret_list.unwrap_or_default().len(), parameters)
    });
    assert_eq!(left, (0, Vec::new()));
}

#[test]
fn what_is_wrong_with_them_is_said_with_its_place_and_without_the_value() {
    let project = project();
    project.write(
        "configs/local.toml",
        r#"
[registries.ghcr]
store = "parameters"
[services.api]
environment.API_KEY = "x"
[services.api.secrets]
"1X" = { value = { env = "X" } }
PLAIN = "hunter2"
BOTH = { arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/x", value = { env = "X" } }
NAME = { arn = "shop/db" }
STORE = { store = "paramters", value = { env = "X" } }
VALUE = { value = "hunter2" }
WHERE = { value = { evn = "X" } }
[cloud]
embedded = true
"#,
    );
    let plan = project.run(&["plan"]);
    assert_eq!(plan.exit, Exit::Failed);
    assert!(!plan.stderr.contains("hunter2"), "{}", plan.stderr);
    assert_shown!(plan.stderr);
}

#[test]
fn more_than_a_role_can_name_is_found_before_anything_is_made() {
    for store in ["parameters", "default"] {
        let project = project();
        let mut base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
        for number in 0..130 {
            base +=
                &format!("VARIABLE_{number} = {{ store = \"{store}\", value = {{ env = \"API_KEY\" }} }}\n");
        }
        project.write("configs/base.toml", &base);
        for command in ["plan", "deploy"] {
            let ran = project.run(&[command]);
            assert_eq!(ran.exit, Exit::Failed, "{}", ran.stdout);
            assert!(ran.stderr.contains("IAM allows 10240 for all inline policies"), "{}", ran.stderr);
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(command == "plan" || said.contains("nothing was created or changed"), "{said}");
        }
    }
}

#[test]
fn pull_credentials_cannot_be_kept_in_parameters() {
    let project = project();
    let plan = project.run(&["plan", "--set", "registries.ghcr.store=parameters"]);
    assert_eq!(plan.exit, Exit::Failed);
    assert_shown!(plan.stderr);
}
