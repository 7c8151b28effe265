//! The kinds of Docker Hub's credentials.

/// A kind of credential, told by its prefix (Docker Docs, "Access tokens").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A user's token.
    Personal,
    /// A token of an organisation, whose name is the user name.
    Organization,
    /// A password, or a personal token without a prefix, as they were until 2023.
    Password,
}

impl TokenKind {
    /// The kind of `token`.
    pub(crate) fn of(token: &str) -> Self {
        if token.starts_with("dckr_pat_") {
            Self::Personal
        } else if token.starts_with("dckr_oat_") {
            Self::Organization
        } else {
            Self::Password
        }
    }

    /// The kind in a few words.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Personal => "personal access token",
            Self::Organization => "organisation access token",
            Self::Password => "password, or access token without a prefix",
        }
    }
}
