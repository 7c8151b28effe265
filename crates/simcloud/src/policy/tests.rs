use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Context, Decision, Document, Kind, Request, Who};

const ACTIONS: [&str; 4] = ["s3:GetObject", "s3:PutObject", "logs:PutLogEvents", "kms:Decrypt"];
const RESOURCES: [&str; 3] =
    ["arn:aws:s3:::a/x", "arn:aws:s3:::b/x", "arn:aws:logs:eu-central-1:1:log-group:a"];

fn decide(statements: &[Value], action: &str, resource: &str) -> Decision {
    let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let document = Document::parse(&text, Kind::Identity).unwrap();
    let context = Context::new();
    document.decide(&Request { action, resource, who: Who::Service("nobody"), context: &context })
}

fn statement() -> impl Strategy<Value = Value> {
    let actions = prop::sample::select(vec!["*", "s3:*", "S3:Get*", "logs:PutLogEvents", "kms:?ecrypt"]);
    let resources =
        prop::sample::select(vec!["*", "arn:aws:s3:::a/*", "arn:aws:s3:::?/x", "arn:aws:logs:*:*:*"]);
    let choice = (any::<bool>(), any::<bool>(), any::<bool>(), actions, resources);
    choice.prop_map(|(allow, not_action, not_resource, action, resource)| {
        let mut statement = json!({ "Effect": if allow { "Allow" } else { "Deny" } });
        statement[if not_action { "NotAction" } else { "Action" }] = json!([action]);
        statement[if not_resource { "NotResource" } else { "Resource" }] = json!(resource);
        statement
    })
}

proptest! {
    #[test]
    fn a_policy_decides_as_its_statements_do_in_any_order(
        statements in prop::collection::vec(statement(), 1..6),
        action in prop::sample::select(ACTIONS.to_vec()),
        resource in prop::sample::select(RESOURCES.to_vec()),
    ) {
        let whole = decide(&statements, action, resource);
        let single: Vec<_> =
            statements.iter().map(|statement| decide(std::slice::from_ref(statement), action, resource)).collect();
        let expected = if single.contains(&Decision::ExplicitDeny) {
            Decision::ExplicitDeny
        } else if single.contains(&Decision::Allowed) {
            Decision::Allowed
        } else {
            Decision::ImplicitDeny
        };
        prop_assert_eq!(whole, expected);
        let reversed: Vec<_> = statements.into_iter().rev().collect();
        prop_assert_eq!(decide(&reversed, action, resource), expected);
    }

    #[test]
    fn not_action_is_the_complement_of_action(
        pattern in "(s3|logs):[A-Za-z*?]{1,8}",
        action in prop::sample::select(ACTIONS.to_vec()),
    ) {
        let statement = |key: &str| vec![json!({ "Effect": "Allow", key: pattern, "Resource": "*" })];
        let (is, is_not) = (decide(&statement("Action"), action, "*"), decide(&statement("NotAction"), action, "*"));
        prop_assert!((is == Decision::Allowed) != (is_not == Decision::Allowed));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in r#"[{}\[\]",:*a-zA-Z$ ]{0,80}"#) {
        for kind in [Kind::Identity, Kind::Trust, Kind::Resource] {
            let _ = Document::parse(&text, kind);
        }
    }
}

const ROLE: &str = "arn:aws:iam::123456789012:role/api";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/api/s";

#[test]
fn principals_are_services_accounts_roles_and_sessions() {
    let decide = |principal: Value, who: Who<'_>| {
        let text =
            json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal } });
        let document = Document::parse(&text.to_string(), Kind::Trust).unwrap();
        let context = Context::new();
        document.decide(&Request { action: "sts:AssumeRole", resource: ROLE, who, context: &context })
            == Decision::Allowed
    };
    let (ecs, session) =
        (Who::Service("ecs-tasks.amazonaws.com"), Who::Session { role: ROLE, session: SESSION });
    assert!(decide(json!({ "Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"] }), ecs));
    assert!(!decide(json!({ "Service": "ecs.amazonaws.com" }), ecs));
    assert!(!decide(json!({ "AWS": "*" }), ecs), "a service is no AWS principal");
    for named in ["*", "123456789012", "arn:aws:iam::123456789012:root", ROLE, SESSION] {
        assert!(decide(json!({ "AWS": named }), session), "{named}");
    }
    for other in ["210987654321", "arn:aws:iam::123456789012:role/other"] {
        assert!(!decide(json!({ "AWS": other }), session), "{other}");
    }
}

#[test]
fn the_confused_deputy_is_kept_out_by_source_conditions() {
    let text = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "ecs-tasks.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": { "aws:SourceAccount": "123456789012" },
                "ArnLike": { "aws:SourceArn": "arn:aws:ecs:eu-central-1:123456789012:*" },
            },
        }],
    });
    let document = Document::parse(&text.to_string(), Kind::Trust).unwrap();
    let decide = |account: &str, arn: &str| {
        let context = Context::new().with("AWS:sourceaccount", account).with("aws:SourceArn", arn);
        let who = Who::Service("ecs-tasks.amazonaws.com");
        document.decide(&Request { action: "sts:AssumeRole", resource: ROLE, who, context: &context })
    };
    assert_eq!(decide("123456789012", "arn:aws:ecs:eu-central-1:123456789012:task/c/1"), Decision::Allowed);
    assert_eq!(
        decide("210987654321", "arn:aws:ecs:eu-central-1:123456789012:task/c/1"),
        Decision::ImplicitDeny
    );
    assert_eq!(decide("123456789012", "arn:aws:ecs:us-east-1:123456789012:task/c/1"), Decision::ImplicitDeny);
}
