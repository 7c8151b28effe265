//! Writing values, and what a secret is.

use super::{FIRST, SECOND, THIRD, deleted, put, put_pending, secret, staged};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation,
    answer::{either, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("secretsmanager:PutSecretValue")
            .case("a new value", "1: AWSPREVIOUS, 2: AWSCURRENT", new_value)
            .case("the third value", "2: AWSPREVIOUS, 3: AWSCURRENT", third_value)
            .but(&[MOTO], "1: no stage, 2: AWSPREVIOUS, 3: AWSCURRENT", "VersionIdsToStages leaves out versions without a staging label: they “are not included in this list”.", api!(secretsmanager "DescribeSecret"))
            .case("the same token and value again", "the same version; 1: AWSPREVIOUS, 2: AWSCURRENT", again)
            .case("the same token with another value", "ResourceExistsException", other_value)
            .case("an earlier token again", "1: AWSPREVIOUS, 2: AWSCURRENT", earlier)
            .case("a value for AWSPENDING", "1: AWSCURRENT, 2: AWSPENDING", pending)
            .case("a value for AWSPENDING, twice", "1: AWSCURRENT, 3: AWSPENDING", pending_twice)
            .but(&[MOTO], "1: AWSCURRENT, 2: no stage, 3: AWSPENDING", "VersionIdsToStages leaves out versions without a staging label: they “are not included in this list”.", api!(secretsmanager "DescribeSecret"))
            .case("the first value", "1: AWSCURRENT", first)
            .case("a secret that is not there", "ResourceNotFoundException", put_absent)
            .case("a secret that is scheduled for deletion", "InvalidRequestException", put_deleted)
            .but(&[MOTO, LOCALSTACK], "accepted", "InvalidRequestException is what a secret that is scheduled for deletion answers with.", api!(secretsmanager "PutSecretValue")),
        Operation::new("secretsmanager:UpdateSecret")
            .case("a description", "new; 1: AWSCURRENT", describe)
            .case("a value", "1: AWSPREVIOUS, 2: AWSCURRENT", update)
            .case("the same token and value again", "1: AWSPREVIOUS, 2: AWSCURRENT", update_again)
            .case("the same token with another value", "ResourceExistsException", update_other_value)
            .case("a secret that is not there", "ResourceNotFoundException", update_absent)
            .case("a secret that is scheduled for deletion", "InvalidRequestException", update_deleted),
    ]
}

async fn new_value(a: Account) -> Answer {
    let name = a.name("put");
    secret(&a, &name).await?;
    put(&a, &name, SECOND, "two").await?;
    staged(&a, &name).await
}

async fn third_value(a: Account) -> Answer {
    let name = a.name("third");
    secret(&a, &name).await?;
    put(&a, &name, SECOND, "two").await?;
    put(&a, &name, THIRD, "three").await?;
    staged(&a, &name).await
}

async fn again(a: Account) -> Answer {
    let name = a.name("again");
    secret(&a, &name).await?;
    put(&a, &name, SECOND, "two").await?;
    let put = a.secrets.put_secret_value().secret_id(&name).client_request_token(SECOND);
    let again = put.secret_string("two").send().await?;
    let same = either(again.version_id() == Some(SECOND), "the same version", "another version");
    Ok(format!("{same}; {}", staged(&a, &name).await?))
}

async fn other_value(a: Account) -> Answer {
    let name = a.name("other");
    secret(&a, &name).await?;
    put(&a, &name, SECOND, "two").await?;
    let put = a.secrets.put_secret_value().secret_id(&name).client_request_token(SECOND);
    refusal(put.secret_string("three").send().await)
}

async fn earlier(a: Account) -> Answer {
    let name = a.name("earlier");
    secret(&a, &name).await?;
    put(&a, &name, SECOND, "two").await?;
    put(&a, &name, FIRST, "one").await?;
    staged(&a, &name).await
}

async fn pending(a: Account) -> Answer {
    let name = a.name("pending");
    secret(&a, &name).await?;
    put_pending(&a, &name, SECOND, "two").await?;
    staged(&a, &name).await
}

async fn pending_twice(a: Account) -> Answer {
    let name = a.name("twice");
    secret(&a, &name).await?;
    put_pending(&a, &name, SECOND, "two").await?;
    put_pending(&a, &name, THIRD, "three").await?;
    staged(&a, &name).await
}

async fn first(a: Account) -> Answer {
    let name = a.name("first");
    a.secrets.create_secret().name(&name).send().await?;
    put(&a, &name, FIRST, "one").await?;
    staged(&a, &name).await
}

async fn put_absent(a: Account) -> Answer {
    refusal(a.secrets.put_secret_value().secret_id(a.name("absent")).secret_string("one").send().await)
}

async fn put_deleted(a: Account) -> Answer {
    let name = a.name("deleted");
    deleted(&a, &name).await?;
    refusal(a.secrets.put_secret_value().secret_id(&name).secret_string("two").send().await)
}

async fn describe(a: Account) -> Answer {
    let name = a.name("describe");
    let create = a.secrets.create_secret().name(&name).description("old").client_request_token(FIRST);
    create.secret_string("one").send().await?;
    a.secrets.update_secret().secret_id(&name).description("new").send().await?;
    let described = a.secrets.describe_secret().secret_id(&name).send().await?;
    Ok(format!("{}; {}", described.description().unwrap_or_default(), staged(&a, &name).await?))
}

async fn update(a: Account) -> Answer {
    let name = a.name("update");
    secret(&a, &name).await?;
    update_value(&a, &name, "two").await?;
    staged(&a, &name).await
}

async fn update_again(a: Account) -> Answer {
    let name = a.name("again");
    secret(&a, &name).await?;
    update_value(&a, &name, "two").await?;
    update_value(&a, &name, "two").await?;
    staged(&a, &name).await
}

async fn update_value(a: &Account, name: &str, value: &str) -> Result<(), crate::conformance::Refused> {
    let update = a.secrets.update_secret().secret_id(name).client_request_token(SECOND);
    update.secret_string(value).send().await?;
    Ok(())
}

async fn update_other_value(a: Account) -> Answer {
    let name = a.name("other");
    secret(&a, &name).await?;
    update_value(&a, &name, "two").await?;
    let update = a.secrets.update_secret().secret_id(&name).client_request_token(SECOND);
    refusal(update.secret_string("three").send().await)
}

async fn update_absent(a: Account) -> Answer {
    refusal(a.secrets.update_secret().secret_id(a.name("absent")).description("new").send().await)
}

async fn update_deleted(a: Account) -> Answer {
    let name = a.name("deleted");
    deleted(&a, &name).await?;
    refusal(a.secrets.update_secret().secret_id(&name).description("new").send().await)
}
