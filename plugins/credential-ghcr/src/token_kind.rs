//! The kinds of GitHub's tokens.

/// A kind of GitHub token, told by its prefix (GitHub Docs, "About authentication to GitHub", "GitHub's token formats").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A classic personal access token, or something without a prefix, as they were before 2021.
    Classic,
    /// A fine-grained personal access token. GitHub Packages takes classic ones only (GitHub Docs, "About permissions
    /// for GitHub Packages").
    FineGrained,
    /// The token of an app's installation, among them `GITHUB_TOKEN`. It ends with its job or after an hour.
    Installation,
    /// A token that an OAuth app has for a user: `gh auth token` prints such a one. It ends when the user signs out.
    User,
    /// A token that a GitHub app has for a user. It ends after eight hours, unless the app lets it last (GitHub Docs,
    /// "Refreshing user access tokens").
    AppUser,
    /// A token that renews a user's token. It pulls nothing.
    Refresh,
}

impl TokenKind {
    /// The kind of `token`.
    pub(crate) fn of(token: &str) -> Self {
        const PREFIXES: [(&str, TokenKind); 6] = [
            ("ghp_", TokenKind::Classic),
            ("github_pat_", TokenKind::FineGrained),
            ("ghs_", TokenKind::Installation),
            ("gho_", TokenKind::User),
            ("ghu_", TokenKind::AppUser),
            ("ghr_", TokenKind::Refresh),
        ];
        PREFIXES
            .iter()
            .find(|(prefix, _)| token.starts_with(prefix))
            .map_or(TokenKind::Classic, |(_, kind)| *kind)
    }

    /// Returns true if it is a personal access token, of either kind.
    pub(crate) const fn is_personal(self) -> bool {
        matches!(self, Self::Classic | Self::FineGrained)
    }

    /// The kind in a few words.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Classic => "classic personal access token",
            Self::FineGrained => "fine-grained personal access token",
            Self::Installation => "token of an app's installation",
            Self::User => "token of a sign-in",
            Self::AppUser => "token that an app has for a user",
            Self::Refresh => "refresh token",
        }
    }
}
