//! The principals of a statement, and the caller.

/// The caller of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// An AWS service, such as `ecs-tasks.amazonaws.com`.
    Service(&'a str),
    /// An IAM user or the root of an account.
    User {
        /// `arn:aws:iam::ACCOUNT:user/NAME`
        arn: &'a str,
    },
    /// A session of an assumed role.
    Session {
        /// `arn:aws:iam::ACCOUNT:role/NAME`
        role: &'a str,
        /// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`
        session: &'a str,
    },
}

/// The `Principal` or `NotPrincipal` element of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// True if the element is `NotPrincipal`.
    pub not: bool,
    /// Kind (`AWS`, `Service`, …) and value, in the order of the document.
    pub entries: Vec<(String, String)>,
}

/// The directness with which a statement names the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Naming {
    /// Not at all.
    Unnamed,
    /// Through the account, which leaves the decision to the account's own policies.
    Account,
    /// Itself, its role, or everybody.
    Itself,
}

impl Principal {
    /// Returns the directness with which the element names `who`.
    pub(crate) fn naming(&self, who: Who<'_>) -> Naming {
        let best =
            self.entries.iter().map(|(kind, value)| entry(kind, value, who)).max().unwrap_or(Naming::Unnamed);
        match (self.not, best) {
            (false, naming) => naming,
            (true, Naming::Unnamed) => Naming::Itself,
            (true, _) => Naming::Unnamed,
        }
    }
}

fn entry(kind: &str, value: &str, who: Who<'_>) -> Naming {
    let itself = match (kind, who) {
        ("*", _) => true,
        ("Service", Who::Service(service)) => value == service,
        ("AWS", Who::User { arn }) => value == "*" || value == arn,
        ("AWS", Who::Session { role, session }) => value == "*" || value == role || value == session,
        _ => false,
    };
    if itself {
        return Naming::Itself;
    }
    let arn = match who {
        Who::Service(_) => return Naming::Unnamed,
        Who::User { arn } => arn,
        Who::Session { role, .. } => role,
    };
    if kind == "AWS" && names_account(value, arn) { Naming::Account } else { Naming::Unnamed }
}

/// Returns `true` if a principal is the account of `arn`: its digits, or `arn:PARTITION:iam::ACCOUNT:root`.
fn names_account(value: &str, arn: &str) -> bool {
    let mut parts = arn.split(':').skip(1);
    let (Some(partition), Some(account)) = (parts.next(), parts.nth(2)) else { return false };
    value == account || value == format!("arn:{partition}:iam::{account}:root")
}
