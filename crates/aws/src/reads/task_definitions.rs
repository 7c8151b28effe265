//! ACTIVE revisions of task definitions, read many at once.
//!
//! A service does not tell whether the revision that it runs was deregistered. One page of ListTaskDefinitions has a
//! hundred that were not, but it lists the revisions of the whole account.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_ecs::types::TaskDefinitionStatus;
use futures_util::{FutureExt as _, future::BoxFuture};
use longshore_plugin::Result;

use super::{
    Clients, Reads,
    paged::{Listed, Page, Paged, unless_refused},
};
use crate::{Aws, changes::Changes};

/// The number of requests that read a single revision.
const ALONE: usize = 1;

/// The account's ACTIVE revisions, as far as they have been listed.
pub(super) struct TaskDefinitions {
    /// The families whose revisions will be asked for.
    expected: Mutex<BTreeSet<String>>,
    active: Paged<()>,
}

impl TaskDefinitions {
    pub(super) fn new(clients: &Clients, changes: &Arc<Changes>) -> Self {
        let active = Paged::new(clients.clone(), changes.clone(), ALONE, active);
        Self { expected: Mutex::default(), active }
    }

    /// Notes a family, and returns how many are noted.
    fn note_expected(&self, family: &str) -> usize {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        expected.insert(family.to_owned());
        expected.len()
    }
}

fn active(aws: Aws, token: Option<String>) -> BoxFuture<'static, Result<Option<Page<()>>>> {
    async move {
        let call = aws.ecs().await?.list_task_definitions().status(TaskDefinitionStatus::Active);
        let page = match call.set_next_token(token).send().await {
            Ok(page) => page,
            Err(error) => return unless_refused(&error, "ecs:ListTaskDefinitions"),
        };
        let arns = page.task_definition_arns.unwrap_or_default().into_iter();
        Ok(Some(Page { entries: arns.map(|arn| (arn, ())).collect(), next: page.next_token }))
    }
    .boxed()
}

impl Reads {
    /// Notes that a revision of the family will be asked for: the more are, the more of the account's list is worth
    /// reading.
    pub fn expect_task_definition(&self, family: &str) {
        self.task_definitions.note_expected(family);
    }

    /// Looks a revision of a family up in the list of the account's ACTIVE revisions, which is read once for all, until
    /// the run changes something.
    ///
    /// # Errors
    /// When the list cannot be read, although the caller may have it.
    pub async fn active_task_definition(&self, family: &str, arn: &str) -> Result<Listed<()>> {
        let expected = self.task_definitions.note_expected(family);
        self.task_definitions.active.find(arn, expected).await
    }
}
