//! Generated policies are judged by what they allow: everything that the ECS agent does, and nothing beside it.
//!
//! Beside it are other secrets and parameters (names that begin or end alike, another suffix, account or region), other
//! actions on the same ones, and other uses of the keys.

use std::collections::BTreeSet;

use longshore_model::Name;
use longshore_plugin::{LogStream, RoleSpec};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use crate::{
    evaluator::{Request, allows},
    files::{Files, GET_OBJECT, LOCATE_BUCKET},
    needs::{DECRYPT, Kind, Need, Read, VIA_SERVICE, needs},
    policy::{Document, Place},
    pull_and_log::{AUTHORIZE, CREATE_GROUP, LOG, PULL, PullAndLog},
};

/// Other actions on a secret, a parameter or a key.
const BESIDE_SECRET: [&str; 9] = [
    "secretsmanager:BatchGetSecretValue",
    "secretsmanager:DeleteSecret",
    "secretsmanager:DescribeSecret",
    "secretsmanager:ListSecretVersionIds",
    "secretsmanager:PutResourcePolicy",
    "secretsmanager:PutSecretValue",
    "secretsmanager:RestoreSecret",
    "secretsmanager:TagResource",
    "secretsmanager:UpdateSecret",
];
const BESIDE_PARAMETER: [&str; 8] = [
    "ssm:AddTagsToResource",
    "ssm:DeleteParameter",
    "ssm:DeleteParameters",
    "ssm:GetParameter",
    "ssm:GetParameterHistory",
    "ssm:GetParametersByPath",
    "ssm:PutParameter",
    "ssm:DescribeParameters",
];
const BESIDE_KEY: [&str; 7] = [
    "kms:CreateGrant",
    "kms:DisableKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:PutKeyPolicy",
    "kms:ReEncryptFrom",
    "kms:ScheduleKeyDeletion",
];

/// Other actions on an object and on its bucket.
const BESIDE_FILE: [&str; 5] =
    ["s3:DeleteObject", "s3:GetObjectAcl", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject"];

/// Other actions on a repository or a log group.
const BESIDE_PULL: [&str; 5] = [
    "ecr:BatchDeleteImage",
    "ecr:DeleteRepository",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:SetRepositoryPolicy",
];
const BESIDE_LOG: [&str; 5] = [
    CREATE_GROUP,
    "logs:DeleteLogGroup",
    "logs:DeleteLogStream",
    "logs:GetLogEvents",
    "logs:PutRetentionPolicy",
];

/// The first request of which the policy allows too much or too little.
type Verdict = Result<(), String>;

/// Proves that the policy `document` allows to read exactly `reads`.
fn prove(document: &str, reads: &BTreeSet<Read>) -> Verdict {
    judge(document, needs(reads), neighbours(reads))
}

/// Proves that the policy `document` allows to read exactly `files`.
pub(crate) fn prove_files(document: &str, files: &Files) -> Verdict {
    let mut neighbours = Vec::new();
    let mut add = |action: &'static str, resource: String| neighbours.push(need(action, resource));
    for object in files.objects() {
        add(GET_OBJECT, format!("{object}x"));
        BESIDE_FILE.iter().for_each(|action| add(action, object.clone()));
    }
    for bucket in files.buckets() {
        add(GET_OBJECT, format!("{bucket}/of-others"));
        add(GET_OBJECT, format!("{bucket}x/of-others"));
        add(LOCATE_BUCKET, format!("{bucket}x"));
        BESIDE_FILE.iter().for_each(|action| add(action, bucket.clone()));
    }
    judge(document, files.needs(), neighbours)
}

/// Proves that the policy `document` allows exactly `purpose`.
pub(crate) fn prove_pulls_and_logs(document: &str, purpose: &PullAndLog) -> Verdict {
    // The ARN with which CloudWatch Logs authorises it (service authorization reference).
    let creates = purpose.created.iter().map(|group| need(CREATE_GROUP, format!("{group}:log-stream:")));
    let mut neighbours = Vec::new();
    let mut add = |action: &'static str, resource: String| neighbours.push(need(action, resource));
    for repository in &purpose.repositories {
        for action in PULL {
            add(action, format!("{repository}x"));
            add(action, elsewhere(repository));
            add(action, "*".to_owned());
        }
        BESIDE_PULL.iter().for_each(|action| add(action, repository.clone()));
    }
    for group in &purpose.groups {
        for action in LOG {
            add(action, format!("{group}x:log-stream:x"));
            add(action, format!("{}:log-stream:x", elsewhere(group)));
            add(action, "*".to_owned());
        }
        let is_needed = |action: &str| action == CREATE_GROUP && purpose.created.contains(group);
        let others = BESIDE_LOG.into_iter().filter(|action| !is_needed(action));
        others.for_each(|action| add(action, format!("{group}:log-stream:x")));
    }
    if purpose.repositories.is_empty() {
        add(AUTHORIZE, "*".to_owned());
    }
    judge(document, purpose.needs().into_iter().chain(creates).collect(), neighbours)
}

fn need(action: &'static str, resource: String) -> Need {
    Need { action, resource, context: Vec::new() }
}

/// Proves that the policy `document` allows all of `needs`, and of `neighbours` those alone that are needs.
fn judge(document: &str, needs: Vec<Need>, neighbours: Vec<Need>) -> Verdict {
    let parsed: Value = serde_json::from_str(document).unwrap();
    let allowed = |need: &Need| {
        let request = Request {
            action: need.action,
            resource: Some(&need.resource),
            service: None,
            context: &need.context,
        };
        allows(&parsed, &request).unwrap()
    };
    if let Some(Need { action, resource, .. }) = needs.iter().find(|need| !allowed(need)) {
        return Err(format!("the generated policy does not allow {action} on {resource}"));
    }
    let needs: BTreeSet<_> = needs.into_iter().collect();
    let too_much =
        neighbours.iter().filter(|neighbour| !needs.contains(*neighbour)).find(|need| allowed(need));
    match too_much {
        None => Ok(()),
        Some(Need { action, resource, .. }) => {
            Err(format!("the generated policy allows {action} on {resource}, which the task does not need"))
        }
    }
}

/// Returns the needs next to the required ones. Some of them may themselves be required.
fn neighbours(reads: &BTreeSet<Read>) -> Vec<Need> {
    let mut neighbours = Vec::new();
    let mut add = |action: &'static str, resource: String, context: Vec<(&'static str, String)>| {
        neighbours.push(Need { action, resource, context });
    };
    for read in reads {
        for resource in alike(read) {
            add(read.kind.action(), resource, Vec::new());
        }
        let (others, other_kind) = match read.kind {
            Kind::Secret => (BESIDE_SECRET.as_slice(), Kind::Parameter),
            Kind::Parameter => (BESIDE_PARAMETER.as_slice(), Kind::Secret),
        };
        for action in others {
            add(action, read.arn.clone(), Vec::new());
        }
        add(other_kind.action(), read.arn.clone(), Vec::new());
        let Some(key) = &read.key else { continue };
        add(DECRYPT, key.clone(), Vec::new());
        add(DECRYPT, key.clone(), vec![(VIA_SERVICE, read.kind.via_service(&read.region))]);
        add(DECRYPT, key.clone(), vec![(read.kind.encryption_context(), read.arn.clone())]);
        for resource in alike(read) {
            let context = vec![
                (VIA_SERVICE, read.kind.via_service(&read.region)),
                (read.kind.encryption_context(), resource),
            ];
            add(DECRYPT, key.clone(), context);
        }
        for service in [other_kind.via_service(&read.region), read.kind.via_service("xx-other-9")] {
            add(
                DECRYPT,
                key.clone(),
                vec![(VIA_SERVICE, service), (read.kind.encryption_context(), read.arn.clone())],
            );
        }
        for other in [format!("{key}0"), key[..key.len().saturating_sub(1)].to_owned(), "*".to_owned()] {
            add(DECRYPT, other, read.encryption());
        }
        for action in BESIDE_KEY {
            add(action, key.clone(), read.encryption());
        }
    }
    // Each key is for what it encrypts, not for what another one does.
    for read in reads {
        for key in reads.iter().filter_map(|other| other.key.as_ref()) {
            add(DECRYPT, key.clone(), read.encryption());
        }
    }
    neighbours
}

/// ARNs that look like the one of `read`.
fn alike(read: &Read) -> Vec<String> {
    let arn = &read.arn;
    let mut alike = vec![format!("{arn}x"), format!("{arn}-AbCdEf"), format!("{arn}/x"), "*".to_owned()];
    if let Some((shorter, _)) = arn.char_indices().next_back().map(|(at, last)| (&arn[..at], last)) {
        alike.push(shorter.to_owned());
        // Another last character.
        alike.push(format!("{shorter}{}", if arn.ends_with('0') { '1' } else { '0' }));
    }
    if let Some((name, suffix)) = arn.rsplit_once('-') {
        alike.push(name.to_owned());
        alike.push(format!("{name}-other-{suffix}"));
        alike.push(format!("{name}-??????"));
    }
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    if let [begin, partition, service, region, account, resource] = parts.as_slice() {
        let other =
            |region: &str, account: &str| [begin, partition, service, region, account, resource].join(":");
        alike.push(other(&format!("{region}9"), account));
        alike.push(other(region, "000000000000"));
    }
    alike
}

/// The same in another account.
fn elsewhere(arn: &str) -> String {
    let mut parts: Vec<_> = arn.splitn(6, ':').collect();
    if let Some(account) = parts.get_mut(4) {
        *account = "000000000000";
    }
    parts.join(":")
}

const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/ghcr/pull-AbCdEf";
const PARAMETER: &str = "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/api/DATABASE_URL";
const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/1234";

fn read(arn: &str, key: Option<&str>) -> Read {
    Read::of(arn, key.map(str::to_owned)).unwrap()
}

fn generated(reads: &BTreeSet<Read>) -> String {
    Document::reads(reads).unwrap().to_json().unwrap()
}

#[test]
fn what_is_generated_is_proved() {
    let reads = [read(SECRET, Some(KEY)), read(PARAMETER, Some(KEY)), read(PARAMETER, None)];
    let reads: BTreeSet<_> = reads.into();
    assert_eq!(prove(&generated(&reads), &reads), Ok(()));
}

/// Each way in which a policy can be wrong is noticed.
#[test]
fn what_is_too_wide_or_too_narrow_is_refused() {
    let reads: BTreeSet<_> = [read(SECRET, Some(KEY)), read(PARAMETER, None)].into();
    let good = generated(&reads);
    let mut said = Vec::new();
    for (from, to) in [
        (SECRET, "*"),
        (SECRET, &SECRET.replace("AbCdEf", "??????")),
        (SECRET, &SECRET.replace("ghcr/pull-AbCdEf", "*")),
        (PARAMETER, &PARAMETER.replace("DATABASE_URL", "*")),
        (PARAMETER, &PARAMETER.replace("123456789012", "*")),
        (KEY, &KEY.replace("key/1234", "key/*")),
        (KEY, "*"),
        ("secretsmanager:GetSecretValue", "secretsmanager:*"),
        ("ssm:GetParameters", "ssm:GetParameter*"),
        ("kms:Decrypt", "kms:*"),
        ("StringEquals", "StringLike"),
        ("secretsmanager.eu-central-1.amazonaws.com", "s3.eu-central-1.amazonaws.com"),
        ("\"Allow\"", "\"Deny\""),
    ] {
        let changed = good.replacen(from, to, 1);
        let verdict = prove(&changed, &reads);
        // A comparison that knows patterns means the same where there are none; a text that is not there changes
        // nothing.
        if changed == good || from == "StringEquals" {
            assert_eq!(verdict, Ok(()), "{from}");
            continue;
        }
        said.push(format!("{from} => {to}\n    {}", verdict.expect_err(&changed)));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_key_is_for_what_it_encrypts() {
    let other = KEY.replace("1234", "5678");
    let reads: BTreeSet<_> = [read(SECRET, Some(KEY)), read(PARAMETER, Some(&other))].into();
    assert_eq!(prove(&generated(&reads), &reads), Ok(()));
    let crossed = json!({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": [KEY, other], "Condition": {
        "StringEquals": {"kms:ViaService": "ssm.eu-central-1.amazonaws.com",
            "kms:EncryptionContext:PARAMETER_ARN": PARAMETER}}});
    let mut document: Value = serde_json::from_str(&generated(&reads)).unwrap();
    document["Statement"].as_array_mut().unwrap().push(crossed);
    assert!(prove(&document.to_string(), &reads).is_err());
}

fn any_read() -> impl Strategy<Value = Read> {
    // Few letters, so that many names begin or end alike.
    let name = "[ab/]{1,3}";
    let region = select(vec!["eu-central-1", "us-east-1"]);
    let key = select(vec![None, Some("1"), Some("11"), Some("2")]);
    (any::<bool>(), name, "[ab]{6}", region, key).prop_map(|(is_secret, name, suffix, region, key)| {
        let key = key.map(|id| format!("arn:aws:kms:{region}:123456789012:key/{id}"));
        let arn = if is_secret {
            format!("arn:aws:secretsmanager:{region}:123456789012:secret:{name}-{suffix}")
        } else {
            format!("arn:aws:ssm:{region}:123456789012:parameter/{name}")
        };
        Read::of(&arn, key).unwrap()
    })
}

/// Whatever might be asked about a few secrets, parameters and keys.
fn any_question() -> impl Strategy<Value = Need> {
    let action = select(vec![
        "secretsmanager:GetSecretValue",
        "ssm:GetParameters",
        "kms:Decrypt",
        "secretsmanager:PutSecretValue",
        "ssm:PutParameter",
    ]);
    (action, any_read(), any_read(), any::<bool>(), any::<bool>()).prop_map(
        |(action, read, other, with_context, exact)| {
            let key = read.key.clone().filter(|_| action == DECRYPT);
            let context = match (with_context, exact) {
                (false, _) => Vec::new(),
                (true, true) => read.encryption(),
                (true, false) => other.encryption(),
            };
            Need { action, resource: key.unwrap_or(read.arn), context }
        },
    )
}

proptest! {
    #[test]
    fn any_set_is_proved_and_anything_else_is_denied(
        reads in proptest::collection::btree_set(any_read(), 1..8),
        questions in proptest::collection::vec(any_question(), 1..40),
    ) {
        let document = generated(&reads);
        prop_assert_eq!(prove(&document, &reads), Ok(()));
        let parsed: Value = serde_json::from_str(&document).unwrap();
        let needed: BTreeSet<_> = needs(&reads).into_iter().collect();
        for question in questions {
            let request = Request {
                action: question.action, resource: Some(&question.resource), service: None, context: &question.context,
            };
            // The rest of a request's context does not matter.
            let mut bare = question.clone();
            if bare.action != DECRYPT {
                bare.context.clear();
            }
            prop_assert_eq!(allows(&parsed, &request).unwrap(), needed.contains(&bare), "{:?}", question);
        }
    }

    #[test]
    fn any_files_are_allowed_alone(arns in proptest::collection::btree_set("arn:aws:s3:::[ab]{1,2}/[ab/]{1,3}", 1..6)) {
        let files = Files::of(&arns.into_iter().collect::<Vec<_>>()).unwrap();
        let document = Document::files(&files).unwrap().to_json().unwrap();
        prop_assert_eq!(prove_files(&document, &files), Ok(()));
    }

    #[test]
    fn any_pulls_and_logs_are_allowed_alone(
        repositories in proptest::collection::btree_set("[ab]{1,3}", 0..4),
        groups in proptest::collection::btree_map("/[ab]{1,3}", any::<bool>(), 0..4),
    ) {
        let image = |name: &String| format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/{name}:1").parse().unwrap();
        let stream = |(group, creates_group): (&String, &bool)| LogStream {
            group: group.clone(),
            name: "ecs/api/0".to_owned(),
            creates_group: *creates_group,
        };
        let role = RoleSpec {
            images: repositories.iter().map(image).collect(),
            log_streams: groups.iter().map(stream).collect(),
            ..RoleSpec::new(Name::new("api").unwrap())
        };
        let place = Place { partition: "aws", region: "eu-west-1", account: "123456789012" };
        let purpose = PullAndLog::of(&role, &place);
        if let Some(document) = Document::pulls_and_logs(&purpose) {
            prop_assert_eq!(prove_pulls_and_logs(&document.to_json().unwrap(), &purpose), Ok(()));
        }
    }
}
