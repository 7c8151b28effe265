//! Secrets of Secrets Manager: what a stack owns, and values.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use aws_sdk_secretsmanager::{
    primitives::DateTime,
    types::{Filter, FilterNameStringType, SecretListEntry},
};
use longshore_model::{Failure, FailureKind, Secret};
use longshore_plugin::Result;

use super::{Clients, Freshness, Reads, loader::Loader};
use crate::{STACK_TAG, changes::Changes, classify, failure, is_unsupported};

/// BatchGetSecretValue takes at most this many.
const VALUES_AT_ONCE: usize = 20;

/// ListSecrets gives at most this many at once.
const LISTED_AT_ONCE: i32 = 100;

/// The version stage that ECS reads at a task's launch.
const CURRENT_STAGE: &str = "AWSCURRENT";

/// The secrets of a stack, by name.
pub type ListedSecrets = BTreeMap<String, SecretListEntry>;

/// The current value of a secret.
#[derive(Clone, Debug)]
pub struct CurrentValue {
    /// The version that holds it.
    pub version: String,
    /// The value; nothing where it is no text.
    pub text: Option<Secret<String>>,
    /// When the version was made.
    pub created: Option<DateTime>,
}

/// The secrets of stacks, by the stacks' names.
pub(super) type OfStacks = Loader<(), String, Arc<ListedSecrets>>;

/// Values by the ARNs of their secrets.
pub(super) struct Values {
    loader: Loader<(), String, CurrentValue>,
    /// True if the endpoint does not know the batch call, or the caller may not use it.
    refused: Arc<AtomicBool>,
}

pub(super) fn of_stacks(clients: Clients, changes: Arc<Changes>) -> OfStacks {
    Loader::new(1, changes, move |(), stacks: Vec<String>| {
        let clients = clients.clone();
        async move {
            let mut found = BTreeMap::new();
            for stack in stacks {
                let secrets = list(&clients, &stack).await?;
                found.insert(stack, Ok(Arc::new(secrets)));
            }
            Ok(found)
        }
    })
}

async fn list(clients: &Clients, stack: &str) -> Result<ListedSecrets> {
    let aws = clients.get()?;
    let filter = |key, value: &str| Filter::builder().key(key).values(value).build();
    let mut entries = aws
        .secretsmanager()
        .await?
        .list_secrets()
        // A filter finds everything that begins so, and each may fit another tag: what is found is looked at again.
        .filters(filter(FilterNameStringType::TagKey, STACK_TAG))
        .filters(filter(FilterNameStringType::TagValue, stack))
        .include_planned_deletion(true)
        .max_results(LISTED_AT_ONCE)
        .into_paginator()
        .send();
    let mut found = BTreeMap::new();
    while let Some(page) = entries.next().await {
        let page = page.map_err(|error| failure(&error, "secretsmanager:ListSecrets"))?;
        for entry in page.secret_list.unwrap_or_default() {
            if !entry.tags().iter().any(|tag| tag.key() == Some(STACK_TAG) && tag.value() == Some(stack)) {
                continue;
            }
            if let Some(name) = entry.name.clone() {
                found.insert(name, entry);
            }
        }
    }
    Ok(found)
}

pub(super) fn values(clients: Clients, changes: Arc<Changes>) -> Values {
    let refused = Arc::new(AtomicBool::new(false));
    let is_refused = refused.clone();
    let loader = Loader::new(VALUES_AT_ONCE, changes, move |(), arns: Vec<String>| {
        let (clients, is_refused) = (clients.clone(), is_refused.clone());
        async move {
            let aws = clients.get()?;
            let client = aws.secretsmanager().await?;
            let answer = client.batch_get_secret_value().set_secret_id_list(Some(arns)).send().await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    let failure = failure(&error, "secretsmanager:BatchGetSecretValue");
                    if !is_unsupported(&error) && failure.kind != FailureKind::Denied {
                        return Err(failure);
                    }
                    is_refused.store(true, Ordering::Relaxed);
                    return Ok(BTreeMap::new());
                }
            };
            let mut found = BTreeMap::new();
            for mut value in answer.secret_values.unwrap_or_default() {
                // moto may give a version that is not the current one.
                let is_current = value.version_stages().iter().any(|stage| stage == CURRENT_STAGE);
                let Some(arn) = value.arn.take().filter(|_| is_current) else { continue };
                let current = CurrentValue {
                    version: value.version_id.take().unwrap_or_default(),
                    text: value.secret_string.take().map(Secret::new),
                    created: value.created_date,
                };
                found.insert(arn, Ok(current));
            }
            for error in answer.errors.unwrap_or_default() {
                let code = error.error_code.unwrap_or_default();
                let message = error.message.unwrap_or_default();
                let failure = Failure::new(classify(&code), format!("{message} ({code})"));
                if let Some(id) = error.secret_id.filter(|_| failure.kind != FailureKind::NotFound) {
                    found.insert(id, Err(failure));
                }
            }
            Ok(found)
        }
    });
    Values { loader, refused }
}

impl Reads {
    /// The secrets that carry the tag of `stack`, those that are scheduled for deletion too. One request reads a
    /// hundred of them for all callers.
    ///
    /// The list may be up to five minutes behind (API reference, ListSecrets). Secrets that it shows as different or
    /// missing have to be looked at themselves.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn secrets(&self, stack: &str, freshness: Freshness) -> Result<Arc<ListedSecrets>> {
        let secrets = self.secrets.load((), stack.to_owned(), freshness).await?;
        Ok(secrets.unwrap_or_default())
    }

    /// The current value of a secret, read together with those of others. It is never kept. Nothing when there is none,
    /// or when it cannot be had in this way: then it has to be read by itself.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn secret_value(&self, arn: &str) -> Result<Option<CurrentValue>> {
        if self.secret_values.refused.load(Ordering::Relaxed) {
            return Ok(None);
        }
        self.secret_values.loader.load((), arn.to_owned(), Freshness::Now).await
    }
}
