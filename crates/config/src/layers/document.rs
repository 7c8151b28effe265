//! A TOML file as a layer, with the line of every key.

use std::{path::Path, sync::Arc};

use longshore_model::join_key;
use serde_json::{Map, Value};
use toml_edit::{ImDocument, Item, TableLike};

use super::{Layer, value::to_json};
use crate::{ConfigError, Origin};

/// Parses `text`, the content of the file at `path`.
pub(super) fn parse(path: &Path, text: &str) -> Result<Layer, Box<ConfigError>> {
    let document = ImDocument::parse(text).map_err(|error| {
        // The error's own Display repeats the line, which may hold a secret.
        let (line, column) = Lines::of(text).position(error.span().map_or(0, |span| span.start));
        let origin = Origin::File { path: path.into(), line: Some(line) };
        let message = error.message().trim().replace('\n', ", ");
        let mut error = ConfigError::new(origin, format!("not valid TOML: {message}"));
        error.column = Some(column);
        Box::new(error)
    })?;
    let mut reader = Reader { path: path.into(), lines: Lines::of(text), layer: Layer::default() };
    let values = reader.table("", document.as_table());
    reader.layer.values = values;
    Ok(reader.layer)
}

struct Reader<'a> {
    path: Arc<Path>,
    lines: Lines<'a>,
    layer: Layer,
}

impl Reader<'_> {
    fn table(&mut self, key: &str, table: &dyn TableLike) -> Map<String, Value> {
        let mut values = Map::new();
        for (field, item) in table.iter() {
            let key = join_key(key, field);
            let span = table.key(field).and_then(toml_edit::Key::span).or_else(|| item.span());
            let line = span.map(|span| self.lines.position(span.start).0);
            self.layer.origins.insert(key.clone(), Origin::File { path: self.path.clone(), line });
            values.insert(field.to_owned(), self.item(&key, item));
        }
        values
    }

    fn item(&mut self, key: &str, item: &Item) -> Value {
        match (item.as_table_like(), item) {
            (Some(table), _) => Value::Object(self.table(key, table)),
            (None, Item::Value(value)) => to_json(value),
            (None, Item::ArrayOfTables(tables)) => {
                let inline = |table: &toml_edit::Table| table.clone().into_inline_table().into();
                tables.iter().map(|table| to_json(&inline(table))).collect()
            }
            (None, _) => Value::Null,
        }
    }
}

/// The lines of a text, found by offset without reading the text again.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// The offset of each line's first byte.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// Line and column, from 1, of the byte at `offset`.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..offset.min(self.text.len())).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}
