//! Describing and listing secrets.

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry};

use super::{SECOND, THIRD, deleted, put, secret, staged, tag, tags};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{Needed as _, either, refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("secretsmanager:DescribeSecret")
            .case("a new secret", "its ARN and name; no tags, no description, not deleted, no key", fresh)
            .case("versions that have no stage", "2: AWSPREVIOUS, 3: AWSCURRENT", without_stage)
            .but(&[MOTO], "1: no stage, 2: AWSPREVIOUS, 3: AWSCURRENT", "VersionIdsToStages leaves out versions without a staging label: they “are not included in this list”.", api!(secretsmanager "DescribeSecret"))
            .case("a secret that is scheduled for deletion", "the end of its window", of_deleted)
            .case("a secret that is not there", "ResourceNotFoundException", absent),
        Operation::new("secretsmanager:ListSecrets")
            .case("by the prefix of names", "a b", by_name)
            .case("by names that do not begin so", "c", not_by_name)
            .case("by the key of a tag", "a b", by_tag_key)
            .case("by the values of a tag", "a", by_tag_value)
            .case("by two filters", "b", by_two)
            .case("one at a time", "a b c; 3 pages at least", in_pages)
            .case("what is scheduled for deletion", "without: b; with: a b", planned_deletion)
            .case("what an entry tells", "ARN, name, tags, 1 current version, created, changed", entry),
        Operation::new("secretsmanager:ListSecretVersionIds")
            .case("versions with stages", "AWSCURRENT, AWSPREVIOUS", versions)
            .but(&[MOTO], "AWSCURRENT, AWSPREVIOUS, no stage", "Versions without staging labels are deprecated, and not included unless IncludeDeprecated is set.", api!(secretsmanager "ListSecretVersionIds"))
            .case("those without a stage, too", "AWSCURRENT, AWSPREVIOUS, no stage", all_versions)
            .case("one at a time", "2 versions; 2 pages at least", version_pages)
            .but(&[MOTO, LOCALSTACK], "2 versions; 1 page", "MaxResults is the number of results in an answer.", api!(secretsmanager "ListSecretVersionIds"))
            .case("a secret that is not there", "ResourceNotFoundException", versions_absent)
            .but(&[MOTO], "secretsmanager:ListSecretVersionIds is refused: HTTP 500", "What cannot be found is a ResourceNotFoundException; moto breaks.", api!(secretsmanager "ListSecretVersionIds")),
    ]
}

async fn fresh(a: Account) -> Answer {
    let name = a.name("fresh");
    let arn = secret(&a, &name).await?.arn;
    let described = a.secrets.describe_secret().secret_id(&name).send().await?;
    let same = described.arn() == arn.as_deref() && described.name() == Some(&name);
    Ok(format!(
        "{}; {}, {}, {}, {}",
        either(same, "its ARN and name", "another ARN or name"),
        either(described.tags().is_empty(), "no tags", "tags"),
        either(described.description().unwrap_or_default().is_empty(), "no description", "a description"),
        either(described.deleted_date().is_none(), "not deleted", "deleted"),
        described.kms_key_id().unwrap_or("no key"),
    ))
}

async fn without_stage(a: Account) -> Answer {
    let name = a.name("stages");
    secret(&a, &name).await?;
    put(&a, &name, SECOND, "two").await?;
    put(&a, &name, THIRD, "three").await?;
    staged(&a, &name).await
}

async fn of_deleted(a: Account) -> Answer {
    let name = a.name("deleted");
    secret(&a, &name).await?;
    let end = a.secrets.delete_secret().secret_id(&name).recovery_window_in_days(7).send().await?;
    let described = a.secrets.describe_secret().secret_id(&name).send().await?;
    // Clouds round a moment differently.
    let (end, said) = (end.deletion_date().needed("end")?, described.deleted_date().needed("DeletedDate")?);
    Ok(either((end.secs() - said.secs()).abs() <= 1, "the end of its window", "another time"))
}

async fn absent(a: Account) -> Answer {
    refusal(a.secrets.describe_secret().secret_id(a.name("absent")).send().await)
}

fn filter(key: FilterNameStringType, values: &[&str]) -> Filter {
    Filter::builder()
        .key(key)
        .set_values(Some(values.iter().map(|&value| value.to_owned()).collect()))
        .build()
}

/// Three secrets: `PREFIX/a` tagged team=shop, `PREFIX/b` tagged team=blog, and `PREFIX-c`. The tag's key is the
/// prefix, so that no other test has it.
async fn three(a: &Account, prefix: &str) -> Result<(), Refused> {
    for (name, team) in [("/a", Some("shop")), ("/b", Some("blog")), ("-c", None)] {
        let create = a.secrets.create_secret().name(format!("{prefix}{name}")).secret_string("one");
        create.set_tags(team.map(|team| vec![tag(prefix, team)])).send().await?;
    }
    Ok(())
}

/// The last characters of the names that are found, once `count` are: lists follow with some delay.
async fn found(a: &Account, prefix: &str, filters: &[Filter], count: usize) -> Answer {
    let listed = a
        .until("listed", || async {
            let list = a.secrets.list_secrets().set_filters(Some(filters.to_vec())).into_paginator();
            let pages: Vec<_> = list.send().collect::<Result<_, _>>().await?;
            let all = pages.iter().flat_map(|page| page.secret_list());
            let names = all.filter_map(SecretListEntry::name).filter(|name| name.starts_with(prefix));
            let ends: Vec<String> = names.filter_map(|name| name.chars().last()).map(String::from).collect();
            Ok((ends.len() >= count).then_some(ends))
        })
        .await?;
    Ok(sorted(listed))
}

async fn by_name(a: Account) -> Answer {
    let prefix = a.name("by-name");
    three(&a, &prefix).await?;
    found(&a, &prefix, &[filter(FilterNameStringType::Name, &[&format!("{prefix}/")])], 2).await
}

async fn not_by_name(a: Account) -> Answer {
    let prefix = a.name("not-by-name");
    three(&a, &prefix).await?;
    let filters = [
        filter(FilterNameStringType::Name, &[&prefix]),
        filter(FilterNameStringType::Name, &[&format!("!{prefix}/")]),
    ];
    found(&a, &prefix, &filters, 1).await
}

async fn by_tag_key(a: Account) -> Answer {
    let prefix = a.name("by-key");
    three(&a, &prefix).await?;
    found(&a, &prefix, &[filter(FilterNameStringType::TagKey, &[&prefix])], 2).await
}

async fn by_tag_value(a: Account) -> Answer {
    let prefix = a.name("by-value");
    three(&a, &prefix).await?;
    let filters =
        [filter(FilterNameStringType::TagKey, &[&prefix]), filter(FilterNameStringType::TagValue, &["shop"])];
    found(&a, &prefix, &filters, 1).await
}

async fn by_two(a: Account) -> Answer {
    let prefix = a.name("by-two");
    three(&a, &prefix).await?;
    let filters = [
        filter(FilterNameStringType::Name, &[&format!("{prefix}/b"), &format!("{prefix}-")]),
        filter(FilterNameStringType::TagKey, &[&prefix]),
    ];
    found(&a, &prefix, &filters, 1).await
}

async fn in_pages(a: Account) -> Answer {
    let prefix = a.name("pages");
    three(&a, &prefix).await?;
    let filters = [filter(FilterNameStringType::Name, &[&prefix])];
    found(&a, &prefix, &filters, 3).await?;
    let pages = a.secrets.list_secrets().set_filters(Some(filters.to_vec())).max_results(1).into_paginator();
    let pages: Vec<_> = pages.send().collect::<Result<_, _>>().await?;
    let names = pages.iter().flat_map(|page| page.secret_list()).filter_map(SecretListEntry::name);
    let ends = sorted(names.filter_map(|name| name.chars().last()).map(String::from));
    Ok(format!("{ends}; {}", either(pages.len() >= 3, "3 pages at least", "fewer pages")))
}

async fn planned_deletion(a: Account) -> Answer {
    let prefix = a.name("planned");
    deleted(&a, &format!("{prefix}/a")).await?;
    secret(&a, &format!("{prefix}/b")).await?;
    let filters = [filter(FilterNameStringType::Name, &[&prefix])];
    let without = found(&a, &prefix, &filters, 1).await?;
    let list = a.secrets.list_secrets().set_filters(Some(filters.to_vec())).include_planned_deletion(true);
    let all = list.send().await?;
    let names = all.secret_list().iter().filter_map(SecretListEntry::name);
    let with = sorted(names.filter_map(|name| name.chars().last()).map(String::from));
    Ok(format!("without: {without}; with: {with}"))
}

async fn entry(a: Account) -> Answer {
    let name = a.name("entry");
    let create = a.secrets.create_secret().name(&name).secret_string("one").tags(tag("a", "1"));
    let arn = create.send().await?.arn;
    let filters = vec![filter(FilterNameStringType::Name, &[&name])];
    let entry = a
        .until("listed", || async {
            let list = a.secrets.list_secrets().set_filters(Some(filters.clone())).send().await?;
            Ok(list.secret_list.unwrap_or_default().into_iter().next())
        })
        .await?;
    let stages: Vec<_> = entry.secret_versions_to_stages().into_iter().flatten().collect();
    let current = stages.iter().filter(|(_, stages)| stages.iter().any(|stage| stage == "AWSCURRENT"));
    Ok(format!(
        "{}, {}, {}, {} current version, {}, {}",
        either(entry.arn() == arn.as_deref(), "ARN", "another ARN"),
        either(entry.name() == Some(&name), "name", "another name"),
        either(tags(entry.tags()) == "a=1", "tags", "no tags"),
        current.count(),
        either(entry.created_date().is_some(), "created", "no created date"),
        either(entry.last_changed_date().is_some(), "changed", "no changed date"),
    ))
}

/// The stages of the versions that are listed.
async fn listed_versions(a: &Account, name: &str, all: bool) -> Answer {
    secret(a, name).await?;
    put(a, name, SECOND, "two").await?;
    put(a, name, THIRD, "three").await?;
    let list = a.secrets.list_secret_version_ids().secret_id(name).include_deprecated(all).send().await?;
    let mut stages: Vec<_> = list
        .versions()
        .iter()
        .map(|version| sorted(version.version_stages()))
        .map(|stages| if stages.is_empty() { "no stage".to_owned() } else { stages })
        .collect();
    stages.sort();
    Ok(stages.join(", "))
}

async fn versions(a: Account) -> Answer {
    listed_versions(&a, &a.name("versions"), false).await
}

async fn all_versions(a: Account) -> Answer {
    listed_versions(&a, &a.name("all-versions"), true).await
}

async fn version_pages(a: Account) -> Answer {
    let name = a.name("pages");
    secret(&a, &name).await?;
    put(&a, &name, SECOND, "two").await?;
    let list = a.secrets.list_secret_version_ids().secret_id(&name).max_results(1).into_paginator();
    let pages: Vec<_> = list.send().collect::<Result<_, _>>().await?;
    let versions: usize = pages.iter().map(|page| page.versions().len()).sum();
    Ok(format!("{versions} versions; {}", either(pages.len() >= 2, "2 pages at least", "1 page")))
}

async fn versions_absent(a: Account) -> Answer {
    refusal(a.secrets.list_secret_version_ids().secret_id(a.name("absent")).send().await)
}
