//! Writing parameters: values, and the epochs of a stack's lock.

use aws_sdk_ssm::types::{ParameterTier, ParameterType};

use super::{get, overwrite, put, put_secure, tag};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation,
    answer::{either, refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ssm:PutParameter")
            .case("a new parameter", "version 1, Standard", new)
            .case("another value", "2: two", again)
            .case("what is there, without overwriting", "ParameterAlreadyExists; 1: one", exists)
            .case("two at once, without overwriting", "ParameterAlreadyExists accepted", race)
            .case("overwriting what is not there", "version 1, Standard", overwrite_absent)
            .case("without a type", "ValidationException", typeless)
            .case("another type", "HierarchyTypeMismatchException", other_type)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“You can't change a parameter from a String type to a SecureString type. You must create a \
                 new, unique parameter.”",
                api!(ssm "PutParameter"),
            )
            .case("tags while overwriting", "ValidationException", tags_and_overwrite)
            .case("4,097 characters in the standard tier", "ValidationException", too_long)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“Standard parameters have a value limit of 4 KB.”",
                api!(ssm "PutParameter"),
            )
            .case("4,097 characters in the advanced tier", "version 1, Advanced", advanced)
            .case("4,097 characters in the tier that fits", "version 1, Advanced", intelligent)
            .but(
                &[MOTO, LOCALSTACK],
                "version 1, Intelligent-Tiering",
                "Tier is “the tier assigned to the parameter”, which is standard or advanced.",
                "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
            )
            .case("back to the standard tier", "ValidationException", downgrade)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“You can't revert an advanced parameter to a standard parameter.”",
                "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
            )
            .case("a path without the slash before it", "ValidationException", relative)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“For parameters in a hierarchy, you must include a leading forward slash character (/).”",
                api!(ssm "PutParameter"),
            )
            .case("a key that is not there", "InvalidKeyId", no_key)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "A secure parameter is encrypted with its key, which has to be there: InvalidKeyId.",
                api!(ssm "PutParameter"),
            )
            .case("another value, and no description", "the description stays", keeps_description),
    ]
}

async fn new(a: Account) -> Answer {
    let put = a.ssm.put_parameter().name(format!("/{}/a", a.name("new"))).value("one");
    let answer = put.r#type(ParameterType::SecureString).send().await?;
    Ok(format!("version {}, {}", answer.version(), answer.tier().map_or("no tier", |tier| tier.as_str())))
}

async fn again(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("again"));
    put_secure(&a, &name, "one").await?;
    overwrite(&a, &name, "two").await?;
    let read = get(&a, &name).await?;
    Ok(format!("{}: {}", read.version(), read.value().unwrap_or_default()))
}

async fn exists(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("exists"));
    put(&a, &name, "one").await?;
    let put = a.ssm.put_parameter().name(&name).value("two").r#type(ParameterType::String);
    let refused = refusal(put.overwrite(false).send().await)?;
    let read = get(&a, &name).await?;
    Ok(format!("{refused}; {}: {}", read.version(), read.value().unwrap_or_default()))
}

async fn race(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("race"));
    let put = |value: &str| {
        let put = a.ssm.put_parameter().name(&name).value(value).r#type(ParameterType::String);
        put.overwrite(false).send()
    };
    let (one, two) = tokio::join!(put("one"), put("two"));
    Ok(sorted([refusal(one)?, refusal(two)?]))
}

async fn overwrite_absent(a: Account) -> Answer {
    let put = a.ssm.put_parameter().name(format!("/{}/a", a.name("absent"))).value("one").overwrite(true);
    let answer = put.r#type(ParameterType::String).send().await?;
    Ok(format!("version {}, {}", answer.version(), answer.tier().map_or("no tier", |tier| tier.as_str())))
}

async fn typeless(a: Account) -> Answer {
    refusal(a.ssm.put_parameter().name(format!("/{}/a", a.name("typeless"))).value("one").send().await)
}

async fn other_type(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("other-type"));
    put(&a, &name, "one").await?;
    let put = a.ssm.put_parameter().name(&name).value("two").r#type(ParameterType::SecureString);
    refusal(put.overwrite(true).send().await)
}

async fn tags_and_overwrite(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("tags"));
    put(&a, &name, "one").await?;
    let put = a.ssm.put_parameter().name(&name).value("two").overwrite(true).tags(tag("a", "1")?);
    refusal(put.send().await)
}

async fn too_long(a: Account) -> Answer {
    let put = a.ssm.put_parameter().name(format!("/{}/a", a.name("long"))).value("x".repeat(4_097));
    refusal(put.r#type(ParameterType::SecureString).tier(ParameterTier::Standard).send().await)
}

async fn sized(a: &Account, tier: ParameterTier) -> Answer {
    let put = a.ssm.put_parameter().name(format!("/{}/a", a.name("sized"))).value("x".repeat(4_097));
    let answer = put.r#type(ParameterType::SecureString).tier(tier).send().await?;
    Ok(format!("version {}, {}", answer.version(), answer.tier().map_or("no tier", |tier| tier.as_str())))
}

async fn advanced(a: Account) -> Answer {
    sized(&a, ParameterTier::Advanced).await
}

async fn intelligent(a: Account) -> Answer {
    sized(&a, ParameterTier::IntelligentTiering).await
}

async fn downgrade(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("downgrade"));
    let put = a.ssm.put_parameter().name(&name).value("one").r#type(ParameterType::String);
    put.tier(ParameterTier::Advanced).send().await?;
    let put = a.ssm.put_parameter().name(&name).value("two").overwrite(true);
    refusal(put.tier(ParameterTier::Standard).send().await)
}

async fn relative(a: Account) -> Answer {
    let put = a.ssm.put_parameter().name(format!("{}/a", a.name("relative"))).value("one");
    refusal(put.r#type(ParameterType::String).send().await)
}

async fn no_key(a: Account) -> Answer {
    let put = a.ssm.put_parameter().name(format!("/{}/a", a.name("key"))).value("one");
    let put = put.r#type(ParameterType::SecureString).key_id(format!("alias/{}", a.name("none")));
    refusal(put.send().await)
}

async fn keeps_description(a: Account) -> Answer {
    let name = format!("/{}/a", a.name("description"));
    let put = a.ssm.put_parameter().name(&name).value("one").r#type(ParameterType::String);
    put.description("of the shop").send().await?;
    overwrite(&a, &name, "two").await?;
    let history = a.ssm.get_parameter_history().name(&name).send().await?;
    let newest = history.parameters().iter().max_by_key(|version| version.version());
    let kept = newest.and_then(|version| version.description()) == Some("of the shop");
    Ok(either(kept, "the description stays", "the description is gone"))
}
