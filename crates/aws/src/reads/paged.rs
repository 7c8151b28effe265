//! A list of the whole account, read page by page as far as that is worth it, and shared by all who look something up.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures_util::future::BoxFuture;
use longshore_model::FailureKind;
use longshore_plugin::Result;
use tokio::{sync::Mutex, time::Instant};

use super::{Clients, KEPT_FOR};
use crate::{Aws, changes::Changes, failure, is_unsupported};

/// An item's details from the account's list.
#[derive(Clone, Debug, PartialEq)]
pub enum Listed<T> {
    /// It is there.
    Found(Arc<T>),
    /// It is not there.
    Absent,
    /// The list cannot be had, or is too long to look through for so few: look at it by itself.
    Unknown,
}

/// A page: what is on it, by name, and the marker of the next one.
pub(super) struct Page<T> {
    pub(super) entries: Vec<(String, T)>,
    pub(super) next: Option<String>,
}

/// Reads the page behind a marker; nothing where the list cannot be had.
type Fetch<T> = fn(Aws, Option<String>) -> BoxFuture<'static, Result<Option<Page<T>>>>;

/// A list, as far as it has been read.
pub(super) struct Paged<T> {
    clients: Clients,
    changes: Arc<Changes>,
    fetch: Fetch<T>,
    /// The number of requests that it takes to look at one by itself.
    by_itself: usize,
    list: Mutex<List<T>>,
}

struct List<T> {
    changes: u64,
    began: Option<Instant>,
    pages: usize,
    entries: BTreeMap<String, Arc<T>>,
    next: Next,
}

/// The position at which the list goes on.
enum Next {
    Beginning,
    After(String),
    End,
    /// The caller may not have it, or the endpoint does not know it.
    Refused,
}

impl<T> Paged<T> {
    pub(super) fn new(clients: Clients, changes: Arc<Changes>, by_itself: usize, fetch: Fetch<T>) -> Self {
        Self { clients, changes, fetch, by_itself, list: Mutex::new(List::anew(0)) }
    }

    /// Looks `name` up, which `expected` others are looked up beside.
    pub(super) async fn find(&self, name: &str, expected: usize) -> Result<Listed<T>> {
        let mut list = self.list.lock().await;
        self.renew(&mut list);
        loop {
            if let Some(entry) = list.entries.get(name) {
                return Ok(Listed::Found(entry.clone()));
            }
            match list.next {
                Next::End => return Ok(Listed::Absent),
                Next::Refused => return Ok(Listed::Unknown),
                Next::Beginning => {}
                // By now it would have been cheaper to look at each by itself.
                Next::After(_) if list.pages >= self.by_itself * expected => return Ok(Listed::Unknown),
                Next::After(_) => {}
            }
            self.read_on(&mut list).await?;
        }
    }

    /// All that fits; nothing where the list cannot be had.
    pub(super) async fn all(&self, fits: impl Fn(&T) -> bool) -> Result<Option<Vec<Arc<T>>>> {
        let mut list = self.list.lock().await;
        self.renew(&mut list);
        while !matches!(list.next, Next::End | Next::Refused) {
            self.read_on(&mut list).await?;
        }
        let is_known = matches!(list.next, Next::End);
        Ok(is_known.then(|| list.entries.values().filter(|entry| fits(entry)).cloned().collect()))
    }

    /// Begins anew when the run has changed something since the list was begun.
    fn renew(&self, list: &mut List<T>) {
        let changes = self.changes.count();
        let is_old = list.began.is_some_and(|began| began.elapsed() > KEPT_FOR);
        if (list.changes != changes || is_old) && !matches!(list.next, Next::Refused) {
            *list = List::anew(changes);
        }
    }

    /// Reads another page.
    async fn read_on(&self, list: &mut List<T>) -> Result<()> {
        let marker = match &list.next {
            Next::Beginning => None,
            Next::After(marker) => Some(marker.clone()),
            Next::End | Next::Refused => return Ok(()),
        };
        let Some(page) = (self.fetch)(self.clients.get()?, marker).await? else {
            list.next = Next::Refused;
            return Ok(());
        };
        list.pages += 1;
        list.began.get_or_insert_with(Instant::now);
        list.entries.extend(page.entries.into_iter().map(|(name, entry)| (name, Arc::new(entry))));
        list.next = page.next.map_or(Next::End, Next::After);
        Ok(())
    }
}

impl<T> List<T> {
    fn anew(changes: u64) -> Self {
        Self { changes, began: None, pages: 0, entries: BTreeMap::new(), next: Next::Beginning }
    }
}

/// Returns `None` for an error if the caller may not have the list, or the endpoint does not know it.
///
/// # Errors
/// When it means something else.
pub(super) fn unless_refused<T, E>(
    error: &SdkError<E, HttpResponse>,
    call: &'static str,
) -> Result<Option<Page<T>>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let failure = failure(error, call);
    if is_unsupported(error) || failure.kind == FailureKind::Denied { Ok(None) } else { Err(failure) }
}
