//! Listing parameters without their values.

use aws_sdk_ssm::types::{ParameterStringFilter, ParameterType, ResourceTypeForTagging};

use super::{ends, put, tag};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{either, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ssm:DescribeParameters")
            .case("by the beginning of names", "a b c", by_name)
            .case("by path, one level", "a b", by_path)
            .case("by path, all levels", "a b c", by_path_recursive)
            .case("by a tag", "a", by_tag)
            .case("by a tag's key, with any value", "a b", by_tag_key)
            .case("two at a time", "a b c; 2 pages at least", pages)
            .but(
                &[MOTO, LOCALSTACK],
                "a b c; 1 page",
                "MaxResults is “the maximum number of items to return for this call”.",
                api!(ssm "DescribeParameters"),
            )
            .case("what an entry tells", "String, version 1, Standard, a description, no value", entry)
            .case("a filter that there is not", "ValidationException", no_filter)
            .case("a filter that is one of GetParametersByPath", "InvalidFilterKey", other_filter),
    ]
}

/// Makes `PATH/a` tagged KEY=shop, `PATH/b` tagged KEY=blog and `PATH/x/c`.
async fn tree(a: &Account, path: &str, key: &str) -> Result<(), Refused> {
    for (end, team) in [("/a", Some("shop")), ("/b", Some("blog")), ("/x/c", None)] {
        let name = format!("{path}{end}");
        put(a, &name, end).await?;
        if let Some(team) = team {
            let add = a.ssm.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter);
            add.resource_id(name).tags(tag(key, team)?).send().await?;
        }
    }
    Ok(())
}

fn filter(key: &str, option: &str, values: &[&str]) -> Result<ParameterStringFilter, Refused> {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    let filter = ParameterStringFilter::builder().key(key).option(option).set_values(Some(values));
    filter.build().map_err(|_| Refused::Missing("filter"))
}

/// Returns the parameters found, once there are `count`: lists follow with some delay.
async fn found(a: &Account, filter: ParameterStringFilter, count: usize) -> Answer {
    a.until("listed", || async {
        let list = a.ssm.describe_parameters().parameter_filters(filter.clone()).send().await?;
        let there = list.parameters().len() >= count;
        Ok(there.then(|| ends(list.parameters().iter().map(|parameter| parameter.name()))))
    })
    .await
}

async fn by_name(a: Account) -> Answer {
    let path = format!("/{}", a.name("by-name"));
    tree(&a, &path, "team").await?;
    found(&a, filter("Name", "BeginsWith", &[&path])?, 3).await
}

async fn by_path(a: Account) -> Answer {
    let path = format!("/{}", a.name("by-path"));
    tree(&a, &path, "team").await?;
    found(&a, filter("Path", "OneLevel", &[&path])?, 2).await
}

async fn by_path_recursive(a: Account) -> Answer {
    let path = format!("/{}", a.name("recursive"));
    tree(&a, &path, "team").await?;
    found(&a, filter("Path", "Recursive", &[&path])?, 3).await
}

async fn by_tag(a: Account) -> Answer {
    let key = a.name("by-tag");
    tree(&a, &format!("/{key}"), &key).await?;
    found(&a, filter(&format!("tag:{key}"), "Equals", &["shop"])?, 1).await
}

async fn by_tag_key(a: Account) -> Answer {
    let key = a.name("by-tag-key");
    tree(&a, &format!("/{key}"), &key).await?;
    let filter = ParameterStringFilter::builder().key(format!("tag:{key}")).build();
    found(&a, filter.map_err(|_| Refused::Missing("filter"))?, 2).await
}

async fn pages(a: Account) -> Answer {
    let path = format!("/{}", a.name("pages"));
    tree(&a, &path, "team").await?;
    let filter = filter("Name", "BeginsWith", &[&path])?;
    found(&a, filter.clone(), 3).await?;
    let list = a.ssm.describe_parameters().parameter_filters(filter).max_results(2).into_paginator();
    let pages: Vec<_> = list.send().collect::<Result<_, _>>().await?;
    let found = ends(pages.iter().flat_map(|page| page.parameters()).map(|parameter| parameter.name()));
    Ok(format!("{found}; {}", either(pages.len() >= 2, "2 pages at least", "1 page")))
}

async fn entry(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("entry"));
    let put = a.ssm.put_parameter().name(&name).value("one").r#type(ParameterType::String);
    put.description("a description").send().await?;
    let filter = filter("Name", "Equals", &[&name])?;
    let entry = a
        .until("listed", || async {
            let list = a.ssm.describe_parameters().parameter_filters(filter.clone()).send().await?;
            Ok(list.parameters.unwrap_or_default().into_iter().next())
        })
        .await?;
    // The answer names no value, because the type of an entry has no value.
    Ok(format!(
        "{}, version {}, {}, {}, no value",
        entry.r#type().map_or("no type", |kind| kind.as_str()),
        entry.version(),
        entry.tier().map_or("no tier", |tier| tier.as_str()),
        entry.description().unwrap_or("no description"),
    ))
}

async fn no_filter(a: Account) -> Answer {
    refusal(a.ssm.describe_parameters().parameter_filters(filter("Colour", "Equals", &["red"])?).send().await)
}

async fn other_filter(a: Account) -> Answer {
    refusal(a.ssm.describe_parameters().parameter_filters(filter("Label", "Equals", &["red"])?).send().await)
}
