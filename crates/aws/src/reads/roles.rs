//! IAM roles with everything that they grant, many at once.
//!
//! One page of GetAccountAuthorizationDetails says of up to a thousand roles what takes four requests for each of them
//! otherwise. But it lists the roles of the whole account, which may be many more than those of the stack.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex as StdMutex, PoisonError},
};

use aws_sdk_iam::types::{EntityType, RoleDetail};
use longshore_model::FailureKind;
use longshore_plugin::Result;
use tokio::{sync::Mutex, time::Instant};

use super::{Clients, KEPT_FOR, Reads};
use crate::{changes::Changes, failure, is_unsupported};

/// GetAccountAuthorizationDetails gives at most this many at once.
const AT_ONCE: i32 = 1000;

/// How many requests it takes to read one role by itself, with its policies.
const BY_ITSELF: usize = 4;

const CALL: &str = "iam:GetAccountAuthorizationDetails";

/// What is known of a role from the account's list.
#[derive(Clone, Debug, PartialEq)]
pub enum ListedRole {
    /// It is there.
    Found(Arc<RoleDetail>),
    /// It is not there.
    Absent,
    /// The list cannot be had, or is too long to look through for so few roles: look at the role itself.
    Unknown,
}

/// The account's roles, as far as they have been listed.
pub(super) struct Roles {
    clients: Clients,
    changes: Arc<Changes>,
    expected: StdMutex<BTreeSet<String>>,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    changes: u64,
    began: Option<Instant>,
    pages: usize,
    roles: BTreeMap<String, Arc<RoleDetail>>,
    next: Next,
}

/// Where the list goes on.
#[derive(Clone, Default)]
enum Next {
    #[default]
    Beginning,
    After(String),
    End,
    /// The caller may not have it, or the endpoint does not know it.
    Refused,
}

impl Roles {
    pub(super) fn new(clients: Clients, changes: Arc<Changes>) -> Self {
        Self { clients, changes, expected: StdMutex::default(), list: Mutex::default() }
    }

    fn expected(&self) -> usize {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Begins anew when the run has changed something since the list was begun.
    fn renew(&self, list: &mut List) {
        let changes = self.changes.count();
        let is_old = list.began.is_some_and(|began| began.elapsed() > KEPT_FOR);
        if (list.changes != changes || is_old) && !matches!(list.next, Next::Refused) {
            *list = List { changes, ..List::default() };
        }
    }

    /// Reads another page.
    async fn read_on(&self, list: &mut List) -> Result<()> {
        let marker = match &list.next {
            Next::Beginning => None,
            Next::After(marker) => Some(marker.clone()),
            Next::End | Next::Refused => return Ok(()),
        };
        let aws = self.clients.get()?;
        let call = aws
            .iam()
            .await?
            .get_account_authorization_details()
            .filter(EntityType::Role)
            .max_items(AT_ONCE)
            .set_marker(marker);
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) => {
                let failure = failure(&error, CALL);
                if is_unsupported(&error) || failure.kind == FailureKind::Denied {
                    list.next = Next::Refused;
                    return Ok(());
                }
                return Err(failure);
            }
        };
        list.pages += 1;
        list.began.get_or_insert_with(Instant::now);
        let roles = page.role_detail_list.unwrap_or_default().into_iter();
        list.roles.extend(roles.filter_map(|role| Some((role.role_name.clone()?, Arc::new(role)))));
        list.next = match page.marker.filter(|_| page.is_truncated) {
            Some(marker) => Next::After(marker),
            None => Next::End,
        };
        Ok(())
    }
}

impl Reads {
    /// Notes that the role will be asked for: the more roles are, the more of the account's list is worth reading.
    pub fn expect_role(&self, name: &str) {
        self.roles.expected.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
    }

    /// Looks a role up in the list of the account's roles, which is read once for all, until the run changes something.
    ///
    /// # Errors
    /// When the list cannot be read, although the caller may have it.
    pub async fn listed_role(&self, name: &str) -> Result<ListedRole> {
        self.expect_role(name);
        let roles = &self.roles;
        let mut list = roles.list.lock().await;
        roles.renew(&mut list);
        loop {
            if let Some(role) = list.roles.get(name) {
                return Ok(ListedRole::Found(role.clone()));
            }
            match list.next {
                Next::End => return Ok(ListedRole::Absent),
                Next::Refused => return Ok(ListedRole::Unknown),
                Next::Beginning => {}
                // By now it would have been cheaper to look at each by itself.
                Next::After(_) if list.pages >= BY_ITSELF * roles.expected() => {
                    return Ok(ListedRole::Unknown);
                }
                Next::After(_) => {}
            }
            roles.read_on(&mut list).await?;
        }
    }

    /// All roles of the account that carry the tag `key` with `value`; nothing where the list cannot be had.
    ///
    /// # Errors
    /// When the list cannot be read, although the caller may have it.
    pub async fn tagged_roles(&self, key: &str, value: &str) -> Result<Option<Vec<Arc<RoleDetail>>>> {
        let roles = &self.roles;
        let mut list = roles.list.lock().await;
        roles.renew(&mut list);
        while !matches!(list.next, Next::End | Next::Refused) {
            roles.read_on(&mut list).await?;
        }
        let has_tag =
            |role: &&Arc<RoleDetail>| role.tags().iter().any(|tag| tag.key() == key && tag.value() == value);
        let is_known = matches!(list.next, Next::End);
        Ok(is_known.then(|| list.roles.values().filter(has_tag).cloned().collect()))
    }
}
