//! The normal form of values, in which they are compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{
    facts::{Facts, plain},
    model::{Definition, Shape},
};

/// The members that lead to a field, from the outermost. An item of a list with a key stands by its key, another one by its
/// number.
pub type Path = Vec<String>;

/// A value as its fields: lists without an order are sorted, AWS's defaults mean the same as nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    fields: BTreeMap<Path, Field>,
    /// The lists and maps in it, which a declaration sets as a whole.
    wholes: BTreeSet<Path>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    text: String,
    is_default: bool,
    /// The value that AWS gives the field if it is not declared.
    default: Option<&'static str>,
}

impl Field {
    fn new(text: String) -> Self {
        Self { text, is_default: false, default: None }
    }
}

/// The part of an actual value that a declaration speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it: a field that is not declared has its default.
    Whole,
    /// The declared members: others are left alone.
    Declared,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The field.
    pub path: Path,
    /// The actual value.
    pub actual: Option<String>,
    /// The declared value.
    pub declared: Option<String>,
}

/// Stands for an item of a list that has nothing but its key.
const PRESENT: &str = "{}";

impl Form {
    /// Returns the fields in the order of their paths, with their values as text.
    pub fn fields(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.fields.iter().map(|(path, field)| (path, field.text.as_str()))
    }

    /// Returns the fields whose values are not AWS's defaults.
    pub fn significant(&self) -> impl Iterator<Item = (&Path, &str)> {
        let fields = self.fields.iter().filter(|(_, field)| !field.is_default);
        fields.map(|(path, field)| (path, field.text.as_str()))
    }

    /// Returns true if the form has the field `path`.
    #[must_use]
    pub fn has(&self, path: &[String]) -> bool {
        self.fields.contains_key(path)
    }

    /// Returns the fields that differ between `self`, which is actual, and `declared`.
    #[must_use]
    pub fn changes_to(&self, declared: &Self, extent: Extent) -> Vec<Change> {
        let paths: BTreeSet<_> = self.fields.keys().chain(declared.fields.keys()).collect();
        let mut changes = Vec::new();
        for path in paths {
            let (old, new) = (self.fields.get(path), declared.fields.get(path));
            let differs = match (old, new) {
                (Some(old), Some(new)) => old.text != new.text,
                (Some(old), None) => {
                    let is_declared = extent == Extent::Whole || declared.covers(path);
                    is_declared && !old.is_default && !declared.supersedes(path, old)
                }
                (None, Some(new)) => !new.is_default && !self.supersedes(path, new),
                (None, None) => false,
            };
            if differs {
                let (actual, declared) = (self.text_of(path, new), declared.text_of(path, old));
                changes.push(Change { path: path.clone(), actual, declared });
            }
        }
        changes
    }

    /// Returns the value of `path`. A field that only the `other` side has is at AWS's default, if its structure is there.
    fn text_of(&self, path: &Path, other: Option<&Field>) -> Option<String> {
        let default = || {
            let default = other?.default?;
            let structure = &path[..path.len() - 1];
            let mut from = self.fields.range(structure.to_vec()..);
            from.next().filter(|(inner, _)| inner.starts_with(structure)).map(|_| default.to_owned())
        };
        self.fields.get(path).map(|field| field.text.clone()).or_else(default)
    }

    /// Returns true if `path` lies in a list or map of the form.
    fn covers(&self, path: &[String]) -> bool {
        (1..path.len()).any(|length| self.wholes.contains(&path[..length]))
    }

    /// Returns true if `field` only says that an item is there, and the form has fields of that item.
    fn supersedes(&self, path: &Path, field: &Field) -> bool {
        field.text == PRESENT
            && self.fields.range(path.clone()..).any(|(other, _)| other.starts_with(path) && other != path)
    }
}

/// The items of a list without an order.
fn set(items: &[Value]) -> String {
    let texts: BTreeSet<_> = items.iter().map(plain).collect();
    if texts.iter().any(|text| text.contains(',')) {
        return Value::from_iter(texts).to_string();
    }
    Vec::from_iter(texts).join(", ")
}

impl Shape<'_> {
    /// Returns the normal form of `value`. Members that the model does not have are left out.
    #[must_use]
    pub fn form(self, value: &Value) -> Form {
        let mut form = Form::default();
        self.flatten(value, &Map::new(), &mut Vec::new(), &mut form);
        form
    }

    fn flatten(self, value: &Value, siblings: &Map<String, Value>, path: &mut Path, form: &mut Form) {
        match (self.definition(), value) {
            (_, Value::Null) => {}
            (Definition::Structure { .. }, Value::Object(entries)) => {
                for member in self.members() {
                    if let Some(value) = entries.get(member.name) {
                        path.push(member.name.to_owned());
                        member.shape.flatten(value, entries, path, form);
                        path.pop();
                    }
                }
            }
            (Definition::Map { .. }, Value::Object(entries)) => {
                form.wholes.insert(path.clone());
                let Some(item) = self.item() else { return };
                for (name, value) in entries {
                    path.push(name.clone());
                    item.flatten(value, entries, path, form);
                    path.pop();
                }
            }
            (Definition::List { .. }, Value::Array(items)) => {
                form.wholes.insert(path.clone());
                self.flatten_list(items, path, form);
            }
            (_, value) => {
                let unit = self.facts.and_then(|facts| facts.unit);
                let plain = match (self.definition(), value.as_f64()) {
                    // 60 and 60.0 are one number.
                    (Definition::Number | Definition::Timestamp, Some(number)) => number.to_string(),
                    _ => plain(value),
                };
                let text = unit.map_or_else(|| plain.clone(), |unit| unit.normal(&plain));
                let is_default = self.facts.is_some_and(|facts| facts.is_default(&text, siblings));
                let default = self.facts.and_then(Facts::default);
                form.fields.insert(path.clone(), Field { text, is_default, default });
            }
        }
    }

    fn flatten_list(self, items: &[Value], path: &mut Path, form: &mut Form) {
        let Some(item) = self.item() else { return };
        if items.is_empty() {
            return;
        }
        if let Some(keys) = self.keys_of(items) {
            for (key, value) in keys.into_iter().zip(items) {
                path.push(key);
                self.flatten_item(value, path, form);
                path.pop();
            }
            return;
        }
        let is_set = self.facts.is_some_and(|facts| facts.is_set);
        if !matches!(item.definition(), Definition::Structure { .. }) {
            let text = if is_set { set(items) } else { Value::from(items).to_string() };
            form.fields.insert(path.clone(), Field::new(text));
            return;
        }
        let mut items: Vec<_> = items.iter().collect();
        if is_set {
            items.sort_by_cached_key(|value| item.sorting_key(value));
        }
        for (index, value) in items.into_iter().enumerate() {
            path.push(index.to_string());
            item.flatten(value, &Map::new(), path, form);
            path.pop();
        }
    }

    /// An item of a list with a key, which the path ends with.
    fn flatten_item(self, value: &Value, path: &mut Path, form: &mut Form) {
        let (Some(item), Some(entries)) = (self.item(), value.as_object()) else { return };
        if let Some(single) = self.value() {
            let text = entries.get(single).filter(|value| !value.is_null()).map(plain).unwrap_or_default();
            form.fields.insert(path.clone(), Field::new(text));
            return;
        }
        let before = form.fields.len();
        let mut others = entries.clone();
        // The key stands in the path.
        if let Some(key) = self.key()
            && path.last() == entries.get(key).map(plain).as_ref()
        {
            others.remove(key);
        }
        for member in item.members() {
            if let Some(value) = others.get(member.name) {
                path.push(member.name.to_owned());
                member.shape.flatten(value, entries, path, form);
                path.pop();
            }
        }
        if form.fields.len() == before {
            form.fields.insert(path.clone(), Field::new(PRESENT.to_owned()));
        }
    }

    fn sorting_key(self, value: &Value) -> Vec<(Path, String)> {
        let form = self.form(value);
        form.significant().map(|(path, text)| (path.clone(), text.to_owned())).collect()
    }
}
