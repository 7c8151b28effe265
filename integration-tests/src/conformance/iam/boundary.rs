//! Permissions boundaries.

use super::{EXECUTION, role};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation,
    answer::{Needed as _, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("iam:PutRolePermissionsBoundary")
            .case("a managed policy", "AmazonECSTaskExecutionRolePolicy", put)
            .case("a policy that is not there", "NoSuchEntity", no_policy)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "The request refers to an entity that does not exist: NoSuchEntity.",
                api!(iam "PutRolePermissionsBoundary"),
            )
            .case("what is not there", "NoSuchEntity", absent),
        Operation::new("iam:DeleteRolePermissionsBoundary").case("a boundary", "none", delete).case(
            "what is not there",
            "NoSuchEntity",
            delete_absent,
        ),
    ]
}

/// The name of the policy that bounds a role.
async fn boundary(a: &Account, name: &str) -> Answer {
    let role = a.iam.get_role().role_name(name).send().await?.role.needed("role")?;
    let arn = role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
    Ok(arn.and_then(|arn| arn.rsplit('/').next().map(str::to_owned)).unwrap_or_else(|| "none".to_owned()))
}

async fn put(a: Account) -> Answer {
    let name = a.name("put");
    role(&a, &name).await?;
    a.iam.put_role_permissions_boundary().role_name(&name).permissions_boundary(EXECUTION).send().await?;
    boundary(&a, &name).await
}

async fn no_policy(a: Account) -> Answer {
    let name = a.name("bounded");
    let arn = role(&a, &name).await?.replace(":role/", ":policy/absent-");
    refusal(a.iam.put_role_permissions_boundary().role_name(&name).permissions_boundary(arn).send().await)
}

async fn absent(a: Account) -> Answer {
    let put = a.iam.put_role_permissions_boundary().role_name(a.name("absent"));
    refusal(put.permissions_boundary(EXECUTION).send().await)
}

async fn delete(a: Account) -> Answer {
    let name = a.name("delete");
    role(&a, &name).await?;
    a.iam.put_role_permissions_boundary().role_name(&name).permissions_boundary(EXECUTION).send().await?;
    a.iam.delete_role_permissions_boundary().role_name(&name).send().await?;
    boundary(&a, &name).await
}

async fn delete_absent(a: Account) -> Answer {
    refusal(a.iam.delete_role_permissions_boundary().role_name(a.name("absent")).send().await)
}
