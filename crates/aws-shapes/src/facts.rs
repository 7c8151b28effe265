//! Facts that a model does not tell.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{model::Shape, units::Unit};

/// The facts about a member of a structure.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The ways to tell the items of a list apart, the preferred one first; each is one or two members.
    pub(crate) keys: Vec<Vec<&'static str>>,
    /// The other member of a list's items, if they have two.
    pub(crate) value: Option<&'static str>,
    /// True if a list has no order.
    pub(crate) is_set: bool,
    /// The values that mean the same as none.
    pub(crate) defaults: Vec<&'static str>,
    /// The unit of a size.
    pub(crate) unit: Option<Unit>,
}

/// For each operation, the members of its input that no later operation changes.
pub(crate) type Fixed = BTreeMap<&'static str, Vec<&'static str>>;

impl Facts {
    /// Reads facts, line by line.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub(crate) fn parse(text: &'static str) -> Result<(BTreeMap<&'static str, Self>, Fixed), &'static str> {
        let (mut facts, mut fixed): (BTreeMap<_, Self>, _) = (BTreeMap::new(), Fixed::new());
        for line in text.lines() {
            let words: Vec<_> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            let [kind, of, words @ ..] = words.as_slice() else {
                if words.is_empty() {
                    continue;
                }
                return Err(line);
            };
            if *kind == "fixed" {
                fixed.insert(*of, words.to_vec());
                continue;
            }
            let known = facts.entry(*of).or_default();
            match (*kind, words) {
                ("key", keys @ [_, ..]) => {
                    known.keys = keys.iter().map(|key| key.split('/').collect()).collect();
                }
                ("pair", [key, value]) => (known.keys, known.value) = (vec![vec![*key]], Some(*value)),
                ("set", []) => known.is_set = true,
                ("default", values @ [_, ..]) => known.defaults = values.to_vec(),
                ("unit", [unit]) => known.unit = Some(Unit::named(unit).ok_or(line)?),
                _ => return Err(line),
            }
        }
        Ok((facts, fixed))
    }

    /// Returns the value of a member that is not there, if it is one and no other member's.
    pub(crate) fn default(&self) -> Option<&'static str> {
        match self.defaults.as_slice() {
            [default] if !default.starts_with('@') => Some(default.trim_matches('"')),
            _ => None,
        }
    }

    /// Returns true if `value` means the same as none in a structure that has these `siblings`.
    pub(crate) fn is_default(&self, value: &str, siblings: &Map<String, Value>) -> bool {
        self.defaults.iter().any(|default| match default.strip_prefix('@') {
            Some(sibling) => siblings.get(sibling).map(plain).as_deref() == Some(value),
            None => default.trim_matches('"') == value,
        })
    }
}

impl<'a> Shape<'a> {
    /// Returns the member that tells the items of a list apart, by which a declaration may write it as a table.
    #[must_use]
    pub fn key(self) -> Option<&'a str> {
        self.facts?.keys.first()?.first().copied()
    }

    /// Returns the other member of a list's items, if they have two and a declaration may write them as texts.
    #[must_use]
    pub fn value(self) -> Option<&'a str> {
        self.facts?.value
    }

    /// Returns the keys of a list's `items`, or `None` if the list has no key or one of them occurs twice.
    pub(crate) fn keys_of(self, items: &[Value]) -> Option<Vec<String>> {
        let facts = self.facts.filter(|facts| !facts.keys.is_empty())?;
        let item = self.item()?;
        let keys: Vec<_> = items.iter().map(|value| item.key_in(facts, value)).collect::<Option<_>>()?;
        let mut distinct = keys.clone();
        distinct.sort_unstable();
        distinct.dedup();
        (distinct.len() == keys.len()).then_some(keys)
    }

    fn key_in(self, facts: &Facts, value: &Value) -> Option<String> {
        let members = value.as_object()?;
        facts.keys.iter().find_map(|names| {
            let parts: Vec<_> =
                names.iter().map(|name| self.part_of_key(members, name)).collect::<Option<_>>()?;
            Some(parts.join("/"))
        })
    }

    /// The member `name`, or its default.
    fn part_of_key(self, members: &Map<String, Value>, name: &str) -> Option<String> {
        match members.get(name).filter(|value| !value.is_null()) {
            Some(value) => Some(plain(value)),
            None => Some((*self.member(name)?.shape.facts?.defaults.first()?).to_owned()),
        }
    }
}

/// A value as text; a text without its quotes.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
