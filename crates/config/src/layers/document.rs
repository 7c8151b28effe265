//! A TOML file as a layer, with the line of every key.

use std::path::Path;

use longshore_model::join_key;
use serde_json::{Map, Value};
use toml_edit::{ImDocument, Item, TableLike};

use super::{Layer, value::to_json};
use crate::{ConfigError, Origin};

/// Parses `text`, the content of the file at `path`.
pub(super) fn parse(path: &Path, text: &str) -> Result<Layer, Box<ConfigError>> {
    let document = ImDocument::parse(text).map_err(|error| {
        // The error's own Display repeats the line, which may hold a secret.
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        let origin = Origin::File { path: path.to_owned(), line: Some(line) };
        let message = error.message().trim().replace('\n', ", ");
        let mut error = ConfigError::new(origin, format!("not valid TOML: {message}"));
        error.column = Some(column);
        Box::new(error)
    })?;
    let mut reader = Reader { path, text, layer: Layer::new("file") };
    let values = reader.table("", document.as_table());
    reader.layer.values = values;
    Ok(reader.layer)
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    layer: Layer,
}

impl Reader<'_> {
    fn table(&mut self, key: &str, table: &dyn TableLike) -> Map<String, Value> {
        let mut values = Map::new();
        for (field, item) in table.iter() {
            let key = join_key(key, field);
            let span = table.key(field).and_then(toml_edit::Key::span).or_else(|| item.span());
            let line = span.map(|span| position(self.text, span.start).0);
            self.layer.origins.insert(key.clone(), Origin::File { path: self.path.to_owned(), line });
            values.insert(field.to_owned(), self.item(&key, item));
        }
        values
    }

    fn item(&mut self, key: &str, item: &Item) -> Value {
        match (item.as_table_like(), item) {
            (Some(table), _) => Value::Object(self.table(key, table)),
            (None, Item::Value(value)) => to_json(value),
            (None, Item::ArrayOfTables(tables)) => {
                // Nothing in a configuration is a list of tables: whoever reads the key says what should be there.
                Value::Array(tables.iter().map(|_| Value::Object(Map::new())).collect())
            }
            (None, _) => Value::Null,
        }
    }
}

/// Line and column, from 1, of the byte at `offset`.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
    (line, column)
}
