//! Reading values: what the ECS agent does, and comparing what is stored.

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};

use super::{FIRST, SECOND, deleted, put, put_pending, secret};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation,
    answer::{Needed as _, refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("secretsmanager:GetSecretValue")
            .case("by name, ARN and ARN without the suffix", "one one one", by_each)
            .case("an ARN with another suffix", "ResourceNotFoundException", other_suffix)
            .case("without version or stage", "two, AWSCURRENT", current)
            .case("while another version is pending", "one, AWSCURRENT", while_pending)
            .case("AWSPENDING", "two, AWSPENDING", pending)
            .case("AWSPREVIOUS", "one, AWSPREVIOUS", previous)
            .case("a version by its id", "one, AWSPREVIOUS", by_version)
            .case("a stage that no version has", "ResourceNotFoundException", no_stage)
            .case("a version that is not there", "ResourceNotFoundException", no_version)
            .case("bytes", "3 bytes, no string", bytes)
            .case("a secret that is not there", "ResourceNotFoundException", absent)
            .case("a secret that is scheduled for deletion", "InvalidRequestException", of_deleted),
        Operation::new("secretsmanager:BatchGetSecretValue")
            .case("by name and by ARN", "one one; no errors", batch)
            .case("one that is not there", "one; ResourceNotFoundException", batch_absent)
            .case("one that is scheduled for deletion", "one; InvalidRequestException", batch_deleted)
            .case("by a filter, in pages", "one one one; 2 pages at least", batch_filtered)
            .case("21 of them", "refused", batch_too_many)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "SecretIdList has 20 items at most.",
                api!(secretsmanager "BatchGetSecretValue"),
            )
            .case("neither ids nor filters", "InvalidParameterException", batch_nothing)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“You must include Filters or SecretIdList, but not both.”",
                api!(secretsmanager "BatchGetSecretValue"),
            ),
    ]
}

async fn by_each(a: Account) -> Answer {
    let name = a.name("each");
    let arn = secret(&a, &name).await?.arn.needed("ARN")?;
    let partial = arn.rsplit_once('-').map(|(partial, _)| partial.to_owned()).needed("suffix")?;
    let mut values = Vec::new();
    for id in [&name, &arn, &partial] {
        let read = a.secrets.get_secret_value().secret_id(id).send().await?;
        values.push(read.secret_string().unwrap_or_default().to_owned());
    }
    Ok(values.join(" "))
}

async fn other_suffix(a: Account) -> Answer {
    let arn = secret(&a, &a.name("suffix")).await?.arn.needed("ARN")?;
    let partial = arn.rsplit_once('-').map(|(partial, _)| partial).needed("suffix")?;
    refusal(a.secrets.get_secret_value().secret_id(format!("{partial}-zzzzzz")).send().await)
}

/// The value of what is read, and its stages.
async fn read(a: &Account, name: &str, version: Option<&str>, stage: Option<&str>) -> Answer {
    let read = a.secrets.get_secret_value().secret_id(name);
    let read = read.set_version_id(version.map(Into::into)).set_version_stage(stage.map(Into::into));
    let read = read.send().await?;
    Ok(format!("{}, {}", read.secret_string().unwrap_or("no string"), sorted(read.version_stages())))
}

async fn current(a: Account) -> Answer {
    let name = a.name("current");
    secret(&a, &name).await?;
    put(&a, &name, SECOND, "two").await?;
    read(&a, &name, None, None).await
}

async fn while_pending(a: Account) -> Answer {
    let name = a.name("meanwhile");
    secret(&a, &name).await?;
    put_pending(&a, &name, SECOND, "two").await?;
    read(&a, &name, None, None).await
}

async fn pending(a: Account) -> Answer {
    let name = a.name("pending");
    secret(&a, &name).await?;
    put_pending(&a, &name, SECOND, "two").await?;
    read(&a, &name, None, Some("AWSPENDING")).await
}

async fn previous(a: Account) -> Answer {
    let name = a.name("previous");
    secret(&a, &name).await?;
    put(&a, &name, SECOND, "two").await?;
    read(&a, &name, None, Some("AWSPREVIOUS")).await
}

async fn by_version(a: Account) -> Answer {
    let name = a.name("version");
    secret(&a, &name).await?;
    put(&a, &name, SECOND, "two").await?;
    read(&a, &name, Some(FIRST), None).await
}

async fn no_stage(a: Account) -> Answer {
    let name = a.name("stage");
    secret(&a, &name).await?;
    refusal(a.secrets.get_secret_value().secret_id(&name).version_stage("AWSPENDING").send().await)
}

async fn no_version(a: Account) -> Answer {
    let name = a.name("version");
    secret(&a, &name).await?;
    refusal(a.secrets.get_secret_value().secret_id(&name).version_id(SECOND).send().await)
}

async fn bytes(a: Account) -> Answer {
    let name = a.name("bytes");
    let bytes = aws_sdk_secretsmanager::primitives::Blob::new([1, 2, 3]);
    a.secrets.create_secret().name(&name).secret_binary(bytes).send().await?;
    let read = a.secrets.get_secret_value().secret_id(&name).send().await?;
    let bytes = read.secret_binary().map_or(0, |bytes| bytes.as_ref().len());
    Ok(format!("{bytes} bytes, {}", if read.secret_string().is_none() { "no string" } else { "a string" }))
}

async fn absent(a: Account) -> Answer {
    refusal(a.secrets.get_secret_value().secret_id(a.name("absent")).send().await)
}

async fn of_deleted(a: Account) -> Answer {
    let name = a.name("deleted");
    deleted(&a, &name).await?;
    refusal(a.secrets.get_secret_value().secret_id(&name).send().await)
}

async fn batch(a: Account) -> Answer {
    let (one, other) = (a.name("one"), a.name("other"));
    secret(&a, &one).await?;
    let arn = secret(&a, &other).await?.arn.needed("ARN")?;
    let batch = a.secrets.batch_get_secret_value().secret_id_list(one).secret_id_list(arn).send().await?;
    let values = sorted(batch.secret_values().iter().filter_map(|value| value.secret_string()));
    Ok(format!("{values}; {}", if batch.errors().is_empty() { "no errors" } else { "errors" }))
}

async fn partly(a: &Account, there: &str, other: &str) -> Answer {
    let batch = a.secrets.batch_get_secret_value().secret_id_list(there).secret_id_list(other).send().await?;
    let values = sorted(batch.secret_values().iter().filter_map(|value| value.secret_string()));
    let errors = sorted(batch.errors().iter().filter_map(|error| error.error_code()));
    Ok(format!("{values}; {errors}"))
}

async fn batch_absent(a: Account) -> Answer {
    let name = a.name("there");
    secret(&a, &name).await?;
    partly(&a, &name, &a.name("absent")).await
}

async fn batch_deleted(a: Account) -> Answer {
    let (name, tombstone) = (a.name("there"), a.name("deleted"));
    secret(&a, &name).await?;
    deleted(&a, &tombstone).await?;
    partly(&a, &name, &tombstone).await
}

async fn batch_filtered(a: Account) -> Answer {
    let prefix = a.name("batch");
    for what in ["a", "b", "c"] {
        secret(&a, &format!("{prefix}/{what}")).await?;
    }
    let filter = Filter::builder().key(FilterNameStringType::Name).values(&prefix).build();
    let (values, pages) = a
        .until("all three", || async {
            let pages = a.secrets.batch_get_secret_value().filters(filter.clone()).max_results(2);
            let pages: Vec<_> = pages.into_paginator().send().collect::<Result<_, _>>().await?;
            let values = pages.iter().flat_map(|page| page.secret_values());
            let values: Vec<_> =
                values.filter_map(|value| value.secret_string().map(str::to_owned)).collect();
            Ok((values.len() >= 3).then_some((values, pages.len())))
        })
        .await?;
    Ok(format!("{}; {}", sorted(values), if pages >= 2 { "2 pages at least" } else { "1 page" }))
}

async fn batch_too_many(a: Account) -> Answer {
    let ids = (0..21).map(|number| a.name(&number.to_string())).collect();
    let answer = refusal(a.secrets.batch_get_secret_value().set_secret_id_list(Some(ids)).send().await)?;
    // Which of the two codes is not documented.
    let refused = ["InvalidParameterException", "ValidationException"].contains(&answer.as_str());
    Ok(if refused { "refused".to_owned() } else { answer })
}

async fn batch_nothing(a: Account) -> Answer {
    refusal(a.secrets.batch_get_secret_value().send().await)
}
