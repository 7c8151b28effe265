//! Reading declared values.

use serde_json::{Map, Value};

use crate::{
    finding::{Finding, Kind, described},
    model::{Bounds, Definition, Shape},
};

/// The findings, and the path to the value that is being read.
#[derive(Default)]
struct Reading {
    /// True if values must already be as AWS takes them.
    is_strict: bool,
    /// Returns true for values that stand for a text which is not known yet.
    stands_for_text: Option<fn(&Value) -> bool>,
    path: Vec<String>,
    findings: Vec<Finding>,
}

impl Reading {
    fn found(&mut self, kind: Kind) {
        self.findings.push(Finding::new(&self.path, kind));
    }

    fn refuse(&mut self, value: &Value, wanted: impl Into<String>) {
        self.found(Kind::Type { found: described(value), wanted: wanted.into() });
    }

    /// Reads with `field` at the end of the path.
    fn at<T>(&mut self, field: impl Into<String>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(field.into());
        let result = read(self);
        self.path.pop();
        result
    }
}

impl Shape<'_> {
    /// Returns `value` as AWS takes it: tables that stand for lists with a key become lists, and numbers become texts where
    /// the model wants texts. Members that AWS requires may be missing, because they may be declared elsewhere.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(self, value: &Value) -> Result<Value, Vec<Finding>> {
        self.read_with(value, |_| false)
    }

    /// Returns the same, and leaves values as they are that stand in place of a text, as `stands_for_text` says.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read_with(
        self,
        value: &Value,
        stands_for_text: fn(&Value) -> bool,
    ) -> Result<Value, Vec<Finding>> {
        let mut reading = Reading { stands_for_text: Some(stands_for_text), ..Reading::default() };
        let read = self.convert(value, &mut reading);
        if reading.findings.is_empty() { Ok(read) } else { Err(reading.findings) }
    }

    /// Returns the members that AWS requires and `value`, which AWS would take otherwise, lacks.
    #[must_use]
    pub fn missing(self, value: &Value) -> Vec<Finding> {
        let mut reading = Reading::default();
        self.require(value, &mut reading);
        reading.findings
    }

    /// Returns everything that is wrong with `value`, which is to be sent to AWS as it is.
    #[must_use]
    pub fn check(self, value: &Value) -> Vec<Finding> {
        let mut reading = Reading { is_strict: true, ..Reading::default() };
        self.convert(value, &mut reading);
        self.require(value, &mut reading);
        reading.findings
    }

    fn convert(self, value: &Value, reading: &mut Reading) -> Value {
        match (self.definition(), value) {
            (Definition::Text { .. }, _) if reading.stands_for_text.is_some_and(|stands| stands(value)) => {}
            (Definition::Document, _) | (Definition::Boolean, Value::Bool(_)) => {}
            (Definition::Number | Definition::Timestamp, Value::Number(_)) => {}
            (Definition::Timestamp, Value::String(text)) if !reading.is_strict => {
                if let Ok(time) = text.parse::<jiff::Timestamp>() {
                    return Value::from(time.as_second());
                }
                reading.refuse(value, self.kind());
            }
            (Definition::Integer(bounds), Value::Number(number)) if number.as_i64().is_some() => {
                if !number.as_i64().is_some_and(|number| bounds.contains(&number)) {
                    let wanted = format!("a whole number, {}", within(bounds));
                    reading.found(Kind::Size { found: described(value), wanted });
                }
            }
            (Definition::Text { length, values }, Value::String(_) | Value::Number(_) | Value::Bool(_))
                if value.is_string() || !reading.is_strict =>
            {
                let text = crate::facts::plain(value);
                check_text(&text, length, values, reading);
                return Value::String(text);
            }
            (Definition::List { length, .. }, Value::Array(items)) => {
                return self.convert_list(items, length, reading);
            }
            (Definition::List { length, .. }, Value::Object(entries))
                if self.key().is_some() && !reading.is_strict =>
            {
                return self.convert_keyed(entries, length, reading);
            }
            (Definition::Map { value: inner, .. }, Value::Object(entries)) => {
                let inner = self.inner(inner, None);
                let read = entries.iter().map(|(name, value)| {
                    (name.clone(), reading.at(name, |reading| inner.convert(value, reading)))
                });
                return Value::Object(read.collect());
            }
            (Definition::Structure { .. }, Value::Object(entries)) => {
                return self.convert_structure(entries, reading);
            }
            _ => reading.refuse(value, self.kind()),
        }
        value.clone()
    }

    fn convert_structure(self, entries: &Map<String, Value>, reading: &mut Reading) -> Value {
        let mut read = Map::new();
        for (name, value) in entries {
            let converted = reading.at(name, |reading| match self.member(name) {
                Some(member) => Some(member.shape.convert(value, reading)),
                None => {
                    let known = self.members().map(|member| member.name.to_owned()).collect();
                    reading.found(Kind::Unknown { known });
                    None
                }
            });
            read.extend(converted.map(|value| (name.clone(), value)));
        }
        Value::Object(read)
    }

    fn convert_list(self, items: &[Value], length: &Bounds, reading: &mut Reading) -> Value {
        check_length(items.len(), length, reading);
        let Some(item) = self.item() else { return Value::Array(items.to_vec()) };
        let read = items
            .iter()
            .enumerate()
            .map(|(index, value)| reading.at(index.to_string(), |reading| item.convert(value, reading)));
        Value::Array(read.collect())
    }

    /// A list that is written as a table by its key.
    fn convert_keyed(self, entries: &Map<String, Value>, length: &Bounds, reading: &mut Reading) -> Value {
        check_length(entries.len(), length, reading);
        let (Some(item), Some(key)) = (self.item(), self.key()) else { return Value::Null };
        let read = entries.iter().map(|(name, value)| {
            reading.at(name, |reading| {
                let mut members = match (value, self.value()) {
                    (Value::Object(members), _) => members.clone(),
                    (value, Some(single)) => Map::from_iter([(single.to_owned(), value.clone())]),
                    (value, None) => {
                        reading.refuse(value, "a table");
                        return Value::Null;
                    }
                };
                members.entry(key).or_insert_with(|| item.key_value(key, name));
                item.convert(&Value::Object(members), reading)
            })
        });
        Value::Array(read.collect())
    }

    /// The value of the member `key` that a table's `name` stands for.
    fn key_value(self, key: &str, name: &str) -> Value {
        let is_number = self
            .member(key)
            .is_some_and(|member| matches!(member.shape.definition(), Definition::Integer(_)));
        match name.parse::<i64>() {
            Ok(number) if is_number => number.into(),
            _ => name.into(),
        }
    }

    fn require(self, value: &Value, reading: &mut Reading) {
        match value {
            Value::Object(entries) => {
                let Definition::Structure { is_union, .. } = self.definition() else {
                    let Some(item) = self.item() else { return };
                    for (name, value) in entries {
                        reading.at(name, |reading| item.require(value, reading));
                    }
                    return;
                };
                if *is_union && entries.len() != 1 {
                    reading.refuse(value, "a table with exactly one member");
                }
                for member in self.members() {
                    match entries.get(member.name) {
                        Some(value) => {
                            reading.at(member.name, |reading| member.shape.require(value, reading))
                        }
                        None if member.is_required => {
                            reading.at(member.name, |reading| reading.found(Kind::Missing));
                        }
                        None => {}
                    }
                }
            }
            Value::Array(items) => {
                let Some(item) = self.item() else { return };
                let keys = self.keys_of(items);
                for (index, value) in items.iter().enumerate() {
                    let name = keys.as_ref().map_or_else(|| index.to_string(), |keys| keys[index].clone());
                    reading.at(name, |reading| item.require(value, reading));
                }
            }
            _ => {}
        }
    }
}

fn check_text(text: &str, length: &Bounds, values: &[&str], reading: &mut Reading) {
    if !values.is_empty() && !values.contains(&text) {
        let known = values.iter().map(|value| (*value).to_owned()).collect();
        reading.found(Kind::Enumeration { found: text.to_owned(), known });
    }
    let characters = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if !length.contains(&characters) {
        let wanted = format!("a text of {} characters", within(length));
        reading.found(Kind::Size { found: format!("a text of {characters} characters"), wanted });
    }
}

fn check_length(found: usize, length: &Bounds, reading: &mut Reading) {
    if !length.contains(&i64::try_from(found).unwrap_or(i64::MAX)) {
        let wanted = format!("a list of {} items", within(length));
        reading.found(Kind::Size { found: format!("a list of {found} items"), wanted });
    }
}

fn within(bounds: &Bounds) -> String {
    match (*bounds.start(), *bounds.end()) {
        (least, i64::MAX) => format!("at least {least}"),
        (i64::MIN, most) => format!("at most {most}"),
        (least, most) => format!("{least} to {most}"),
    }
}
