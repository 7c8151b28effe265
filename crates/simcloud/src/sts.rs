//! AWS Security Token Service: who calls, and sessions of assumed roles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Moment, Sealed};

/// The sessions that were handed out, by access key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sts {
    pub(crate) sessions: BTreeMap<String, Session>,
}

/// Temporary credentials for a role, or for the user itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The role, for sessions of `AssumeRole`.
    pub role: Option<String>,
    /// Who calls with it, as `GetCallerIdentity` reports.
    pub arn: String,
    /// `GetCallerIdentity`'s user id.
    pub user_id: String,
    /// When the credentials end.
    pub expires: Moment,
    /// The session token that has to come with the access key.
    pub token: Sealed,
}
