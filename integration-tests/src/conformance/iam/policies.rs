//! Managed policies.

use super::{EXECUTION, allow, policy, role, same_document};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation,
    answer::{Needed as _, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("iam:CreatePolicy")
            .case("a policy with a path", "policy/conformance/NAME, v1", create)
            .case("a name that is taken", "EntityAlreadyExists", taken)
            .case("what is no policy", "MalformedPolicyDocument", malformed),
        Operation::new("iam:GetPolicy")
            .case("one that is attached to a role", "v1, on 1", get)
            .case("one of AWS's", "AmazonECSTaskExecutionRolePolicy below /service-role/", get_managed)
            .case("what is not there", "NoSuchEntity", get_absent),
        Operation::new("iam:GetPolicyVersion")
            .case("the first", "as written, percent-encoded", version)
            .but(
                &[MOTO, LOCALSTACK],
                "as written, not encoded",
                "“Policies returned by this operation are URL-encoded compliant with RFC 3986.”",
                api!(iam "GetPolicyVersion"),
            )
            .case("a version that is not there", "NoSuchEntity", no_version),
        Operation::new("iam:DeletePolicy")
            .case("a policy", "NoSuchEntity", delete)
            .case("one that is attached", "DeleteConflict", delete_attached)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“Before you can delete a managed policy, you must first detach the policy from all users, \
                 groups, and roles.”",
                api!(iam "DeletePolicy"),
            )
            .case("what is not there", "NoSuchEntity", delete_absent),
    ]
}

async fn create(a: Account) -> Answer {
    let name = a.name("create");
    let create = a.iam.create_policy().policy_name(&name).path("/conformance/");
    let policy = create.policy_document(allow("s3:GetObject", "*")).send().await?.policy.needed("policy")?;
    let arn = policy.arn().unwrap_or_default();
    let right = arn.ends_with(&format!(":policy/conformance/{name}"));
    let arn = if right { "policy/conformance/NAME" } else { arn };
    Ok(format!("{arn}, {}", policy.default_version_id().unwrap_or_default()))
}

async fn taken(a: Account) -> Answer {
    let name = a.name("taken");
    policy(&a, &name, &allow("s3:GetObject", "*")).await?;
    let create = a.iam.create_policy().policy_name(&name);
    refusal(create.policy_document(allow("s3:GetObject", "*")).send().await)
}

async fn malformed(a: Account) -> Answer {
    let create = a.iam.create_policy().policy_name(a.name("malformed"));
    refusal(create.policy_document(r#"{"Version":"2012-10-17","Statement":[{}]}"#).send().await)
}

async fn get(a: Account) -> Answer {
    let name = a.name("get");
    role(&a, &name).await?;
    let arn = policy(&a, &name, &allow("s3:GetObject", "*")).await?;
    a.iam.attach_role_policy().role_name(&name).policy_arn(&arn).send().await?;
    let policy = a.iam.get_policy().policy_arn(&arn).send().await?.policy.needed("policy")?;
    let version = policy.default_version_id().unwrap_or_default();
    Ok(format!("{version}, on {}", policy.attachment_count().unwrap_or_default()))
}

async fn get_managed(a: Account) -> Answer {
    let policy = a.iam.get_policy().policy_arn(EXECUTION).send().await?.policy.needed("policy")?;
    let (name, path) = (policy.policy_name().unwrap_or_default(), policy.path().unwrap_or_default());
    Ok(format!("{name} below {path}"))
}

/// The ARN of a policy that is not there.
async fn absent_arn(a: &Account) -> Answer {
    Ok(role(a, &a.name("beside")).await?.replace(":role/beside", ":policy/absent"))
}

async fn get_absent(a: Account) -> Answer {
    refusal(a.iam.get_policy().policy_arn(absent_arn(&a).await?).send().await)
}

async fn version(a: Account) -> Answer {
    let document = allow("s3:GetObject", "arn:aws:s3:::bucket/*");
    let arn = policy(&a, &a.name("version"), &document).await?;
    let read = a.iam.get_policy_version().policy_arn(arn).version_id("v1").send().await?;
    let read = read.policy_version.needed("version")?;
    Ok(same_document(read.document().unwrap_or_default(), &document))
}

async fn no_version(a: Account) -> Answer {
    let arn = policy(&a, &a.name("version"), &allow("s3:GetObject", "*")).await?;
    refusal(a.iam.get_policy_version().policy_arn(arn).version_id("v7").send().await)
}

async fn delete(a: Account) -> Answer {
    let arn = policy(&a, &a.name("delete"), &allow("s3:GetObject", "*")).await?;
    a.iam.delete_policy().policy_arn(&arn).send().await?;
    refusal(a.iam.get_policy().policy_arn(&arn).send().await)
}

async fn delete_attached(a: Account) -> Answer {
    let name = a.name("attached");
    role(&a, &name).await?;
    let arn = policy(&a, &name, &allow("s3:GetObject", "*")).await?;
    a.iam.attach_role_policy().role_name(&name).policy_arn(&arn).send().await?;
    refusal(a.iam.delete_policy().policy_arn(&arn).send().await)
}

async fn delete_absent(a: Account) -> Answer {
    refusal(a.iam.delete_policy().policy_arn(absent_arn(&a).await?).send().await)
}
