//! Managed policies: whether they are there.

use std::sync::Arc;

use longshore_plugin::Result;

use super::{Clients, Freshness, Reads, loader::Loader};
use crate::failure;

/// By ARN. Nothing is known of a policy but that it is there.
pub(super) type ManagedPolicies = Loader<String, (), ()>;

pub(super) fn loader(clients: Clients) -> ManagedPolicies {
    // Whatever the run changes, managed policies are not among it: each is looked at once.
    Loader::new(1, Arc::default(), move |arn: String, _| {
        let clients = clients.clone();
        async move {
            let aws = clients.get()?;
            let answer = aws.iam().await?.get_policy().policy_arn(&arn).send().await;
            let found = answer.map(|_| ()).map_err(|error| failure(&error, format!("iam:GetPolicy {arn}")));
            Ok([((), found)].into())
        }
    })
}

impl Reads {
    /// Makes sure that there is a managed policy. Each is looked at once in a run, however many roles have it.
    ///
    /// # Errors
    /// When it does not exist or cannot be read.
    pub async fn managed_policy(&self, arn: &str) -> Result<()> {
        self.managed_policies.load(arn.to_owned(), (), Freshness::Planned).await.map(drop)
    }
}
