//! A role whose path changes: it is removed and made anew.

use aws_sdk_iam::types::Tag;
use longshore_model::{Action, FailureKind};
use longshore_simcloud::{Effect, iam::Context as Keys};
use serde_json::json;

use super::harness::{ARN, Harness, NAME, SECRET, text};

const MOVED: &str = "arn:aws:iam::123456789012:role/team/shop-api-execution";
const LAMBDA: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
const READ: &str = "secretsmanager:GetSecretValue";

/// More than the SDK's attempts.
const ALL: u32 = longshore_aws::ATTEMPTS;

/// Creates a role of the stack with a foreign tag and policy, which is declared to have another path.
async fn moved() -> Harness {
    let mut harness = Harness::new(json!({}));
    harness.apply().await.unwrap();
    let client = harness.client().await;
    let tag = Tag::builder().key("team").value("shop").build().unwrap();
    client.tag_role().role_name(NAME).tags(tag).send().await.unwrap();
    client.attach_role_policy().role_name(NAME).policy_arn(LAMBDA).send().await.unwrap();
    let update = client.update_role().role_name(NAME).description("mine").max_session_duration(7200);
    update.send().await.unwrap();
    harness.configure(json!({"path": "/team/"}));
    harness
}

/// Everything about the role.
async fn shown(harness: &Harness) -> String {
    let client = harness.client().await;
    let role = client.get_role().role_name(NAME).send().await.unwrap().role.unwrap();
    let attached = client.list_attached_role_policies().role_name(NAME).send().await.unwrap();
    let inline = client.list_role_policies().role_name(NAME).send().await.unwrap();
    let policy = client.get_role_policy().role_name(NAME).policy_name("read-secrets").send().await.unwrap();
    let mut tags: Vec<_> = role.tags().iter().map(|tag| format!("{}={}", tag.key(), tag.value())).collect();
    tags.sort();
    let managed: Vec<_> =
        attached.attached_policies().iter().filter_map(|policy| policy.policy_name()).collect();
    format!(
        "{}\n{:?} {:?}\n{}\n{}\n{managed:?}\n{:?}\n{}",
        role.arn(),
        role.description(),
        role.max_session_duration(),
        role.assume_role_policy_document().unwrap_or_default(),
        tags.join(" "),
        inline.policy_names(),
        policy.policy_document(),
    )
}

#[tokio::test(start_paused = true)]
async fn another_path_is_a_new_role_of_the_same_name() {
    let harness = moved().await;
    insta::assert_snapshot!("another_path", text(&harness.plan().await.unwrap()));
    assert_eq!(harness.apply().await.unwrap(), MOVED);
    assert_eq!(harness.action().await, Action::NoChange);
    let role = harness.client().await.get_role().role_name(NAME).send().await.unwrap().role.unwrap();
    assert_eq!((role.arn(), role.max_session_duration()), (MOVED, Some(3600)));
    assert!(role.tags().iter().any(|tag| tag.key() == "team"), "what others wrote on it is kept");
    let now = harness.cloud.now();
    let may = harness.cloud.inspect(|world| world.iam.evaluate(now, MOVED, READ, SECRET, &Keys::new())).await;
    assert_eq!(may, longshore_simcloud::iam::Decision::Allowed);
    harness.remove().await.unwrap();
    assert!(!harness.exists().await);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_in_between_is_completed_by_the_next() {
    for operation in [
        "DetachRolePolicy",
        "DeleteRolePolicy",
        "DeleteRole",
        "CreateRole",
        "PutRolePolicy",
        "AttachRolePolicy",
    ] {
        let harness = moved().await;
        harness.fault(&format!("iam:{operation}"), ALL, Effect::LoseAnswer);
        assert_eq!(harness.apply().await.unwrap_err().kind, FailureKind::Unavailable, "{operation}");
        harness.cloud.heal();
        let mut next = harness.another_run();
        next.configure(json!({"path": "/team/"}));
        assert_eq!(next.apply().await.unwrap(), MOVED, "{operation}");
        assert_eq!(next.action().await, Action::NoChange, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn undo_makes_the_old_role_again() {
    // Wherever the run ended, and at its end.
    for operation in ["", "DetachRolePolicy", "DeleteRolePolicy", "DeleteRole", "CreateRole", "PutRolePolicy"]
    {
        let harness = moved().await;
        let before = shown(&harness).await;
        let plan = harness.plan().await.unwrap();
        if operation.is_empty() {
            harness.apply().await.unwrap();
        } else {
            harness.fault(&format!("iam:{operation}"), ALL, Effect::LoseAnswer);
            harness.apply().await.unwrap_err();
            harness.cloud.heal();
        }
        harness.builder.undo(&harness.context(), &harness.spec, &plan).await.unwrap();
        assert_eq!(shown(&harness).await, before, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn undo_waits_until_iam_has_noticed_the_removal() {
    let harness = moved().await;
    let before = shown(&harness).await;
    let plan = harness.plan().await.unwrap();
    harness.apply().await.unwrap();
    harness.refuse("iam:CreateRole", 2, "EntityAlreadyExists", "Role with name x already exists.");
    harness.refuse("iam:PutRolePolicy", 1, "NoSuchEntity", "The role with name x cannot be found.");
    harness.builder.undo(&harness.context(), &harness.spec, &plan).await.unwrap();
    assert_eq!(shown(&harness).await, before);
}

#[tokio::test(start_paused = true)]
async fn what_this_run_has_not_seen_is_not_made_again() {
    let harness = moved().await;
    let plan = harness.plan().await.unwrap();
    harness.apply().await.unwrap();
    let mut other = harness.another_run();
    other.configure(json!({"path": "/team/"}));
    let stuck = other.builder.undo(&other.context(), &other.spec, &plan).await.unwrap_err();
    assert_eq!(stuck.kind, FailureKind::Stuck);
    assert!(harness.exists().await);
}

#[tokio::test(start_paused = true)]
async fn only_a_role_of_the_stack_goes_and_no_boundary_is_lost() {
    let mut harness = Harness::new(json!({}));
    let everything = json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]);
    let boundary =
        harness.policy("boundary", json!({"Version": "2012-10-17", "Statement": everything})).await;
    harness.configure(json!({"permissions-boundary": boundary}));
    assert_eq!(harness.apply().await.unwrap(), ARN);
    harness.configure(json!({"path": "/team/"}));
    let bounded = harness.plan().await.unwrap_err();
    assert_eq!(harness.apply().await.unwrap_err(), bounded);
    harness.configure(json!({"path": "/team/", "permissions-boundary": boundary}));
    assert_eq!(harness.action().await, Action::Replace);

    // A role without an owner may be adopted, but not removed.
    let client = harness.client().await;
    client.untag_role().role_name(NAME).tag_keys("longshore:stack").send().await.unwrap();
    let nobodys = harness.plan().await.unwrap_err();
    let mut context = harness.context();
    context.adopts = true;
    let adopted = harness.builder.plan(&context, &harness.spec).await.unwrap_err();
    assert_eq!(harness.builder.apply(&context, &harness.spec).await.unwrap_err(), adopted);
    let said = [bounded, nobodys, adopted].map(|failure| failure.to_string());
    insta::assert_snapshot!(said.join("\n"));
    assert!(harness.exists().await);
}
