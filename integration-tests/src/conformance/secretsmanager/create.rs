//! Making secrets.

use super::{FIRST, SECOND, deleted, secret, staged, tag, tags};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation,
    answer::{Needed as _, either, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("secretsmanager:CreateSecret")
            .case("a name and a value", "ARN of the name and six characters; version of the token", named)
            .case("tags and a description", "pull credential; a=1 b=2", described)
            .case("the same request again", "the same secret; 1: AWSCURRENT", again)
            .but(&[LOCALSTACK], "secretsmanager:CreateSecret is refused: ResourceExistsException", "A request whose token and value are those of a version that is there is ignored.", api!(secretsmanager "CreateSecret"))
            .case("the same token with another value", "ResourceExistsException", other_value)
            .case("a name that is taken", "ResourceExistsException", taken)
            .case("a name that is scheduled for deletion", "InvalidRequestException", tombstone)
            .but(&[MOTO], "ResourceExistsException", "A secret that is scheduled for deletion answers to no operation but those that say so; AWS gives InvalidRequestException for “the secret is scheduled for deletion”.", api!(secretsmanager "CreateSecret"))
            .case("no value", "no version; reading it: ResourceNotFoundException", valueless)
            .case("a value of 65,536 bytes", "accepted", longest)
            .case("a key that is not there", "refused", no_key)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "A secret is encrypted with its key, which has to be there.",
                api!(secretsmanager "CreateSecret"),
            )
            .case("a character that is not allowed in names", "ValidationException", bad_name)
            .but(&[MOTO], "accepted", "Names consist of letters, digits and /_+=.@-.", api!(secretsmanager "CreateSecret")),
    ]
}

async fn named(a: Account) -> Answer {
    let name = a.name("longshore/pull");
    let made = secret(&a, &name).await?;
    let arn = made.arn().needed("ARN")?;
    let suffix = arn.rsplit_once(&format!(":secret:{name}-")).map(|(_, suffix)| suffix.len());
    let token = made.version_id() == Some(FIRST);
    Ok(format!(
        "ARN of {}; version of {}",
        either(suffix == Some(6), "the name and six characters", "something else"),
        either(token, "the token", "something else"),
    ))
}

async fn described(a: Account) -> Answer {
    let name = a.name("tagged");
    let create = a.secrets.create_secret().name(&name).secret_string("one").description("pull credential");
    create.tags(tag("b", "2")).tags(tag("a", "1")).send().await?;
    let described = a.secrets.describe_secret().secret_id(&name).send().await?;
    Ok(format!("{}; {}", described.description().unwrap_or_default(), tags(described.tags())))
}

async fn again(a: Account) -> Answer {
    let name = a.name("again");
    let (first, second) = (secret(&a, &name).await?, secret(&a, &name).await?);
    let same = either(first.arn() == second.arn(), "the same secret", "another secret");
    Ok(format!("{same}; {}", staged(&a, &name).await?))
}

async fn other_value(a: Account) -> Answer {
    let name = a.name("other");
    secret(&a, &name).await?;
    let create = a.secrets.create_secret().name(&name).client_request_token(FIRST).secret_string("two");
    refusal(create.send().await)
}

async fn taken(a: Account) -> Answer {
    let name = a.name("taken");
    secret(&a, &name).await?;
    let create = a.secrets.create_secret().name(&name).client_request_token(SECOND).secret_string("one");
    refusal(create.send().await)
}

async fn tombstone(a: Account) -> Answer {
    let name = a.name("tombstone");
    deleted(&a, &name).await?;
    refusal(
        a.secrets.create_secret().name(&name).client_request_token(SECOND).secret_string("one").send().await,
    )
}

async fn valueless(a: Account) -> Answer {
    let name = a.name("valueless");
    let made = a.secrets.create_secret().name(&name).send().await?;
    let read = refusal(a.secrets.get_secret_value().secret_id(&name).send().await)?;
    Ok(format!("{}; reading it: {read}", either(made.version_id().is_none(), "no version", "a version")))
}

async fn longest(a: Account) -> Answer {
    let create = a.secrets.create_secret().name(a.name("longest"));
    refusal(create.secret_string("x".repeat(65_536)).send().await)
}

async fn bad_name(a: Account) -> Answer {
    refusal(a.secrets.create_secret().name(a.name("a space")).secret_string("one").send().await)
}

async fn no_key(a: Account) -> Answer {
    let create = a.secrets.create_secret().name(a.name("no-key")).secret_string("one");
    let answer = refusal(create.kms_key_id(format!("alias/{}", a.name("none"))).send().await)?;
    // Which of the codes it is, the reference does not tell.
    Ok(either(answer == "accepted", "accepted", "refused"))
}
