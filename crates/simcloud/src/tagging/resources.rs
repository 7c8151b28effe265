//! `GetResources`, `GetTagKeys`, `GetTagValues`.
//! <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    found::{self, Found},
    query::{CODE, Query},
};
use crate::{ApiError, Call, Moment, World, input::violated};

/// The lifetime of a token for the next page.
const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);

/// The number of resources on a page unless the call sets it.
const DEFAULT_PAGE: usize = 50;

pub(super) fn get(world: &World, call: &Call) -> Result<Value, ApiError> {
    let query = Query::of(call)?;
    let (resources, tags) = (limit(call, "ResourcesPerPage", 1, 100)?, limit(call, "TagsPerPage", 100, 500)?);
    let after = after(call)?;
    let fitting = found::in_region(world, &call.region)
        .into_iter()
        .filter(|found| after.as_ref().is_none_or(|after| found.arn > *after) && query.accepts(found));
    let (mut page, mut tags_left, mut more) = (Vec::<Found>::new(), tags.unwrap_or(usize::MAX), false);
    for found in fitting {
        // A resource and its tags stay together.
        if page.len() >= resources.unwrap_or(DEFAULT_PAGE) || found.tags.len() > tags_left {
            more = true;
            break;
        }
        tags_left -= found.tags.len();
        page.push(found);
    }
    let last = page.last().filter(|_| more).map(|found| token(call.now, &found.arn));
    let list: Vec<Value> = page
        .iter()
        .map(|found| {
            let tags = found.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
            json!({ "ResourceARN": found.arn, "Tags": tags.collect::<Vec<_>>() })
        })
        .collect();
    Ok(json!({ "PaginationToken": last.unwrap_or_default(), "ResourceTagMappingList": list }))
}

/// Lists the keys of all tags in the region.
pub(super) fn keys(world: &World, call: &Call) -> Result<Value, ApiError> {
    let found = found::in_region(world, &call.region);
    texts(call, "TagKeys", found.into_iter().flat_map(|found| found.tags.into_keys()))
}

/// Lists the values that a tag has in the region.
pub(super) fn values(world: &World, call: &Call) -> Result<Value, ApiError> {
    let key = call.required("Key", CODE)?;
    let found = found::in_region(world, &call.region);
    texts(call, "TagValues", found.into_iter().filter_map(|mut found| found.tags.remove(key)))
}

/// A page of different texts in their order.
fn texts(call: &Call, list: &str, texts: impl Iterator<Item = String>) -> Result<Value, ApiError> {
    let after = after(call)?;
    let mut texts: BTreeSet<String> =
        texts.filter(|text| after.as_ref().is_none_or(|after| text > after)).collect();
    let rest = texts.iter().nth(DEFAULT_PAGE).cloned().map(|first| texts.split_off(&first));
    let last = rest.and_then(|_| texts.last()).map(|last| token(call.now, last));
    Ok(json!({ "PaginationToken": last.unwrap_or_default(), list: texts }))
}

fn limit(call: &Call, key: &str, low: i64, high: i64) -> Result<Option<usize>, ApiError> {
    match call.number(key) {
        None => Ok(None),
        Some(number) if (low..=high).contains(&number) => Ok(usize::try_from(number).ok()),
        Some(number) => {
            let constraint = format!("Member must have value between {low} and {high}, inclusive");
            Err(violated(&number.to_string(), key, &constraint, CODE))
        }
    }
}

/// A token holds until when it is good, and the ARN that its page ended with.
fn token(now: Moment, arn: &str) -> String {
    BASE64_STANDARD.encode(format!("{} {arn}", (now + TOKEN_LIFE).0))
}

/// The ARN after which the page begins that a call asks for.
fn after(call: &Call) -> Result<Option<String>, ApiError> {
    let Some(token) = call.text("PaginationToken").filter(|token| !token.is_empty()) else { return Ok(None) };
    let invalid = || ApiError::new(CODE, "The PaginationToken is not valid.");
    let bytes = BASE64_STANDARD.decode(token).map_err(|_| invalid())?;
    let text = String::from_utf8(bytes).map_err(|_| invalid())?;
    let (until, arn) = text.split_once(' ').ok_or_else(invalid)?;
    if until.parse::<u64>().map_err(|_| invalid())? < call.now.0 {
        return Err(ApiError::new(
            "PaginationTokenExpiredException",
            "The PaginationToken has expired. A token is valid for a maximum of 15 minutes.",
        ));
    }
    Ok(Some(arn.to_owned()))
}
