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

/// Each identity policy with the beginning of its refusal, if IAM refuses it. The verdicts are IAM's own, as its users have
/// recorded them.
#[test]
fn identity_policies_follow_the_grammar() {
    const SYNTAX: &str = "Syntax errors in policy.";
    const LEGACY: &str = "The policy failed legacy parsing";
    let base = json!({ "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::bucket" });
    let with = |members: Value| {
        let mut statement = base.clone();
        statement.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        statement.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        statement
    };
    let whole = |statement: Value| json!({ "Version": "2012-10-17", "Statement": statement });
    let documents = [
        (json!("text"), SYNTAX),
        (json!({ "Version": "2012-10-17" }), SYNTAX),
        (json!({ "Version": "2013-10-17", "Statement": base }), SYNTAX),
        (json!({ "Version": "2008-10-17", "Statement": base }), "Policy document must be version 2012-10-17"),
        (json!({ "Statement": base }), "Policy document must be version 2012-10-17"),
        (json!({ "Version": "2012-10-17", "Id": ["a"], "Statement": base }), SYNTAX),
        (json!({ "Version": "2012-10-17", "Id": "a", "Statement": base }), ""),
        (json!({ "Version": "2012-10-17", "Extra": "a", "Statement": base }), SYNTAX),
        (whole(json!([])), SYNTAX),
        (whole(json!(["a"])), SYNTAX),
        (
            whole(json!([with(json!({ "Sid": "a" })), { "Sid": "a", "Effect": "Allow" }])),
            "Statement IDs (SID)",
        ),
        (whole(json!([{ "Effect": "Deny" }, base])), "Policy statement must contain actions."),
    ];
    let statements = [
        (json!({}), ""),
        (json!({ "Extra": "a" }), SYNTAX),
        (json!({ "Sid": {} }), SYNTAX),
        (json!({ "Sid": "a b" }), "Statement IDs (SID) must be alpha-numeric."),
        (json!({ "Principal": "*" }), "Policy document should not specify a principal."),
        (json!({ "Effect": null }), SYNTAX),
        (json!({ "Effect": "invalid" }), SYNTAX),
        (json!({ "Effect": "denY" }), LEGACY),
        (json!({ "Action": null }), "Policy statement must contain actions."),
        (json!({ "Action": [] }), "Policy statement must contain actions."),
        (json!({ "Action": [[]] }), SYNTAX),
        (json!({ "Action": {} }), SYNTAX),
        (json!({ "Action": 5 }), SYNTAX),
        (json!({ "NotAction": [] }), SYNTAX),
        (json!({ "Action": null, "NotAction": "s3:ListBucket" }), ""),
        (json!({ "Action": null, "NotAction": "" }), "Actions/Conditions must be prefaced by a vendor"),
        (json!({ "Action": "*" }), ""),
        (json!({ "Action": "invalid" }), "Actions/Conditions must be prefaced by a vendor"),
        (json!({ "Action": "invalid", "Resource": null }), "Actions/Conditions must be prefaced by a vendor"),
        (json!({ "Action": "a a:ListBucket" }), "Vendor a a is not valid"),
        (json!({ "Action": "s3:List:Bucket" }), "Actions/Condition can contain only one colon."),
        (json!({ "Action": "iam: asdf safdsf af " }), ""),
        (json!({ "Action": "s3-s.t:ListBucket" }), ""),
        (json!({ "Resource": null }), "Policy statement must contain resources."),
        (json!({ "Resource": [] }), "Policy statement must contain resources."),
        (json!({ "Resource": ["a", {}] }), SYNTAX),
        (json!({ "NotResource": "*" }), SYNTAX),
        (json!({ "Resource": null, "NotResource": "*" }), ""),
        (json!({ "Resource": "" }), "Resource  must be in ARN format"),
        (json!({ "Resource": "adf", "Action": "s:3:ListBucket" }), "Resource adf must be in ARN format"),
        (json!({ "Resource": "a:b" }), "Partition \"b\" is not valid for resource \"arn:b:*:*:*:*\"."),
        (json!({ "Resource": "aws:s3:::b" }), "Partition \"s3\" is not valid for resource \"arn:s3:::b:*\"."),
        (
            json!({ "Resource": "arn:error:s3:::b" }),
            "Partition \"error\" is not valid for resource \"arn:error:s3:::b\".",
        ),
        (json!({ "Resource": "arn:aws" }), "Resource vendor must be fully qualified"),
        (json!({ "Resource": "arn:aws:fdsasf" }), ""),
        (json!({ "Resource": "arn:aws:invalid-service:us-east-1::b" }), ""),
        (json!({ "Resource": "arn:aws:s3::b" }), LEGACY),
        (json!({ "Resource": "arn:aws::::b" }), LEGACY),
        (json!({ "Resource": "arn:aws:s3::b", "Action": null }), LEGACY),
        (
            json!({ "Resource": "arn:aws:s3:us-east-1::b" }),
            "Resource arn:aws:s3:us-east-1::b can not contain region",
        ),
        (
            json!({ "Resource": "arn:aws:iam:us-east-1::b" }),
            "IAM resource arn:aws:iam:us-east-1::b cannot contain",
        ),
        (
            json!({ "Resource": "arn:aws:iam:::b" }),
            "IAM resource path must either be \"*\" or start with user/",
        ),
        (json!({ "Resource": "arn:aws:iam::*:user/${aws:username}" }), ""),
        (json!({ "Condition": [] }), SYNTAX),
        (json!({ "Condition": {} }), ""),
        (json!({ "Condition": { "a": "b" } }), SYNTAX),
        (json!({ "Condition": { "a": {}, "b": {} } }), ""),
        (json!({ "Condition": { "a": { "b": "c" } } }), SYNTAX),
        (json!({ "Condition": { "DateGreaterThan": { "a": {} } } }), SYNTAX),
        (json!({ "Condition": { "DateGreaterThan": { "a": [] } } }), ""),
        (json!({ "Condition": { "ForAnyValue::StringEqualsIfExists": { "a": "b" } } }), SYNTAX),
        (json!({ "Condition": { "ForAnyValue:StringEqualsIfExists": { "a": "b" } } }), ""),
        (json!({ "Condition": { "Bool": { "aws:SecureTransport": true } } }), ""),
    ];
    let date = |text: &str| json!({ "Condition": { "DateLessThan": { "a": text } } });
    let dates = [
        ("01T", ""),
        ("-292275054", ""),
        ("1767225601", ""),
        ("2019-07-01T13:20:15Z", ""),
        ("2016-12-13t2:00:00.593194+23", ""),
        ("2016-12-13t2:00:00.593194+1", LEGACY),
        ("2016-12-13t2:00:00.1999999999+10:59", LEGACY),
        ("9223372036854775808", LEGACY),
        ("234-13", LEGACY),
        ("tomorrow", LEGACY),
    ];
    let dates = dates.map(|(text, refusal)| (date(text), refusal));
    let statements = statements.into_iter().chain(dates);
    let statements = statements.map(|(members, refusal)| (whole(with(members)), refusal));
    for (document, refusal) in documents.into_iter().chain(statements) {
        let words = Document::parse(&document.to_string(), Kind::Managed).err().map(|error| error.0);
        let words = words.unwrap_or_default();
        assert!(words.starts_with(refusal) && words.is_empty() == refusal.is_empty(), "{document}: {words}");
    }
    let inline = json!({ "Version": "2008-10-17", "Statement": base }).to_string();
    assert!(Document::parse(&inline, Kind::Identity).is_ok(), "inline policies may be older");
}

#[test]
fn service_principals_are_services() {
    for (principal, is_known) in [
        ("ecs-tasks.amazonaws.com", true),
        ("ec2.amazonaws.com.cn", true),
        ("logs.eu-central-1.amazonaws.com", true),
        ("ecs.application-autoscaling.amazonaws.com", true),
        ("ecs-task.amazonaws.com", false),
        ("ecs-tasks.eu-central.amazonaws.com", false),
        ("ecs-tasks.example.com", false),
        ("ecs", false),
    ] {
        let text = json!({
            "Version": "2012-10-17",
            "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": principal } },
        });
        let refusal = Document::parse(&text.to_string(), Kind::Trust).err().map(|error| error.0);
        let expected = format!("Invalid principal in policy: \"SERVICE\":\"{principal}\"");
        assert_eq!(refusal, (!is_known).then_some(expected), "{principal}");
    }
}
