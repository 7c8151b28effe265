//! Secrets Manager.

mod about;
mod create;
mod delete;
mod list;
mod read;
mod replication;
mod stages;
mod write;

use aws_sdk_secretsmanager::{operation::create_secret::CreateSecretOutput, types::Tag};

use super::{Account, Operation, Refused, answer::sorted};

pub(super) fn operations() -> Vec<Operation> {
    [
        create::operations(),
        write::operations(),
        read::operations(),
        list::operations(),
        stages::operations(),
        delete::operations(),
        about::operations(),
        replication::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Tokens of requests, which become the ids of versions.
const FIRST: &str = "00000000-0000-4000-8000-000000000001";
const SECOND: &str = "00000000-0000-4000-8000-000000000002";
const THIRD: &str = "00000000-0000-4000-8000-000000000003";

/// Makes a secret whose first version is [`FIRST`] with the value `one`.
async fn secret(account: &Account, name: &str) -> Result<CreateSecretOutput, Refused> {
    let create = account.secrets.create_secret().name(name).client_request_token(FIRST).secret_string("one");
    Ok(create.send().await?)
}

/// Makes a secret and schedules its deletion.
async fn deleted(account: &Account, name: &str) -> Result<CreateSecretOutput, Refused> {
    let secret = secret(account, name).await?;
    account.secrets.delete_secret().secret_id(name).recovery_window_in_days(7).send().await?;
    Ok(secret)
}

/// Puts a version that becomes the current one.
async fn put(account: &Account, name: &str, token: &str, value: &str) -> Result<(), Refused> {
    let put = account.secrets.put_secret_value().secret_id(name).client_request_token(token);
    put.secret_string(value).send().await?;
    Ok(())
}

/// Puts a version that becomes AWSPENDING.
async fn put_pending(account: &Account, name: &str, token: &str, value: &str) -> Result<(), Refused> {
    let put = account.secrets.put_secret_value().secret_id(name).client_request_token(token);
    put.secret_string(value).version_stages("AWSPENDING").send().await?;
    Ok(())
}

/// The versions that have stages, by their values' order: `1: AWSPREVIOUS, 2: AWSCURRENT`.
async fn staged(account: &Account, name: &str) -> Result<String, Refused> {
    let described = account.secrets.describe_secret().secret_id(name).send().await?;
    let versions = described.version_ids_to_stages.unwrap_or_default();
    let mut versions: Vec<_> = versions
        .into_iter()
        .map(|(id, stages)| (id.chars().last().unwrap_or('?'), sorted(stages)))
        .map(|(id, stages)| format!("{id}: {}", if stages.is_empty() { "no stage" } else { &stages }))
        .collect();
    versions.sort();
    Ok(versions.join(", "))
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// Tags as `key=value`.
fn tags(tags: &[Tag]) -> String {
    sorted(
        tags.iter()
            .map(|tag| format!("{}={}", tag.key().unwrap_or_default(), tag.value().unwrap_or_default())),
    )
}
