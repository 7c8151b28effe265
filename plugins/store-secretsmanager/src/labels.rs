//! Labels: what is noted beside a value, kept as tags with Longshore's prefix.

use std::collections::BTreeMap;

use longshore_aws::is_ownership_tag;

const PREFIX: &str = "longshore:";

/// The tag that keeps a label.
pub(crate) fn tag(label: &str) -> String {
    format!("{PREFIX}{label}")
}

/// The labels among a secret's tags.
pub(crate) fn of(tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let label = |(key, value): (&String, &String)| {
        let label = key.strip_prefix(PREFIX).filter(|_| !is_ownership_tag(key))?;
        Some((label.to_owned(), value.clone()))
    };
    tags.iter().filter_map(label).collect()
}

/// The tags to be set, and the keys of those to be removed, so that the labels are the declared ones.
pub(crate) fn difference(
    tags: &BTreeMap<String, String>,
    declared: &BTreeMap<String, String>,
) -> (Vec<(String, String)>, Vec<String>) {
    let present = of(tags);
    let missing = declared.iter().filter(|(label, value)| present.get(*label) != Some(*value));
    let surplus = present.keys().filter(|label| !declared.contains_key(*label));
    (
        missing.map(|(label, value)| (tag(label), value.clone())).collect(),
        surplus.map(|label| tag(label)).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_longshores_own_tags_are_labels() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let tags = map(&[
            ("longshore:stack", "shop"),
            ("longshore:environment", "production"),
            ("longshore:resource", "credential.hub"),
            ("longshore:protected", "true"),
            ("longshore:token-id", "1"),
            ("longshore:token-next", "2"),
            ("team", "a"),
        ]);
        assert_eq!(of(&tags), map(&[("token-id", "1"), ("token-next", "2")]));
        let (set, removed) = difference(&tags, &map(&[("token-id", "2")]));
        assert_eq!(set, [("longshore:token-id".to_owned(), "2".to_owned())]);
        assert_eq!(removed, ["longshore:token-next"]);
    }
}
