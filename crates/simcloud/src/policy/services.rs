//! The services of AWS that a policy can name as principals.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>

use std::{collections::BTreeSet, sync::OnceLock};

/// Returns true if `SERVICE.amazonaws.com` or `SERVICE.REGION.amazonaws.com` is the principal of a service, with the suffix of
/// any partition.
pub(super) fn is_service(principal: &str) -> bool {
    static KNOWN: OnceLock<BTreeSet<&str>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let lines = include_str!("services.txt").lines().filter(|line| !line.starts_with('#'));
        lines.flat_map(str::split_ascii_whitespace).collect()
    });
    let Some(name) = principal.strip_suffix(".cn").unwrap_or(principal).strip_suffix(".amazonaws.com") else {
        return false;
    };
    let of_region = || name.rsplit_once('.').filter(|(_, region)| is_region(region));
    known.contains(name) || of_region().is_some_and(|(name, _)| known.contains(name))
}

/// Returns true for the form of a region, such as `eu-central-1`.
fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number = parts.next().unwrap_or_default();
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    number.len() == 1
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && parts.clone().count() >= 2
        && parts.all(is_word)
}
