//! `[aws]`

use std::collections::BTreeMap;

use longshore_model::{AwsTarget, CallRate, Fields};

use super::text::{accepted, url};

/// Reads the account and region.
pub(super) fn read(fields: &mut Fields<'_>) -> AwsTarget {
    AwsTarget {
        region: accepted(fields, "region", is_region, "a region such as \"eu-central-1\""),
        profile: accepted(fields, "profile", |text| !text.is_empty(), "the name of a profile"),
        account: accepted(fields, "account", is_account, "the 12 digits of an account, in quotes"),
        endpoint: url(fields, "endpoint"),
        rates: fields.table("rates", |fields| Some(rates(fields))).unwrap_or_default(),
    }
}

/// Which classes of calls there are, whoever makes the calls knows.
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
