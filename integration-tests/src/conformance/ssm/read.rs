//! Reading parameters: the calls of the ECS agent, and of a program that compares stored values.

use super::{ends, get, overwrite, put, put_secure};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{Needed as _, either, refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ssm:GetParameter")
            .case("a secure parameter, decrypted", "SecureString 1: hush", decrypted)
            .case("a secure parameter, not decrypted", "not its value", encrypted)
            .case("by its ARN", "1: one", by_arn)
            .case("what its ARN is", "arn:aws:ssm:REGION:ACCOUNT:parameter and the name", arn)
            .case("an earlier version", "1: one", earlier)
            .case("a version that is not there", "ParameterVersionNotFound", no_version)
            .case("what is not there", "ParameterNotFound", absent),
        Operation::new("ssm:GetParameters")
            .case("two, and one that is not there", "a b; not there: c", several)
            .case("11 of them", "ValidationException", too_many)
            .case("by ARN", "a; not there: ", several_by_arn)
            .but(
                &[MOTO],
                "; not there: a",
                "Names are “the names or Amazon Resource Names (ARNs) of the parameters that you want to query”.",
                api!(ssm "GetParameters"),
            ),
        Operation::new("ssm:GetParametersByPath")
            .case("one level", "a b", one_level)
            .case("all levels", "a b c", all_levels)
            .case("with or without a slash at the end", "the same", slash)
            .case("where nothing is", "", empty)
            .case("two at a time", "a b c; 2 pages at least", pages)
            .case("a path without the slash before it", "ValidationException", relative)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“Hierarchies start with a forward slash (/).”",
                api!(ssm "GetParametersByPath"),
            )
            .case("secure parameters, decrypted", "hush", secure),
        Operation::new("ssm:GetParameterHistory")
            .case("three versions", "1: one, 2: two, 3: three", history)
            .case("what is not there", "ParameterNotFound", history_absent),
    ]
}

async fn decrypted(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("decrypted"));
    put_secure(&a, &name, "hush").await?;
    let read = get(&a, &name).await?;
    let kind = read.r#type().map_or("no type", |kind| kind.as_str());
    Ok(format!("{kind} {}: {}", read.version(), read.value().unwrap_or_default()))
}

async fn encrypted(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("encrypted"));
    put_secure(&a, &name, "hush").await?;
    let read = a.ssm.get_parameter().name(&name).send().await?.parameter.needed("parameter")?;
    let hidden = read.value().is_some_and(|value| !value.is_empty() && value != "hush");
    Ok(either(hidden, "not its value", "its value"))
}

async fn by_arn(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("arn"));
    put(&a, &name, "one").await?;
    let arn = get(&a, &name).await?.arn.needed("ARN")?;
    let read = get(&a, &arn).await?;
    Ok(format!("{}: {}", read.version(), read.value().unwrap_or_default()))
}

async fn arn(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("arn"));
    put(&a, &name, "one").await?;
    let arn = get(&a, &name).await?.arn.needed("ARN")?;
    let begins = arn.starts_with(&format!("arn:aws:ssm:{}:", a.region()));
    let right = begins && arn.ends_with(&format!(":parameter{name}"));
    Ok(if right { "arn:aws:ssm:REGION:ACCOUNT:parameter and the name".to_owned() } else { arn })
}

async fn earlier(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("earlier"));
    put(&a, &name, "one").await?;
    overwrite(&a, &name, "two").await?;
    let read = get(&a, &format!("{name}:1")).await?;
    Ok(format!("{}: {}", read.version(), read.value().unwrap_or_default()))
}

async fn no_version(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("version"));
    put(&a, &name, "one").await?;
    refusal(a.ssm.get_parameter().name(format!("{name}:7")).send().await)
}

async fn absent(a: Account) -> Answer {
    refusal(a.ssm.get_parameter().name(format!("/{}/a", a.name("absent"))).send().await)
}

async fn several(a: Account) -> Answer {
    let path = a.name("several");
    let [one, two, none] = ["a", "b", "c"].map(|end| format!("/{path}/{end}"));
    put(&a, &one, "one").await?;
    put(&a, &two, "two").await?;
    let read = a.ssm.get_parameters().names(two).names(one).names(none).send().await?;
    let found = ends(read.parameters().iter().map(|parameter| parameter.name()));
    Ok(format!(
        "{found}; not there: {}",
        ends(read.invalid_parameters().iter().map(|name| Some(name.as_str())))
    ))
}

async fn too_many(a: Account) -> Answer {
    let names = (0..11).map(|number| format!("/{}/{number}", a.name("many"))).collect();
    refusal(a.ssm.get_parameters().set_names(Some(names)).send().await)
}

async fn several_by_arn(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("by-arn"));
    put(&a, &name, "one").await?;
    let arn = get(&a, &name).await?.arn.needed("ARN")?;
    let read = a.ssm.get_parameters().names(arn).send().await?;
    let found = ends(read.parameters().iter().map(|parameter| parameter.name()));
    Ok(format!(
        "{found}; not there: {}",
        ends(read.invalid_parameters().iter().map(|name| Some(name.as_str())))
    ))
}

/// Makes `PATH/a`, `PATH/b` and, one level below, `PATH/x/c`; and one beside the path.
async fn tree(a: &Account, path: &str) -> Result<(), Refused> {
    for end in ["/a", "/b", "/x/c", "x/d"] {
        put(a, &format!("{path}{end}"), end).await?;
    }
    Ok(())
}

async fn one_level(a: Account) -> Answer {
    let path = format!("/{}", a.name("one-level"));
    tree(&a, &path).await?;
    let read = a.ssm.get_parameters_by_path().path(&path).send().await?;
    Ok(ends(read.parameters().iter().map(|parameter| parameter.name())))
}

async fn all_levels(a: Account) -> Answer {
    let path = format!("/{}", a.name("levels"));
    tree(&a, &path).await?;
    let read = a.ssm.get_parameters_by_path().path(&path).recursive(true).send().await?;
    Ok(ends(read.parameters().iter().map(|parameter| parameter.name())))
}

async fn slash(a: Account) -> Answer {
    let path = format!("/{}", a.name("slash"));
    tree(&a, &path).await?;
    let without = a.ssm.get_parameters_by_path().path(&path).send().await?;
    let with = a.ssm.get_parameters_by_path().path(format!("{path}/")).send().await?;
    let names = |parameters: &[aws_sdk_ssm::types::Parameter]| {
        ends(parameters.iter().map(|parameter| parameter.name()))
    };
    Ok(either(names(without.parameters()) == names(with.parameters()), "the same", "something else"))
}

async fn empty(a: Account) -> Answer {
    let read = a.ssm.get_parameters_by_path().path(format!("/{}", a.name("empty"))).send().await?;
    Ok(ends(read.parameters().iter().map(|parameter| parameter.name())))
}

async fn pages(a: Account) -> Answer {
    let path = format!("/{}", a.name("pages"));
    tree(&a, &path).await?;
    let list = a.ssm.get_parameters_by_path().path(&path).recursive(true).max_results(2).into_paginator();
    let pages: Vec<_> = list.send().collect::<Result<_, _>>().await?;
    let found = ends(pages.iter().flat_map(|page| page.parameters()).map(|parameter| parameter.name()));
    Ok(format!("{found}; {}", either(pages.len() >= 2, "2 pages at least", "1 page")))
}

async fn relative(a: Account) -> Answer {
    refusal(a.ssm.get_parameters_by_path().path(a.name("relative")).send().await)
}

async fn secure(a: Account) -> Answer {
    let path = format!("/{}", a.name("secure"));
    put_secure(&a, &format!("{path}/a"), "hush").await?;
    let read = a.ssm.get_parameters_by_path().path(path).with_decryption(true).send().await?;
    Ok(sorted(read.parameters().iter().filter_map(|parameter| parameter.value())))
}

async fn history(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("history"));
    put(&a, &name, "one").await?;
    overwrite(&a, &name, "two").await?;
    overwrite(&a, &name, "three").await?;
    let history = a.ssm.get_parameter_history().name(&name).send().await?;
    let versions: Vec<_> = history
        .parameters()
        .iter()
        .map(|version| format!("{}: {}", version.version(), version.value().unwrap_or_default()))
        .collect();
    Ok(versions.join(", "))
}

async fn history_absent(a: Account) -> Answer {
    refusal(a.ssm.get_parameter_history().name(format!("/{}/a", a.name("absent"))).send().await)
}
