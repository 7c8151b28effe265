//! Log groups of CloudWatch, listed by the beginning of their names.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_cloudwatchlogs::types::LogGroup;
use longshore_plugin::Result;

use super::{Clients, Freshness, Reads, loader::Loader};
use crate::{changes::Changes, failure};

/// DescribeLogGroups gives at most this many at once.
const AT_ONCE: i32 = 50;

/// The log groups by name, of each beginning that was asked for.
pub(super) type LogGroups = Loader<(), String, Arc<BTreeMap<String, LogGroup>>>;

pub(super) fn loader(clients: Clients, changes: Arc<Changes>) -> LogGroups {
    Loader::new(1, changes, move |(), prefixes: Vec<String>| {
        let clients = clients.clone();
        async move {
            let mut found = BTreeMap::new();
            for prefix in prefixes {
                let groups = list(&clients, &prefix).await?;
                found.insert(prefix, Ok(Arc::new(groups)));
            }
            Ok(found)
        }
    })
}

async fn list(clients: &Clients, prefix: &str) -> Result<BTreeMap<String, LogGroup>> {
    let aws = clients.get()?;
    let mut groups = aws
        .cloudwatchlogs()
        .await?
        .describe_log_groups()
        .log_group_name_prefix(prefix)
        .limit(AT_ONCE)
        .into_paginator()
        .items()
        .send();
    let mut found = BTreeMap::new();
    while let Some(group) = groups.next().await {
        let group = group.map_err(|error| failure(&error, format!("logs:DescribeLogGroups {prefix}")))?;
        if let Some(name) = group.log_group_name.clone() {
            found.insert(name, group);
        }
    }
    Ok(found)
}

impl Reads {
    /// A log group. For planning, all groups whose names begin as `prefix` says are listed once, for whoever asks; else
    /// only those that begin with `name`.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn log_group(
        &self,
        prefix: &str,
        name: &str,
        freshness: Freshness,
    ) -> Result<Option<LogGroup>> {
        let is_shared = freshness == Freshness::Planned && name.starts_with(prefix);
        let prefix = if is_shared { prefix } else { name };
        let groups = self.log_groups.load((), prefix.to_owned(), freshness).await?;
        Ok(groups.and_then(|groups| groups.get(name).cloned()))
    }
}
