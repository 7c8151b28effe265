//! Roles.

use super::{allow, document, role, same_document, tag, trust, trust_of};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{Needed as _, either, refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("iam:CreateRole")
            .case("a role with a path", "arn:aws:iam::ACCOUNT:role/conformance/NAME, AROA…", with_path)
            .case("a name that is taken", "EntityAlreadyExists", taken)
            .case("a name that is taken in other case", "EntityAlreadyExists", other_case)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“Names are not distinguished by case.”",
                api!(iam "CreateRole"),
            )
            .case("a trust policy that is no JSON", "MalformedPolicyDocument", no_json)
            .but(
                &[MOTO],
                "accepted",
                "A document that is no policy is a MalformedPolicyDocument.",
                api!(iam "CreateRole"),
            )
            .case("a trust policy without a principal", "MalformedPolicyDocument", no_principal)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“You must use the Principal element in resource-based policies”, of which the trust policy is \
                 one.",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
            )
            .case("a trust policy with a resource", "MalformedPolicyDocument", with_resource)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "A trust policy is about the role that it is part of, and has no Resource element.",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html",
            )
            .case("trust in a role that is not there", "MalformedPolicyDocument", absent_principal)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "IAM turns the ARN of a role into its unique id when the policy is saved, for which the role \
                 has to be there.",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
            )
            .case("a name of 65 characters", "ValidationError", long_name)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "A role's name has 64 characters at most.",
                api!(iam "CreateRole"),
            )
            .case("a character that is not allowed in names", "ValidationError", bad_name)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "A role's name consists of letters, digits and _+=,.@-.",
                api!(iam "CreateRole"),
            )
            .case("a boundary that is not there", "NoSuchEntity", absent_boundary)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "A boundary is a managed policy, which has to be there: PutRolePermissionsBoundary names the \
                 error.",
                api!(iam "PutRolePermissionsBoundary"),
            ),
        Operation::new("iam:GetRole")
            .case("a role", "/, 3600 seconds, of the shop, a=1; trust as written, percent-encoded", get)
            .case("what is not there", "NoSuchEntity", get_absent),
        Operation::new("iam:ListRoles")
            .case("those below a path", "a b", list)
            .case("one at a time", "a b; 2 pages at least", list_pages)
            .but(
                &[LOCALSTACK],
                "a b; 1 page",
                "MaxItems is the number of results in a page; LocalStack has one page only.",
                api!(iam "ListRoles"),
            )
            .case("what an entry tells", "trust, 3600 seconds, of the shop, no tags", list_entry)
            .case("a path where there are none", "", list_none),
        Operation::new("iam:UpdateRole")
            .case("description and session length", "another description, 7200 seconds", update)
            .case("a session of half an hour", "ValidationError", update_short)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“This setting can have a value from 1 hour to 12 hours.”",
                api!(iam "UpdateRole"),
            )
            .case("a description in Greek", "ValidationError", update_greek)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "A description consists of the characters of ISO 8859-1.",
                api!(iam "UpdateRole"),
            )
            .case("what is not there", "NoSuchEntity", update_absent),
        Operation::new("iam:UpdateAssumeRolePolicy")
            .case("another principal", "ec2.amazonaws.com", update_trust)
            .case("a policy without a principal", "MalformedPolicyDocument", update_malformed)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“You must use the Principal element in resource-based policies”, of which the trust policy is \
                 one.",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
            )
            .case("what is not there", "NoSuchEntity", update_trust_absent),
        Operation::new("iam:DeleteRole")
            .case("a role", "NoSuchEntity", delete)
            .case("with an inline policy", "DeleteConflict", delete_with_inline)
            .case("with a managed policy", "DeleteConflict", delete_with_attached)
            .case("what is not there", "NoSuchEntity", delete_absent),
        Operation::new("iam:ListInstanceProfilesForRole")
            .case("where there are none", "none", profiles)
            .case("what is not there", "NoSuchEntity", profiles_absent)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "The operation has the error NoSuchEntity for a role that does not exist.",
                api!(iam "ListInstanceProfilesForRole"),
            ),
    ]
}

async fn with_path(a: Account) -> Answer {
    let name = a.name("path");
    let create = a.iam.create_role().role_name(&name).path("/conformance/");
    let role = create.assume_role_policy_document(trust()).send().await?.role.needed("role")?;
    let arn =
        role.arn().starts_with("arn:aws:iam::") && role.arn().ends_with(&format!(":role/conformance/{name}"));
    let id = either(role.role_id().starts_with("AROA"), "AROA…", "another id");
    Ok(format!("{}, {id}", if arn { "arn:aws:iam::ACCOUNT:role/conformance/NAME" } else { role.arn() }))
}

async fn taken(a: Account) -> Answer {
    let name = a.name("taken");
    role(&a, &name).await?;
    refusal(a.iam.create_role().role_name(&name).assume_role_policy_document(trust()).send().await)
}

async fn other_case(a: Account) -> Answer {
    let name = a.name("case");
    role(&a, &name).await?;
    let create = a.iam.create_role().role_name(name.replace("case", "CASE"));
    refusal(create.assume_role_policy_document(trust()).send().await)
}

/// Returns the refusal of a role with this trust policy.
async fn trusting(a: &Account, trust: &str) -> Answer {
    refusal(a.iam.create_role().role_name(a.name("trust")).assume_role_policy_document(trust).send().await)
}

async fn no_json(a: Account) -> Answer {
    trusting(&a, "perhaps").await
}

async fn no_principal(a: Account) -> Answer {
    trusting(&a, r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}"#)
        .await
}

async fn with_resource(a: Account) -> Answer {
    let trust = trust().replace(r#""Action""#, r#""Resource":"*","Action""#);
    trusting(&a, &trust).await
}

async fn absent_principal(a: Account) -> Answer {
    let arn = role(&a, &a.name("beside")).await?.replace("beside", "absent");
    trusting(&a, &trust_of(&format!(r#"{{"AWS":"{arn}"}}"#))).await
}

async fn long_name(a: Account) -> Answer {
    let create = a.iam.create_role().role_name(format!("{:x<65}", a.name("long")));
    refusal(create.assume_role_policy_document(trust()).send().await)
}

async fn bad_name(a: Account) -> Answer {
    refusal(a.iam.create_role().role_name(a.name("a b")).assume_role_policy_document(trust()).send().await)
}

async fn absent_boundary(a: Account) -> Answer {
    let arn = role(&a, &a.name("beside")).await?.replace(":role/beside", ":policy/absent");
    let create = a.iam.create_role().role_name(a.name("bounded")).permissions_boundary(arn);
    refusal(create.assume_role_policy_document(trust()).send().await)
}

async fn get(a: Account) -> Answer {
    let name = a.name("get");
    let create = a.iam.create_role().role_name(&name).description("of the shop").tags(tag("a", "1")?);
    create.assume_role_policy_document(trust()).send().await?;
    let role = a.iam.get_role().role_name(&name).send().await?.role.needed("role")?;
    let tags = sorted(role.tags().iter().map(|tag| format!("{}={}", tag.key(), tag.value())));
    Ok(format!(
        "{}, {} seconds, {}, {tags}; trust {}",
        role.path(),
        role.max_session_duration().unwrap_or_default(),
        role.description().unwrap_or_default(),
        same_document(role.assume_role_policy_document().unwrap_or_default(), &trust()),
    ))
}

async fn get_absent(a: Account) -> Answer {
    refusal(a.iam.get_role().role_name(a.name("absent")).send().await)
}

/// Makes the roles `a-…` and `b-…` below a path of their own, which is the answer.
async fn below(a: &Account) -> Result<String, Refused> {
    let path = format!("/{}/", a.name("path"));
    for what in ["b", "a"] {
        let create = a.iam.create_role().role_name(a.name(what)).path(&path).tags(tag("a", "1")?);
        let create = create.description("of the shop");
        create.assume_role_policy_document(trust()).send().await?;
    }
    Ok(path)
}

fn first_letters<'a>(roles: impl IntoIterator<Item = &'a aws_sdk_iam::types::Role>) -> String {
    // In which order they come, the reference does not say.
    sorted(roles.into_iter().map(|role| &role.role_name()[..1]))
}

async fn list(a: Account) -> Answer {
    let path = below(&a).await?;
    Ok(first_letters(a.iam.list_roles().path_prefix(path).send().await?.roles()))
}

async fn list_pages(a: Account) -> Answer {
    let path = below(&a).await?;
    let list = a.iam.list_roles().path_prefix(path).max_items(1).into_paginator();
    let pages: Vec<_> = list.send().collect::<Result<_, _>>().await?;
    let found = first_letters(pages.iter().flat_map(|page| page.roles()));
    Ok(format!("{found}; {}", either(pages.len() >= 2, "2 pages at least", "1 page")))
}

async fn list_entry(a: Account) -> Answer {
    let path = below(&a).await?;
    let list = a.iam.list_roles().path_prefix(path).send().await?;
    let role = list.roles().first().needed("role")?;
    let trust = document(role.assume_role_policy_document().unwrap_or_default()).is_ok();
    Ok(format!(
        "{}, {} seconds, {}, {}",
        either(trust, "trust", "no trust"),
        role.max_session_duration().unwrap_or_default(),
        role.description().unwrap_or_default(),
        either(role.tags().is_empty(), "no tags", "tags")
    ))
}

async fn list_none(a: Account) -> Answer {
    let list = a.iam.list_roles().path_prefix(format!("/{}/", a.name("none"))).send().await?;
    Ok(first_letters(list.roles()))
}

async fn update(a: Account) -> Answer {
    let name = a.name("update");
    role(&a, &name).await?;
    let update = a.iam.update_role().role_name(&name).description("another description");
    update.max_session_duration(7_200).send().await?;
    let role = a.iam.get_role().role_name(&name).send().await?.role.needed("role")?;
    let seconds = role.max_session_duration().unwrap_or_default();
    Ok(format!("{}, {seconds} seconds", role.description().unwrap_or_default()))
}

async fn update_short(a: Account) -> Answer {
    let name = a.name("short");
    role(&a, &name).await?;
    refusal(a.iam.update_role().role_name(&name).max_session_duration(1_800).send().await)
}

async fn update_greek(a: Account) -> Answer {
    let name = a.name("greek");
    role(&a, &name).await?;
    refusal(a.iam.update_role().role_name(&name).description("ρόλος").send().await)
}

async fn update_absent(a: Account) -> Answer {
    refusal(a.iam.update_role().role_name(a.name("absent")).description("x").send().await)
}

async fn update_trust(a: Account) -> Answer {
    let name = a.name("trust");
    role(&a, &name).await?;
    let trust = trust_of(r#"{"Service":"ec2.amazonaws.com"}"#);
    a.iam.update_assume_role_policy().role_name(&name).policy_document(trust).send().await?;
    let role = a.iam.get_role().role_name(&name).send().await?.role.needed("role")?;
    let trust = document(role.assume_role_policy_document().unwrap_or_default())?;
    Ok(trust["Statement"][0]["Principal"]["Service"].as_str().unwrap_or_default().to_owned())
}

async fn update_malformed(a: Account) -> Answer {
    let name = a.name("malformed");
    role(&a, &name).await?;
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}"#;
    refusal(a.iam.update_assume_role_policy().role_name(&name).policy_document(trust).send().await)
}

async fn update_trust_absent(a: Account) -> Answer {
    let update = a.iam.update_assume_role_policy().role_name(a.name("absent"));
    refusal(update.policy_document(trust()).send().await)
}

async fn delete(a: Account) -> Answer {
    let name = a.name("delete");
    role(&a, &name).await?;
    a.iam.delete_role().role_name(&name).send().await?;
    refusal(a.iam.get_role().role_name(&name).send().await)
}

async fn delete_with_inline(a: Account) -> Answer {
    let name = a.name("inline");
    role(&a, &name).await?;
    let put = a.iam.put_role_policy().role_name(&name).policy_name("p");
    put.policy_document(allow("s3:GetObject", "*")).send().await?;
    refusal(a.iam.delete_role().role_name(&name).send().await)
}

async fn delete_with_attached(a: Account) -> Answer {
    let name = a.name("attached");
    role(&a, &name).await?;
    a.iam.attach_role_policy().role_name(&name).policy_arn(super::EXECUTION).send().await?;
    refusal(a.iam.delete_role().role_name(&name).send().await)
}

async fn delete_absent(a: Account) -> Answer {
    refusal(a.iam.delete_role().role_name(a.name("absent")).send().await)
}

async fn profiles(a: Account) -> Answer {
    let name = a.name("profiles");
    role(&a, &name).await?;
    let list = a.iam.list_instance_profiles_for_role().role_name(&name).send().await?;
    Ok(either(list.instance_profiles().is_empty(), "none", "some"))
}

async fn profiles_absent(a: Account) -> Answer {
    refusal(a.iam.list_instance_profiles_for_role().role_name(a.name("absent")).send().await)
}
