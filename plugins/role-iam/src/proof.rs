//! The proof, before it is used, that a generated policy allows what the task needs and nothing beside it.
//!
//! The document is read back and evaluated: everything that the ECS agent does must be allowed, and everything that
//! stands next to it denied. Next to it are other secrets and parameters (names that begin or end alike, another suffix,
//! account or region), other actions on the same ones, and other uses of the keys.

use std::collections::BTreeSet;

use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use serde_json::Value;

use crate::{
    evaluator::{Request, allows},
    needs::{DECRYPT, Kind, Need, Read, VIA_SERVICE, needs},
};

/// What else can be done with a secret, a parameter or a key.
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

/// Proves that the policy `document` allows to read exactly `reads`.
///
/// # Errors
/// What it allows too much or too little: an error of Longshore's own.
pub(crate) fn prove(document: &str, reads: &BTreeSet<Read>) -> Result<()> {
    judge(document, needs(reads), neighbours(reads))
}

/// Proves that the policy `document` allows all of `needs`, and of `neighbours` what is a need and nothing else.
pub(crate) fn judge(document: &str, needs: Vec<Need>, neighbours: Vec<Need>) -> Result<()> {
    let internal = |message: String| {
        Failure::new(FailureKind::Internal, message).help("nothing was changed; please report this")
    };
    let parsed: Value = serde_json::from_str(document)
        .map_err(|error| internal(format!("the generated policy is no JSON: {error}")))?;
    let allowed = |need: &Need| {
        let request = Request {
            action: need.action,
            resource: Some(&need.resource),
            service: None,
            context: &need.context,
        };
        allows(&parsed, &request)
            .map_err(|what| internal(format!("the generated policy is not understood: {}", what.0)))
    };
    for need in &needs {
        if !allowed(need)? {
            return Err(internal(format!(
                "the generated policy does not allow {} on {}",
                need.action, need.resource
            )));
        }
    }
    let needs: BTreeSet<_> = needs.into_iter().collect();
    for neighbour in neighbours.into_iter().filter(|neighbour| !needs.contains(neighbour)) {
        if allowed(&neighbour)? {
            return Err(internal(format!(
                "the generated policy allows {} on {}, which the task does not need",
                neighbour.action, neighbour.resource
            )));
        }
    }
    Ok(())
}

/// What stands next to what has to be allowed. Some of it may itself have to be.
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

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};
    use serde_json::json;

    use super::*;
    use crate::policy::Document;

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
            said.push(format!("{from} => {to}\n    {}", verdict.expect_err(&changed).message));
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
                // What a request brings beside what is asked for does not matter.
                let mut bare = question.clone();
                if bare.action != DECRYPT {
                    bare.context.clear();
                }
                prop_assert_eq!(allows(&parsed, &request).unwrap(), needed.contains(&bare), "{:?}", question);
            }
        }
    }
}
