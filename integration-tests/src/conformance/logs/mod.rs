//! CloudWatch Logs.

mod events;
mod groups;

use super::{Account, Operation, Refused};

pub(super) fn operations() -> Vec<Operation> {
    [groups::operations(), events::operations()].into_iter().flatten().collect()
}

/// Makes a log group.
async fn group(account: &Account, name: &str) -> Result<(), Refused> {
    account.logs.create_log_group().log_group_name(name).send().await?;
    Ok(())
}
