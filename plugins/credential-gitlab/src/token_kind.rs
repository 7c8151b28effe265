//! The kinds of GitLab's tokens.

/// A kind of token, told by its prefix (GitLab Docs, "GitLab token overview", "Token prefixes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A personal, project or group access token: they look the same.
    Access,
    /// A deploy token of a project or a group. It knows the registry, and nothing of the API.
    Deploy,
    /// The token of a CI/CD job, which ends with it.
    Job,
    /// Something that pulls nothing; the text says what.
    Useless(&'static str),
    /// Without a known prefix: older than those (deploy tokens have one since 16.7), or of an instance with its own.
    Unknown,
}

impl TokenKind {
    /// The kind of `token`.
    pub(crate) fn of(token: &str) -> Self {
        const PREFIXES: [(&str, TokenKind); 13] = [
            ("glpat-", TokenKind::Access),
            ("gldt-", TokenKind::Deploy),
            ("glcbt-", TokenKind::Job),
            ("glrt-", TokenKind::Useless("a runner's authentication token (glrt-…)")),
            ("glrtr-", TokenKind::Useless("a runner's registration token (glrtr-…)")),
            ("GR1348941", TokenKind::Useless("a runner's registration token (GR1348941…)")),
            ("glptt-", TokenKind::Useless("a token that triggers pipelines (glptt-…)")),
            ("glft-", TokenKind::Useless("a token for feeds (glft-…)")),
            ("glimt-", TokenKind::Useless("a token for incoming mail (glimt-…)")),
            ("glagent-", TokenKind::Useless("the token of an agent for Kubernetes (glagent-…)")),
            ("gloas-", TokenKind::Useless("the secret of an OAuth application (gloas-…)")),
            ("glsoat-", TokenKind::Useless("a SCIM token (glsoat-…)")),
            ("glffct-", TokenKind::Useless("a token for feature flags (glffct-…)")),
        ];
        let found = PREFIXES.iter().find(|(prefix, _)| token.starts_with(prefix));
        found.map_or(Self::Unknown, |(_, kind)| *kind)
    }

    /// The kind in a few words, where it is known.
    pub(crate) const fn describe(self) -> Option<&'static str> {
        match self {
            Self::Access => Some("personal, project or group access token"),
            Self::Deploy => Some("deploy token"),
            Self::Job => Some("job token"),
            Self::Useless(what) => Some(what),
            Self::Unknown => None,
        }
    }
}
