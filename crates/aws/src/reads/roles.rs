//! IAM roles with everything that they grant, and with what is set of them, many at once.
//!
//! One page of GetAccountAuthorizationDetails says of up to a thousand roles what takes four requests for each of them
//! otherwise. But it lists the roles of the whole account, which may be many more than those of the stack. It lacks the
//! description and the longest session of a role, which one page of ListRoles has of as many.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_iam::types::{EntityType, Role, RoleDetail};
use futures_util::{FutureExt as _, future::BoxFuture};
use longshore_plugin::Result;

use super::{
    Clients, Reads,
    paged::{Listed, Page, Paged, unless_refused},
};
use crate::{Aws, changes::Changes};

/// GetAccountAuthorizationDetails and ListRoles give at most this many at once.
const AT_ONCE: i32 = 1000;

/// The number of requests that it takes to read one role by itself, with its policies.
const WITH_POLICIES: usize = 4;

/// The number of requests without them.
const ALONE: usize = 1;

/// A role's details from the account's list.
pub type ListedRole = Listed<RoleDetail>;

/// The settings of a role beside what it grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSettings {
    /// Its description.
    pub description: Option<String>,
    /// Its longest session, in seconds.
    pub max_session_duration: Option<i32>,
}

/// The account's roles, as far as they have been listed.
pub(super) struct Roles {
    expected: Mutex<BTreeSet<String>>,
    details: Paged<RoleDetail>,
    settings: Paged<RoleSettings>,
}

impl Roles {
    pub(super) fn new(clients: &Clients, changes: &Arc<Changes>) -> Self {
        Self {
            expected: Mutex::default(),
            details: Paged::new(clients.clone(), changes.clone(), WITH_POLICIES, details),
            settings: Paged::new(clients.clone(), changes.clone(), ALONE, settings),
        }
    }

    /// Notes a role that is asked for, and returns the number of such roles.
    fn note_expected(&self, name: &str) -> usize {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        expected.insert(name.to_owned());
        expected.len()
    }
}

fn details(aws: Aws, marker: Option<String>) -> BoxFuture<'static, Result<Option<Page<RoleDetail>>>> {
    async move {
        let call = aws.iam().await?.get_account_authorization_details();
        let answer = call.filter(EntityType::Role).max_items(AT_ONCE).set_marker(marker).send().await;
        let page = match answer {
            Ok(page) => page,
            Err(error) => return unless_refused(&error, "iam:GetAccountAuthorizationDetails"),
        };
        let roles = page.role_detail_list.unwrap_or_default().into_iter();
        let entries = roles.filter_map(|role| Some((role.role_name.clone()?, role))).collect();
        Ok(Some(Page { entries, next: page.marker.filter(|_| page.is_truncated) }))
    }
    .boxed()
}

fn settings(aws: Aws, marker: Option<String>) -> BoxFuture<'static, Result<Option<Page<RoleSettings>>>> {
    async move {
        let answer = aws.iam().await?.list_roles().max_items(AT_ONCE).set_marker(marker).send().await;
        let page = match answer {
            Ok(page) => page,
            Err(error) => return unless_refused(&error, "iam:ListRoles"),
        };
        let settings = |role: Role| {
            let Role { role_name, description, max_session_duration, .. } = role;
            (role_name, RoleSettings { description, max_session_duration })
        };
        let entries = page.roles.into_iter().map(settings).collect();
        Ok(Some(Page { entries, next: page.marker.filter(|_| page.is_truncated) }))
    }
    .boxed()
}

impl Reads {
    /// Notes that the role will be asked for: the more roles are, the more of the account's list is worth reading.
    pub fn expect_role(&self, name: &str) {
        self.roles.note_expected(name);
    }

    /// Looks a role up in the list of the account's roles, which is read once for all, until the run changes something.
    ///
    /// # Errors
    /// When the list cannot be read, although the caller may have it.
    pub async fn listed_role(&self, name: &str) -> Result<ListedRole> {
        let expected = self.roles.note_expected(name);
        self.roles.details.find(name, expected).await
    }

    /// Looks up what is set of a role beside what it grants: its description and its longest session. ListRoles has
    /// neither tags nor boundary (API reference, ListRoles). The list is shared as that of [`listed_role`] is.
    ///
    /// [`listed_role`]: Self::listed_role
    ///
    /// # Errors
    /// When the list cannot be read, although the caller may have it.
    pub async fn role_settings(&self, name: &str) -> Result<Listed<RoleSettings>> {
        let expected = self.roles.note_expected(name);
        self.roles.settings.find(name, expected).await
    }

    /// All roles of the account that carry the tag `key` with `value`; nothing where the list cannot be had.
    ///
    /// # Errors
    /// When the list cannot be read, although the caller may have it.
    pub async fn tagged_roles(&self, key: &str, value: &str) -> Result<Option<Vec<Arc<RoleDetail>>>> {
        let has_tag =
            |role: &RoleDetail| role.tags().iter().any(|tag| tag.key() == key && tag.value() == value);
        self.roles.details.all(has_tag).await
    }
}
