//! Log groups: what a stack makes for its services.

use aws_sdk_cloudwatchlogs::types::LogGroup;

use super::group;
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{Needed as _, either, refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("logs:CreateLogGroup")
            .case("with tags", "a=1 b=2", tagged)
            .case("what is there", "ResourceAlreadyExistsException", exists)
            .case("a character that is not allowed in names", "InvalidParameterException", bad_name)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "Names consist of letters, digits and _-/.#.",
                api!(logs "CreateLogGroup"),
            ),
        Operation::new("logs:DescribeLogGroups")
            .case("what it tells", "ARN with :* and without; kept for ever; STANDARD", describe)
            .but(
                &[MOTO],
                "ARN with :* and without; kept for ever; no class",
                "Every group has a class: STANDARD where its creation says nothing.",
                api!(logs "LogGroup"),
            )
            .case("by the beginning of names, in their order", "A B a", by_prefix)
            .case("by a part of names, in its case", "B", by_pattern)
            .but(
                &[MOTO],
                "A B a b",
                "The operation then “returns only log groups that have names that match the string”. moto does \
                 not look at it.",
                api!(logs "DescribeLogGroups"),
            )
            .case("by name and by ARN, and one that is not there", "A a", by_identifier)
            .but(
                &[MOTO, LOCALSTACK],
                "A B a",
                "logGroupIdentifiers is there “to filter the list of log groups returned”. \
                 Neither cloud looks at it.",
                api!(logs "DescribeLogGroups"),
            )
            .case("by name and by the beginning of names", "InvalidParameterException", two_filters)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "With logGroupIdentifiers, “the only other filter that you can choose to specify is \
                 includeLinkedAccounts”.",
                api!(logs "DescribeLogGroups"),
            )
            .case("one at a time", "A B a; 3 pages at least", pages)
            .but(
                &[LOCALSTACK],
                "A B a; fewer pages",
                "limit is “the maximum number of items returned”.",
                api!(logs "DescribeLogGroups"),
            )
            .case("51 at a time", "InvalidParameterException", too_many)
            .but(
                &[LOCALSTACK],
                "accepted",
                "limit is 50 at most.",
                api!(logs "DescribeLogGroups"),
            )
            .case("where nothing is", "", none),
        Operation::new("logs:DeleteLogGroup").case("what is there", "", delete).case(
            "what is not there",
            "ResourceNotFoundException",
            delete_absent,
        ),
        Operation::new("logs:PutRetentionPolicy")
            .case("30 days", "30 days", retention)
            .case("29 days", "InvalidParameterException", bad_retention)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "retentionInDays has a list of possible values, and 29 is none of them.",
                api!(logs "PutRetentionPolicy"),
            )
            .case("what is not there", "ResourceNotFoundException", retention_absent),
        Operation::new("logs:DeleteRetentionPolicy").case("of 30 days", "for ever", delete_retention).case(
            "what is not there",
            "ResourceNotFoundException",
            delete_retention_absent,
        ),
        Operation::new("logs:TagResource").case("a new tag and another value", "a=2 b=2 c=3", tag).case(
            "what is not there",
            "ResourceNotFoundException",
            tag_absent,
        )
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "The operation has the error ResourceNotFoundException for that.",
                api!(logs "TagResource"),
            ),
        Operation::new("logs:UntagResource").case("a tag, and one that is not there", "b=2", untag),
        Operation::new("logs:ListTagsForResource").case("where there are none", "", no_tags).case(
            "what is not there",
            "ResourceNotFoundException",
            tags_absent,
        )
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "The operation has the error ResourceNotFoundException for that.",
                api!(logs "ListTagsForResource"),
            ),
    ]
}

async fn find(a: &Account, name: &str) -> Result<Option<LogGroup>, Refused> {
    let list = a.logs.describe_log_groups().log_group_name_prefix(name).send().await?;
    let groups = list.log_groups.unwrap_or_default().into_iter();
    Ok(groups.into_iter().find(|group| group.log_group_name() == Some(name)))
}

/// The ARN that tags are asked for: without `:*`.
async fn arn(a: &Account, name: &str) -> Result<String, Refused> {
    let arn = find(a, name).await?.needed("group")?.arn.needed("ARN")?;
    Ok(arn.trim_end_matches(":*").to_owned())
}

/// The ARN of a group that is not there, beside one that is.
async fn absent_arn(a: &Account) -> Result<String, Refused> {
    let name = a.name("/conformance/beside");
    group(a, &name).await?;
    Ok(arn(a, &name).await?.replace("beside", "absent"))
}

async fn tags(a: &Account, name: &str) -> Answer {
    let tags = a.logs.list_tags_for_resource().resource_arn(arn(a, name).await?).send().await?;
    Ok(sorted(tags.tags().into_iter().flatten().map(|(key, value)| format!("{key}={value}"))))
}

async fn new_tagged(a: &Account, name: &str) -> Result<(), Refused> {
    a.logs.create_log_group().log_group_name(name).tags("a", "1").tags("b", "2").send().await?;
    Ok(())
}

async fn tagged(a: Account) -> Answer {
    let name = a.name("/conformance/tagged");
    new_tagged(&a, &name).await?;
    tags(&a, &name).await
}

async fn exists(a: Account) -> Answer {
    let name = a.name("/conformance/exists");
    group(&a, &name).await?;
    refusal(a.logs.create_log_group().log_group_name(&name).send().await)
}

async fn bad_name(a: Account) -> Answer {
    refusal(a.logs.create_log_group().log_group_name(a.name("a space")).send().await)
}

async fn describe(a: Account) -> Answer {
    let name = a.name("/conformance/describe");
    group(&a, &name).await?;
    let group = find(&a, &name).await?.needed("group")?;
    let (with, without) = (group.arn().unwrap_or_default(), group.log_group_arn().unwrap_or_default());
    let arns = without.ends_with(&format!(":log-group:{name}")) && with == format!("{without}:*");
    Ok(format!(
        "{}; {}; {}",
        either(arns, "ARN with :* and without", "other ARNs"),
        group.retention_in_days().map_or("kept for ever".to_owned(), |days| format!("kept for {days} days")),
        group.log_group_class().map_or("no class", |class| class.as_str()),
    ))
}

/// Makes groups that end in a, B and A.
async fn three(a: &Account, prefix: &str) -> Result<(), Refused> {
    for end in ["a", "B", "A"] {
        group(a, &format!("{prefix}/x{end}")).await?;
    }
    Ok(())
}

/// The last characters of names, in the order that they come in.
fn ends<'a>(groups: impl IntoIterator<Item = &'a LogGroup>) -> String {
    let names = groups.into_iter().filter_map(|group| group.log_group_name());
    let ends: Vec<String> = names.filter_map(|name| name.chars().last()).map(String::from).collect();
    ends.join(" ")
}

async fn by_prefix(a: Account) -> Answer {
    let prefix = a.name("/conformance/prefix");
    three(&a, &prefix).await?;
    let list = a.logs.describe_log_groups().log_group_name_prefix(&prefix).send().await?;
    Ok(ends(list.log_groups()))
}

async fn by_pattern(a: Account) -> Answer {
    let prefix = a.name("/conformance/pattern");
    three(&a, &prefix).await?;
    group(&a, &format!("{prefix}/xb")).await?;
    let pattern = format!("{}/xB", prefix.trim_start_matches("/conformance/"));
    let list = a.logs.describe_log_groups().log_group_name_pattern(pattern).into_paginator().items();
    let groups: Vec<_> = list.send().collect::<Result<_, _>>().await?;
    Ok(ends(own(&groups, &prefix)))
}

async fn by_identifier(a: Account) -> Answer {
    let prefix = a.name("/conformance/named");
    three(&a, &prefix).await?;
    let arn = arn(&a, &format!("{prefix}/xA")).await?;
    let list = a.logs.describe_log_groups().log_group_identifiers(format!("{prefix}/xa"));
    let list = list.log_group_identifiers(arn).log_group_identifiers(format!("{prefix}/xz"));
    let groups: Vec<_> = list.into_paginator().items().send().collect::<Result<_, _>>().await?;
    Ok(sorted(
        own(&groups, &prefix).filter_map(|group| group.log_group_name()?.chars().last()).map(String::from),
    ))
}

/// Those whose name begins so: a cloud that does not look at a filter answers with everybody's.
fn own<'a>(groups: &'a [LogGroup], prefix: &str) -> impl Iterator<Item = &'a LogGroup> {
    groups.iter().filter(move |group| group.log_group_name().is_some_and(|name| name.starts_with(prefix)))
}

async fn two_filters(a: Account) -> Answer {
    let list = a.logs.describe_log_groups().log_group_identifiers("/conformance/a");
    refusal(list.log_group_name_prefix("/conformance").send().await)
}

async fn pages(a: Account) -> Answer {
    let prefix = a.name("/conformance/pages");
    three(&a, &prefix).await?;
    let list = a.logs.describe_log_groups().log_group_name_prefix(&prefix).limit(1).into_paginator();
    let pages: Vec<_> = list.send().collect::<Result<_, _>>().await?;
    let found = ends(pages.iter().flat_map(|page| page.log_groups()));
    Ok(format!("{found}; {}", either(pages.len() >= 3, "3 pages at least", "fewer pages")))
}

async fn too_many(a: Account) -> Answer {
    refusal(a.logs.describe_log_groups().limit(51).send().await)
}

async fn none(a: Account) -> Answer {
    let list = a.logs.describe_log_groups().log_group_name_prefix(a.name("/conformance/none")).send().await?;
    Ok(ends(list.log_groups()))
}

async fn delete(a: Account) -> Answer {
    let name = a.name("/conformance/delete");
    group(&a, &name).await?;
    a.logs.delete_log_group().log_group_name(&name).send().await?;
    Ok(ends(&find(&a, &name).await?))
}

async fn delete_absent(a: Account) -> Answer {
    refusal(a.logs.delete_log_group().log_group_name(a.name("/conformance/absent")).send().await)
}

/// Returns the retention of a group's events.
async fn kept(a: &Account, name: &str) -> Answer {
    let days = find(a, name).await?.needed("group")?.retention_in_days;
    Ok(days.map_or("for ever".to_owned(), |days| format!("{days} days")))
}

async fn retention(a: Account) -> Answer {
    let name = a.name("/conformance/retention");
    group(&a, &name).await?;
    a.logs.put_retention_policy().log_group_name(&name).retention_in_days(30).send().await?;
    kept(&a, &name).await
}

async fn bad_retention(a: Account) -> Answer {
    let name = a.name("/conformance/retention");
    group(&a, &name).await?;
    refusal(a.logs.put_retention_policy().log_group_name(&name).retention_in_days(29).send().await)
}

async fn retention_absent(a: Account) -> Answer {
    let put = a.logs.put_retention_policy().log_group_name(a.name("/conformance/absent"));
    refusal(put.retention_in_days(30).send().await)
}

async fn delete_retention(a: Account) -> Answer {
    let name = a.name("/conformance/for-ever");
    group(&a, &name).await?;
    a.logs.put_retention_policy().log_group_name(&name).retention_in_days(30).send().await?;
    a.logs.delete_retention_policy().log_group_name(&name).send().await?;
    kept(&a, &name).await
}

async fn delete_retention_absent(a: Account) -> Answer {
    refusal(a.logs.delete_retention_policy().log_group_name(a.name("/conformance/absent")).send().await)
}

async fn tag(a: Account) -> Answer {
    let name = a.name("/conformance/tag");
    new_tagged(&a, &name).await?;
    let tag = a.logs.tag_resource().resource_arn(arn(&a, &name).await?);
    tag.tags("a", "2").tags("c", "3").send().await?;
    tags(&a, &name).await
}

async fn tag_absent(a: Account) -> Answer {
    let arn = absent_arn(&a).await?;
    refusal(a.logs.tag_resource().resource_arn(arn).tags("a", "1").send().await)
}

async fn untag(a: Account) -> Answer {
    let name = a.name("/conformance/untag");
    new_tagged(&a, &name).await?;
    let untag = a.logs.untag_resource().resource_arn(arn(&a, &name).await?);
    untag.tag_keys("a").tag_keys("z").send().await?;
    tags(&a, &name).await
}

async fn no_tags(a: Account) -> Answer {
    let name = a.name("/conformance/no-tags");
    group(&a, &name).await?;
    tags(&a, &name).await
}

async fn tags_absent(a: Account) -> Answer {
    let arn = absent_arn(&a).await?;
    refusal(a.logs.list_tags_for_resource().resource_arn(arn).send().await)
}
