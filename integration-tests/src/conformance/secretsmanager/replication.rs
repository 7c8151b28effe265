//! Replicas in other regions.

use aws_sdk_secretsmanager::types::{ReplicaRegionType, StatusType};

use super::{SECOND, put, secret};
use crate::conformance::{
    Account, Answer, LOCALSTACK, Operation, Refused,
    answer::{Needed as _, either, refusal},
};

/// Another region.
const REGION: &str = "eu-west-1";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("secretsmanager:ReplicateSecretToRegions")
            .case("to another region", "eu-west-1 in sync; its value there: one", replicate)
            .but(&[LOCALSTACK], "secretsmanager:GetSecretValue is refused: InternalError", "A replica is read like any other secret. LocalStack breaks.", api!(secretsmanager "ReplicateSecretToRegions"))
            .case("a later value", "two", follows)
            .but(&[LOCALSTACK], "secretsmanager:GetSecretValue is refused: InternalError", "A replica is read like any other secret. LocalStack breaks.", api!(secretsmanager "ReplicateSecretToRegions"))
            .case("to the secret's own region", "InvalidParameterException", own_region)
            .case("writing to the replica", "InvalidParameterException", write_replica)
            .but(&[LOCALSTACK], "InternalError", "A replica cannot be updated apart from its primary: the parameter is not valid. LocalStack breaks.", api!(secretsmanager "PutSecretValue"))
            .case("deleting the primary", "InvalidParameterException", delete_primary)
            .case("a secret that is not there", "ResourceNotFoundException", absent),
        Operation::new("secretsmanager:RemoveRegionsFromReplication")
            .case("the only replica", "no replicas; there: ResourceNotFoundException", remove)
            .case("a secret that is not there", "ResourceNotFoundException", remove_absent),
    ]
}

fn region(name: &str) -> ReplicaRegionType {
    ReplicaRegionType::builder().region(name).build()
}

/// A secret with a replica that is in sync.
async fn replicated(a: &Account, name: &str) -> Result<(), Refused> {
    secret(a, name).await?;
    let replicate = a.secrets.replicate_secret_to_regions().secret_id(name);
    replicate.add_replica_regions(region(REGION)).send().await?;
    a.until("in sync", || async {
        let described = a.secrets.describe_secret().secret_id(name).send().await?;
        let status = described.replication_status().first().and_then(|status| status.status());
        Ok((status == Some(&StatusType::InSync)).then_some(()))
    })
    .await
}

/// The value of the replica.
async fn value_there(a: &Account, name: &str) -> Answer {
    let read = a.in_region(REGION).secrets.get_secret_value().secret_id(name).send().await?;
    Ok(read.secret_string.unwrap_or_default())
}

async fn replicate(a: Account) -> Answer {
    let name = a.name("replicate");
    replicated(&a, &name).await?;
    let described = a.secrets.describe_secret().secret_id(&name).send().await?;
    let status = described.replication_status().first().needed("status")?;
    Ok(format!(
        "{} in sync; its value there: {}",
        status.region().unwrap_or_default(),
        value_there(&a, &name).await?
    ))
}

async fn follows(a: Account) -> Answer {
    let name = a.name("follows");
    replicated(&a, &name).await?;
    put(&a, &name, SECOND, "two").await?;
    a.until("two at the replica", || async {
        let value = value_there(&a, &name).await?;
        Ok((value == "two").then_some(value))
    })
    .await
}

async fn own_region(a: Account) -> Answer {
    let name = a.name("own-region");
    secret(&a, &name).await?;
    let replicate = a.secrets.replicate_secret_to_regions().secret_id(&name);
    refusal(replicate.add_replica_regions(region(a.region())).send().await)
}

async fn write_replica(a: Account) -> Answer {
    let name = a.name("write");
    replicated(&a, &name).await?;
    let there = a.in_region(REGION);
    refusal(there.secrets.put_secret_value().secret_id(&name).secret_string("two").send().await)
}

async fn delete_primary(a: Account) -> Answer {
    let name = a.name("primary");
    replicated(&a, &name).await?;
    refusal(a.secrets.delete_secret().secret_id(&name).send().await)
}

async fn absent(a: Account) -> Answer {
    let replicate = a.secrets.replicate_secret_to_regions().secret_id(a.name("absent"));
    refusal(replicate.add_replica_regions(region(REGION)).send().await)
}

async fn remove(a: Account) -> Answer {
    let name = a.name("remove");
    replicated(&a, &name).await?;
    let remove = a.secrets.remove_regions_from_replication().secret_id(&name).remove_replica_regions(REGION);
    let left = remove.send().await?.replication_status.unwrap_or_default();
    let there = a.in_region(REGION);
    let gone = a
        .until("gone there", || async {
            let answer = refusal(there.secrets.describe_secret().secret_id(&name).send().await)?;
            Ok((answer != "accepted").then_some(answer))
        })
        .await?;
    Ok(format!("{}; there: {gone}", either(left.is_empty(), "no replicas", "replicas")))
}

async fn remove_absent(a: Account) -> Answer {
    let remove = a.secrets.remove_regions_from_replication().secret_id(a.name("absent"));
    refusal(remove.remove_replica_regions(REGION).send().await)
}
