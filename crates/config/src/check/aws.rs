//! `[aws]`

use std::collections::BTreeMap;

use longshore_model::{AssumedRole, AwsTarget, CallRate, Fields, consists_of};
use serde_json::Value;

use super::{role::is_role, text::url};

/// Reads the account and region.
pub(super) fn read(fields: &mut Fields<'_>) -> AwsTarget {
    AwsTarget {
        region: fields.accepted("region", is_region, "a region such as \"eu-central-1\""),
        profile: fields.accepted("profile", |text| !text.is_empty(), "the name of a profile"),
        assume_role: assumed_role(fields),
        account: fields.accepted("account", is_account, "the 12 digits of an account, in quotes"),
        endpoint: url(fields, "endpoint"),
        rates: fields.table("rates", |fields| Some(rates(fields))).unwrap_or_default(),
    }
}

/// Reads the role that is assumed: its ARN, or a table with it.
fn assumed_role(fields: &mut Fields<'_>) -> Option<AssumedRole> {
    const FIELD: &str = "assume-role";
    let wanted = "the ARN of a role, such as \"arn:aws:iam::123456789012:role/deploy\"";
    if !matches!(fields.peek(FIELD), Some(Value::Object(_))) {
        let arn = fields.accepted(FIELD, is_role, wanted)?;
        return Some(AssumedRole { arn, ..AssumedRole::default() });
    }
    fields.table(FIELD, |fields| {
        let external_id = |text: &str| text.len() >= 2 && consists_of(text, "+=,.@:/-_", 1224);
        let session = |text: &str| text.len() >= 2 && consists_of(text, "+=,.@-_", 64);
        Some(AssumedRole {
            external_id: fields.accepted(
                "external-id",
                external_id,
                "2 to 1224 letters, digits and +=,.@:/-_",
            ),
            session_name: fields.accepted("session-name", session, "2 to 64 letters, digits and +=,.@-_"),
            duration_seconds: fields.number("duration-seconds", 900..=43_200),
            arn: fields.required_text("arn", "arn:aws:iam::123456789012:role/deploy").filter(|arn| {
                let is_role = is_role(arn);
                if !is_role {
                    fields.refuse("arn", wanted);
                }
                is_role
            })?,
        })
    })
}

/// Reads the rates of calls, by class. The client that makes the calls knows the valid classes.
fn rates(fields: &mut Fields<'_>) -> BTreeMap<String, CallRate> {
    let rate = |fields: &mut Fields<'_>| {
        Some(CallRate {
            burst: fields.number("burst", 1..=1_000_000),
            per_second: fields.positive("per-second"),
        })
    };
    let names = fields.names();
    names.into_iter().filter_map(|name| Some((name.clone(), fields.table(&name, rate)?))).collect()
}

/// Lower-case words and a number, joined by hyphens: `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    words.len() >= 2
        && words.iter().all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
