//! Moving stages between versions: how a rotation promotes what it has checked.

use super::{FIRST, SECOND, put_pending, secret, staged};
use crate::conformance::{Account, Answer, LOCALSTACK, MOTO, Operation, Refused, answer::refusal};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("secretsmanager:UpdateSecretVersionStage")
            .case("AWSCURRENT to the pending version", "1: AWSPREVIOUS, 2: AWSCURRENT AWSPENDING", promote)
            .case("AWSPENDING away from a version", "1: AWSCURRENT", drop_pending)
            .but(&[MOTO], "1: AWSCURRENT, 2: no stage", "VersionIdsToStages leaves out versions without a staging label: they “are not included in this list”.", api!(secretsmanager "DescribeSecret"))
            .case("AWSCURRENT to where it is", "1: AWSCURRENT, 2: AWSPENDING", to_itself)
            .case("without the version that has it", "InvalidParameterException", unnamed)
            .case("AWSCURRENT away without another version", "InvalidParameterException", take_current)
            .but(&[MOTO, LOCALSTACK], "accepted", "AWSCURRENT is always at a version: it can be moved, and not removed.", api!(secretsmanager "UpdateSecretVersionStage"))
            .case("a secret that is not there", "ResourceNotFoundException", absent),
    ]
}

/// A secret with a version at AWSCURRENT and one at AWSPENDING.
async fn rotating(a: &Account, name: &str) -> Result<(), Refused> {
    secret(a, name).await?;
    put_pending(a, name, SECOND, "two").await
}

async fn promote(a: Account) -> Answer {
    let name = a.name("promote");
    rotating(&a, &name).await?;
    let update = a.secrets.update_secret_version_stage().secret_id(&name).version_stage("AWSCURRENT");
    update.remove_from_version_id(FIRST).move_to_version_id(SECOND).send().await?;
    staged(&a, &name).await
}

async fn drop_pending(a: Account) -> Answer {
    let name = a.name("drop");
    rotating(&a, &name).await?;
    let update = a.secrets.update_secret_version_stage().secret_id(&name).version_stage("AWSPENDING");
    update.remove_from_version_id(SECOND).send().await?;
    staged(&a, &name).await
}

async fn to_itself(a: Account) -> Answer {
    let name = a.name("itself");
    rotating(&a, &name).await?;
    let update = a.secrets.update_secret_version_stage().secret_id(&name).version_stage("AWSCURRENT");
    update.remove_from_version_id(FIRST).move_to_version_id(FIRST).send().await?;
    staged(&a, &name).await
}

async fn unnamed(a: Account) -> Answer {
    let name = a.name("unnamed");
    rotating(&a, &name).await?;
    let update = a.secrets.update_secret_version_stage().secret_id(&name).version_stage("AWSCURRENT");
    refusal(update.move_to_version_id(SECOND).send().await)
}

async fn take_current(a: Account) -> Answer {
    let name = a.name("take");
    rotating(&a, &name).await?;
    let update = a.secrets.update_secret_version_stage().secret_id(&name).version_stage("AWSCURRENT");
    refusal(update.remove_from_version_id(FIRST).send().await)
}

async fn absent(a: Account) -> Answer {
    let update = a.secrets.update_secret_version_stage().secret_id(a.name("absent"));
    refusal(update.version_stage("AWSCURRENT").move_to_version_id(FIRST).send().await)
}
