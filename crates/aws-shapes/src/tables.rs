//! Lists written as tables.

use serde_json::{Map, Value};

use crate::model::{Definition, Shape};

impl Shape<'_> {
    /// Returns `value`, which is written as AWS takes it, with tables in place of lists whose items have a key, so that
    /// another declaration can change one of them. [`Shape::read`] returns the lists again.
    #[must_use]
    pub fn tables(self, value: &Value) -> Value {
        match (self.definition(), value) {
            (Definition::Structure { .. }, Value::Object(members)) => {
                let of_member = |(name, value): (&String, &Value)| {
                    let shape = self.member(name).map(|member| member.shape);
                    (name.clone(), shape.map_or_else(|| value.clone(), |shape| shape.tables(value)))
                };
                members.iter().map(of_member).collect()
            }
            (Definition::List { .. }, Value::Array(items)) if !items.is_empty() => {
                let Some(item) = self.item() else { return value.clone() };
                let items: Vec<_> = items.iter().map(|value| item.tables(value)).collect();
                self.table(&items).unwrap_or_else(|| items.into())
            }
            _ => value.clone(),
        }
    }

    /// The items of a list as a table, if each has a key of its own.
    fn table(self, items: &[Value]) -> Option<Value> {
        let key = self.key()?;
        let mut table = Map::new();
        for item in items {
            let mut members = item.as_object()?.clone();
            let name = match members.remove(key)? {
                Value::String(name) => name,
                Value::Number(number) => number.to_string(),
                _ => return None,
            };
            let single = self.value().filter(|_| members.len() == 1).and_then(|value| members.get(value));
            let entry = single.filter(|value| value.is_string()).cloned();
            if table.insert(name, entry.unwrap_or(Value::Object(members))).is_some() {
                return None;
            }
        }
        Some(Value::Object(table))
    }
}
