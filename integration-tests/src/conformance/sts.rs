//! STS: who calls, and sessions of roles, as the ECS agent has them.

use aws_sdk_sts::types::Credentials;

use super::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{Needed as _, either, refusal},
    iam,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("sts:GetCallerIdentity")
            .case("the owner of the account", "twelve digits, which the ARN has too", owner)
            .case("a session of a role", "assumed-role/ROLE/SESSION", session_identity),
        Operation::new("sts:AssumeRole")
            .case("a role that trusts the account", "credentials of an hour", assume)
            .case("a role that trusts ECS alone", "AccessDenied", of_ecs)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "The role's trust policy says who may assume it. Neither cloud evaluates policies.",
                api!(sts "AssumeRole"),
            )
            .case("a role that is not there", "AccessDenied", absent)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "Nobody may assume a role that does not exist.",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html",
            )
            .case("for less than 15 minutes", "ValidationError", too_short)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“The value specified can range from 900 seconds (15 minutes) up to the maximum session \
                 duration set for the role.”",
                api!(sts "AssumeRole"),
            )
            .case("for longer than the role permits", "ValidationError", too_long)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“If you specify a value higher than this setting … the operation fails.”",
                api!(sts "AssumeRole"),
            )
            .case("a session name with a space", "ValidationError", bad_name)
            .but(
                &[MOTO],
                "accepted",
                "RoleSessionName has “no spaces”: letters, digits and _=,.@-.",
                api!(sts "AssumeRole"),
            )
            .case("what a session reads", "its secret: one; its neighbour: AccessDeniedException", reads)
            .but(
                &[MOTO, LOCALSTACK],
                "its secret: one; its neighbour: accepted",
                "What no policy of the role allows is denied. Neither cloud evaluates policies, unless it is \
                 told to.",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
            )
            .case("what a session may not do", "AccessDeniedException AccessDenied", refused)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted accepted",
                "What no policy of the role allows is denied. Neither cloud evaluates policies, unless it is \
                 told to.",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
            ),
    ]
}

async fn owner(a: Account) -> Answer {
    let identity = a.sts.get_caller_identity().send().await?;
    let account = identity.account().needed("account")?;
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let named = identity.arn().is_some_and(|arn| arn.split(':').nth(4) == Some(account));
    Ok(either(digits && named, "twelve digits, which the ARN has too", "something else"))
}

/// Makes a role that trusts the account, with a policy, and assumes it.
async fn session(a: &Account, name: &str, policy: Option<String>) -> Result<Credentials, Refused> {
    let account = a.sts.get_caller_identity().send().await?.account.needed("account")?;
    let trust = iam::trust_of(&format!(r#"{{"AWS":"arn:aws:iam::{account}:root"}}"#));
    let create = a.iam.create_role().role_name(name).assume_role_policy_document(trust);
    let arn = create.send().await?.role.needed("role")?.arn;
    if let Some(policy) = policy {
        let put = a.iam.put_role_policy().role_name(name).policy_name("p").policy_document(policy);
        put.send().await?;
    }
    // IAM's changes take their time.
    a.until("a session", || async {
        match a.sts.assume_role().role_arn(&arn).role_session_name("conformance").send().await {
            Ok(answer) => Ok(answer.credentials),
            Err(error) => match Refused::from(error) {
                Refused::Call { code, .. } if code == "AccessDenied" => Ok(None),
                refused => Err(refused),
            },
        }
    })
    .await
}

async fn session_identity(a: Account) -> Answer {
    let name = a.name("identity");
    let session = a.with(&session(&a, &name, None).await?);
    let arn = session.sts.get_caller_identity().send().await?.arn.needed("ARN")?;
    let right = arn.ends_with(&format!(":assumed-role/{name}/conformance"));
    Ok(if right { "assumed-role/ROLE/SESSION".to_owned() } else { arn })
}

async fn assume(a: Account) -> Answer {
    let credentials = session(&a, &a.name("assume"), None).await?;
    let left = credentials.expiration().secs() - seconds(&a);
    let whole = !credentials.session_token().is_empty() && !credentials.secret_access_key().is_empty();
    Ok(format!(
        "{} of {}",
        either(whole, "credentials", "parts of credentials"),
        either((3_500..=3_600).contains(&left), "an hour", "another time")
    ))
}

/// The time at the cloud, in seconds since 1970.
fn seconds(a: &Account) -> i64 {
    let now = a.now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

async fn of_ecs(a: Account) -> Answer {
    let arn = iam::role(&a, &a.name("of-ecs")).await?;
    refusal(a.sts.assume_role().role_arn(arn).role_session_name("conformance").send().await)
}

async fn absent(a: Account) -> Answer {
    let arn = iam::role(&a, &a.name("beside")).await?.replace("beside", "absent");
    refusal(a.sts.assume_role().role_arn(arn).role_session_name("conformance").send().await)
}

async fn lasting(a: &Account, seconds: i32) -> Answer {
    let name = a.name("lasting");
    session(a, &name, None).await?;
    let arn = a.iam.get_role().role_name(&name).send().await?.role.needed("role")?.arn;
    let assume = a.sts.assume_role().role_arn(arn).role_session_name("conformance");
    refusal(assume.duration_seconds(seconds).send().await)
}

async fn too_short(a: Account) -> Answer {
    lasting(&a, 899).await
}

async fn too_long(a: Account) -> Answer {
    lasting(&a, 3_601).await
}

async fn bad_name(a: Account) -> Answer {
    let arn = iam::role(&a, &a.name("bad-name")).await?;
    refusal(a.sts.assume_role().role_arn(arn).role_session_name("a session").send().await)
}

async fn reads(a: Account) -> Answer {
    let create = |name: &str| a.secrets.create_secret().name(a.name(name)).secret_string("one").send();
    let own = create("own").await?.arn.needed("ARN")?;
    let neighbour = create("neighbour").await?.arn.needed("ARN")?;
    let policy = iam::allow("secretsmanager:GetSecretValue", &own);
    let session = a.with(&session(&a, &a.name("reader"), Some(policy)).await?);
    let read = a
        .until("its secret", || async {
            match session.secrets.get_secret_value().secret_id(&own).send().await {
                Ok(answer) => Ok(answer.secret_string),
                Err(error) => match Refused::from(error) {
                    Refused::Call { code, .. } if code == "AccessDeniedException" => Ok(None),
                    refused => Err(refused),
                },
            }
        })
        .await?;
    let other = refusal(session.secrets.get_secret_value().secret_id(&neighbour).send().await)?;
    Ok(format!("its secret: {read}; its neighbour: {other}"))
}

async fn refused(a: Account) -> Answer {
    let name = a.name("refused");
    let session = a.with(&session(&a, &name, None).await?);
    let secrets = refusal(session.secrets.list_secrets().send().await)?;
    let roles = refusal(session.iam.get_role().role_name(&name).send().await)?;
    Ok(format!("{secrets} {roles}"))
}
