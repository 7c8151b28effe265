//! Colours and symbols, as far as the reader can show them.

use std::collections::BTreeMap;

use console::{StyledObject, style};
use longshore_model::Action;

use crate::arguments::Color;

/// The capabilities of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// Colours.
    pub(crate) color: bool,
    /// Characters beyond ASCII.
    pub(crate) unicode: bool,
}

impl Style {
    /// Determines the capabilities of a stream, which is a terminal or not.
    pub(crate) fn new(color: Color, is_terminal: bool, variables: &BTreeMap<String, String>) -> Self {
        let set = |name: &str| variables.get(name).map(String::as_str).filter(|value| !value.is_empty());
        // https://no-color.org: any value that is not empty.
        let auto = is_terminal && set("NO_COLOR").is_none() && set("TERM") != Some("dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Self {
            color: match color {
                Color::Auto => auto,
                Color::Always => true,
                Color::Never => false,
            },
            unicode: is_terminal && (locale.contains("utf-8") || locale.contains("utf8")),
        }
    }

    fn paint(self, text: &str) -> StyledObject<&str> {
        style(text).force_styling(self.color)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint(text).green().to_string()
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint(text).red().to_string()
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint(text).yellow().to_string()
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint(text).bold().to_string()
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(text).dim().to_string()
    }

    /// Returns the mark of a success.
    pub(crate) fn done(self) -> String {
        self.green(if self.unicode { "✓" } else { "ok" })
    }

    /// Returns the mark of a failure.
    pub(crate) fn failed(self) -> String {
        self.red(if self.unicode { "✗" } else { "failed" })
    }

    /// Between an old value and a new one.
    pub(crate) fn arrow(self) -> &'static str {
        if self.unicode { "→" } else { "->" }
    }

    /// Returns the mark of a planned action in diffs.
    pub(crate) fn action(self, action: Action) -> String {
        match action {
            Action::NoChange => self.dim("="),
            Action::Create => self.green("+"),
            Action::Update => self.yellow("~"),
            Action::Replace => self.yellow("-/+"),
            Action::Delete => self.red("-"),
            Action::Adopt => self.yellow(">"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(set: &[(&str, &str)]) -> BTreeMap<String, String> {
        set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let color = |color, terminal, set: &[_]| Style::new(color, terminal, &variables(set)).color;
        assert!(color(Color::Auto, true, &[]));
        assert!(color(Color::Auto, true, &[("NO_COLOR", "")]));
        assert!(!color(Color::Auto, false, &[]));
        assert!(!color(Color::Auto, true, &[("NO_COLOR", "1")]));
        assert!(!color(Color::Auto, true, &[("TERM", "dumb")]));
        assert!(color(Color::Always, false, &[("NO_COLOR", "1")]));
        assert!(!color(Color::Never, true, &[]));
    }

    #[test]
    fn symbols_are_for_terminals_that_speak_utf_8() {
        let unicode = |terminal, set: &[_]| Style::new(Color::Auto, terminal, &variables(set)).unicode;
        assert!(unicode(true, &[("LANG", "de_DE.UTF-8")]));
        assert!(unicode(true, &[("LC_ALL", ""), ("LANG", "C.utf8")]));
        assert!(!unicode(true, &[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(!unicode(true, &[]));
        assert!(!unicode(false, &[("LANG", "de_DE.UTF-8")]));
    }
}
