//! Log groups of CloudWatch, listed by the beginning of their names.

use std::{collections::BTreeMap, sync::Arc};

use longshore_plugin::Result;
use serde_json::{Value, json};

use super::{Clients, Freshness, Reads, loader::Loader};
use crate::{changes::Changes, failure};

/// DescribeLogGroups gives at most this many at once.
const AT_ONCE: u8 = 50;

/// A log group of CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroup {
    /// The ARN, as the tagging calls take it: without `:*` at its end.
    pub arn: String,
    /// Days that log events are kept; `None` if they are kept for ever.
    pub retention_days: Option<u32>,
}

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
    let parameters = json!({ "logGroupNamePrefix": prefix, "limit": AT_ONCE });
    let mut pages = aws.cloudwatchlogs().await?.page_by_page("DescribeLogGroups", parameters);
    let mut found = BTreeMap::new();
    while let Some(page) =
        pages.next().await.map_err(|error| failure(&error, format!("logs:DescribeLogGroups {prefix}")))?
    {
        let groups = page.get("logGroups").and_then(Value::as_array);
        found.extend(groups.into_iter().flatten().filter_map(named));
    }
    Ok(found)
}

/// Reads a log group and its name; `None` without one.
fn named(group: &Value) -> Option<(String, LogGroup)> {
    let text = |member: &str| group.get(member).and_then(Value::as_str);
    let name = text("logGroupName")?.to_owned();
    let arn = text("logGroupArn").or_else(|| text("arn")).unwrap_or_default();
    let days = group.get("retentionInDays").and_then(Value::as_u64);
    let retention_days = days.and_then(|days| days.try_into().ok());
    Some((name, LogGroup { arn: arn.trim_end_matches(":*").to_owned(), retention_days }))
}

impl Reads {
    /// Returns the log groups whose names begin with `prefix`, by their names.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn log_groups(
        &self,
        prefix: &str,
        freshness: Freshness,
    ) -> Result<Arc<BTreeMap<String, LogGroup>>> {
        Ok(self.log_groups.load((), prefix.to_owned(), freshness).await?.unwrap_or_default())
    }

    /// Returns a log group. For planning, all groups whose names begin with `prefix` are listed once for all callers;
    /// else only those that begin with `name`.
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
        let groups = self.log_groups(if is_shared { prefix } else { name }, freshness).await?;
        Ok(groups.get(name).cloned())
    }
}
