//! KMS, as much as secrets need it.

use aws_sdk_kms::types::KeyMetadata;

use super::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{Needed as _, either, refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("kms:CreateKey")
            .case("a key", "Enabled, ENCRYPT_DECRYPT, CUSTOMER, SYMMETRIC_DEFAULT", create)
            .but(
                &[MOTO],
                "Enabled, no usage, CUSTOMER, SYMMETRIC_DEFAULT",
                "KeyUsage is ENCRYPT_DECRYPT where a request says nothing; moto leaves it empty.",
                api!(kms "CreateKey"),
            )
            .case("a policy that is none", "MalformedPolicyDocumentException", malformed)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "A policy that “is not syntactically or semantically correct” is a \
                 MalformedPolicyDocumentException.",
                api!(kms "CreateKey"),
            ),
        Operation::new("kms:DescribeKey")
            .case("by id, ARN, alias and the alias's ARN", "the same key each time", by_each)
            .case("an id that is not there", "NotFoundException", absent)
            .case("an alias that is not there", "NotFoundException", absent_alias)
            .case("a key whose deletion is scheduled", "PendingDeletion", pending),
        Operation::new("kms:CreateAlias")
            .case("an alias that is there", "AlreadyExistsException", alias_exists)
            .case("of a key that is not there", "NotFoundException", alias_of_none)
            .case("one of AWS's own", "refused", reserved_alias)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“The alias/aws/ prefix is reserved for AWS managed keys.”",
                api!(kms "CreateAlias"),
            ),
        Operation::new("kms:ListAliases").case("those of a key", "both", aliases),
        Operation::new("kms:DeleteAlias").case("an alias", "NotFoundException", delete_alias).case(
            "what is not there",
            "NotFoundException",
            delete_absent,
        ),
        Operation::new("kms:ScheduleKeyDeletion")
            .case("in 7 days", "PendingDeletion, 7 days", schedule)
            .but(
                &[MOTO],
                "no state, 0 days",
                "The answer has KeyState and PendingWindowInDays, too.",
                api!(kms "ScheduleKeyDeletion"),
            )
            .case("in 6 days", "ValidationException", too_soon)
            .but(
                &[MOTO],
                "accepted",
                "“You can specify a waiting period of 7-30 days.”",
                api!(kms "ScheduleKeyDeletion"),
            )
            .case("twice", "KMSInvalidStateException", twice)
            .but(
                &[MOTO],
                "accepted",
                "A key that is pending deletion is in no state for this: KMSInvalidStateException.",
                "https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html",
            ),
    ]
}

async fn key(a: &Account) -> Result<KeyMetadata, Refused> {
    let create = a.kms.create_key().description(a.name("conformance"));
    create.send().await?.key_metadata.needed("metadata")
}

async fn describe(a: &Account, id: &str) -> Result<KeyMetadata, Refused> {
    a.kms.describe_key().key_id(id).send().await?.key_metadata.needed("metadata")
}

/// So that nothing is left that costs.
async fn discard(a: &Account, key: &KeyMetadata) -> Result<(), Refused> {
    a.kms.schedule_key_deletion().key_id(key.key_id()).pending_window_in_days(7).send().await?;
    Ok(())
}

async fn create(a: Account) -> Answer {
    let key = key(&a).await?;
    discard(&a, &key).await?;
    Ok(format!(
        "{}, {}, {}, {}",
        key.key_state().map_or("no state", |state| state.as_str()),
        key.key_usage().map_or("no usage", |usage| usage.as_str()),
        key.key_manager().map_or("no manager", |manager| manager.as_str()),
        key.key_spec().map_or("no spec", |spec| spec.as_str()),
    ))
}

async fn malformed(a: Account) -> Answer {
    refusal(
        a.kms
            .create_key()
            .policy(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps"}]}"#)
            .send()
            .await,
    )
}

async fn by_each(a: Account) -> Answer {
    let key = key(&a).await?;
    let alias = format!("alias/{}", a.name("each"));
    a.kms.create_alias().alias_name(&alias).target_key_id(key.key_id()).send().await?;
    let arn = key.arn().needed("ARN")?;
    let alias_arn =
        format!("{}:{alias}", arn.rsplit_once(":key/").map(|(head, _)| head).needed("ARN of a key")?);
    let mut same = true;
    for id in [key.key_id(), arn, &alias, &alias_arn] {
        same &= describe(&a, id).await?.arn() == Some(arn);
    }
    discard(&a, &key).await?;
    Ok(either(same, "the same key each time", "another key"))
}

async fn absent(a: Account) -> Answer {
    refusal(a.kms.describe_key().key_id("00000000-0000-4000-8000-000000000000").send().await)
}

async fn absent_alias(a: Account) -> Answer {
    refusal(a.kms.describe_key().key_id(format!("alias/{}", a.name("absent"))).send().await)
}

async fn pending(a: Account) -> Answer {
    let key = key(&a).await?;
    discard(&a, &key).await?;
    let state = describe(&a, key.key_id()).await?.key_state;
    Ok(state.map_or("no state".to_owned(), |state| state.as_str().to_owned()))
}

async fn alias_exists(a: Account) -> Answer {
    let key = key(&a).await?;
    let alias =
        || a.kms.create_alias().alias_name(format!("alias/{}", a.name("exists"))).target_key_id(key.key_id());
    alias().send().await?;
    let answer = refusal(alias().send().await);
    discard(&a, &key).await?;
    answer
}

async fn alias_of_none(a: Account) -> Answer {
    let alias = a.kms.create_alias().alias_name(format!("alias/{}", a.name("none")));
    refusal(alias.target_key_id("00000000-0000-4000-8000-000000000000").send().await)
}

async fn reserved_alias(a: Account) -> Answer {
    let key = key(&a).await?;
    let alias = a.kms.create_alias().alias_name(format!("alias/aws/{}", a.name("reserved")));
    let answer = refusal(alias.target_key_id(key.key_id()).send().await);
    discard(&a, &key).await?;
    // Which of the codes it is, the reference does not tell.
    Ok(either(answer? == "accepted", "accepted", "refused"))
}

async fn aliases(a: Account) -> Answer {
    let key = key(&a).await?;
    let mut names = Vec::new();
    for what in ["one", "two"] {
        let name = format!("alias/{}", a.name(what));
        a.kms.create_alias().alias_name(&name).target_key_id(key.key_id()).send().await?;
        names.push(name);
    }
    let list = a.kms.list_aliases().key_id(key.key_id()).send().await?;
    let listed = sorted(list.aliases().iter().filter_map(|alias| alias.alias_name()));
    discard(&a, &key).await?;
    Ok(if listed == sorted(names) { "both".to_owned() } else { listed })
}

async fn delete_alias(a: Account) -> Answer {
    let key = key(&a).await?;
    let alias = format!("alias/{}", a.name("delete"));
    a.kms.create_alias().alias_name(&alias).target_key_id(key.key_id()).send().await?;
    a.kms.delete_alias().alias_name(&alias).send().await?;
    let answer = refusal(a.kms.describe_key().key_id(&alias).send().await);
    discard(&a, &key).await?;
    answer
}

async fn delete_absent(a: Account) -> Answer {
    refusal(a.kms.delete_alias().alias_name(format!("alias/{}", a.name("absent"))).send().await)
}

async fn schedule(a: Account) -> Answer {
    let key = key(&a).await?;
    let answer = a.kms.schedule_key_deletion().key_id(key.key_id()).pending_window_in_days(7).send().await?;
    Ok(format!(
        "{}, {} days",
        answer.key_state().map_or("no state", |state| state.as_str()),
        answer.pending_window_in_days().unwrap_or_default(),
    ))
}

async fn too_soon(a: Account) -> Answer {
    let key = key(&a).await?;
    let schedule = a.kms.schedule_key_deletion().key_id(key.key_id()).pending_window_in_days(6);
    let answer = refusal(schedule.send().await)?;
    if answer != "accepted" {
        discard(&a, &key).await?;
    }
    Ok(answer)
}

async fn twice(a: Account) -> Answer {
    let key = key(&a).await?;
    discard(&a, &key).await?;
    refusal(a.kms.schedule_key_deletion().key_id(key.key_id()).send().await)
}
