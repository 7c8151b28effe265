//! Deleting secrets, and taking that back.

use std::time::{Duration, SystemTime};

use super::{deleted, secret};
use crate::conformance::{
    Account, Answer, Operation,
    answer::{Needed as _, either, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("secretsmanager:DeleteSecret")
            .case("without a window", "gone after 30 days", default_window)
            .case("a window of 7 days", "gone after 7 days", shortest_window)
            .case("a window of 6 days", "InvalidParameterException", short_window)
            .case("a window and force", "InvalidParameterException", both)
            .case("by force", "ResourceNotFoundException", force)
            .case("by force what is not there", "accepted", force_absent)
            .case("what is not there", "ResourceNotFoundException", absent)
            .case("what is scheduled for deletion", "InvalidRequestException", twice),
        Operation::new("secretsmanager:RestoreSecret")
            .case("within the window", "the same secret; not deleted; one", restore)
            .case("what is not there", "ResourceNotFoundException", restore_absent),
    ]
}

/// After how many days a deletion is final.
fn days(end: Option<&aws_sdk_secretsmanager::primitives::DateTime>, now: SystemTime) -> Answer {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let left = Duration::from_secs(end.needed("DeletionDate")?.secs().unsigned_abs()).saturating_sub(now);
    Ok(format!("gone after {:.0} days", left.as_secs_f64() / 86_400.0))
}

async fn default_window(a: Account) -> Answer {
    let name = a.name("default");
    secret(&a, &name).await?;
    let answer = a.secrets.delete_secret().secret_id(&name).send().await?;
    days(answer.deletion_date(), a.now())
}

async fn shortest_window(a: Account) -> Answer {
    let name = a.name("shortest");
    secret(&a, &name).await?;
    let answer = a.secrets.delete_secret().secret_id(&name).recovery_window_in_days(7).send().await?;
    days(answer.deletion_date(), a.now())
}

async fn short_window(a: Account) -> Answer {
    let name = a.name("short");
    secret(&a, &name).await?;
    refusal(a.secrets.delete_secret().secret_id(&name).recovery_window_in_days(6).send().await)
}

async fn both(a: Account) -> Answer {
    let name = a.name("both");
    secret(&a, &name).await?;
    let delete = a.secrets.delete_secret().secret_id(&name).recovery_window_in_days(7);
    refusal(delete.force_delete_without_recovery(true).send().await)
}

async fn force(a: Account) -> Answer {
    let name = a.name("force");
    secret(&a, &name).await?;
    a.secrets.delete_secret().secret_id(&name).force_delete_without_recovery(true).send().await?;
    refusal(a.secrets.describe_secret().secret_id(&name).send().await)
}

async fn force_absent(a: Account) -> Answer {
    let delete = a.secrets.delete_secret().secret_id(a.name("absent"));
    refusal(delete.force_delete_without_recovery(true).send().await)
}

async fn absent(a: Account) -> Answer {
    refusal(a.secrets.delete_secret().secret_id(a.name("absent")).send().await)
}

async fn twice(a: Account) -> Answer {
    let name = a.name("twice");
    deleted(&a, &name).await?;
    refusal(a.secrets.delete_secret().secret_id(&name).send().await)
}

async fn restore(a: Account) -> Answer {
    let name = a.name("restore");
    let arn = deleted(&a, &name).await?.arn;
    let restored = a.secrets.restore_secret().secret_id(&name).send().await?;
    let described = a.secrets.describe_secret().secret_id(&name).send().await?;
    let read = a.secrets.get_secret_value().secret_id(&name).send().await?;
    Ok(format!(
        "{}; {}; {}",
        either(restored.arn() == arn.as_deref(), "the same secret", "another secret"),
        either(described.deleted_date().is_none(), "not deleted", "deleted"),
        read.secret_string().unwrap_or_default(),
    ))
}

async fn restore_absent(a: Account) -> Answer {
    refusal(a.secrets.restore_secret().secret_id(a.name("absent")).send().await)
}
