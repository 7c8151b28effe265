//! One declaration laid over another.

use serde_json::{Map, Value};

use crate::model::{Definition, Shape};

impl Shape<'_> {
    /// Lays `upper` over `lower`, both as AWS takes them: structures, maps and lists with a key member by member, everything
    /// else as a whole.
    pub fn overlay(self, lower: &mut Value, upper: Value) {
        match (self.definition(), lower, upper) {
            (Definition::Structure { .. }, Value::Object(lower), Value::Object(upper)) => {
                for (name, value) in upper {
                    let shape = self.member(&name).map(|member| member.shape);
                    Self::overlay_entry(shape, lower, name, value);
                }
            }
            (Definition::Map { .. }, Value::Object(lower), Value::Object(upper)) => {
                for (name, value) in upper {
                    Self::overlay_entry(self.item(), lower, name, value);
                }
            }
            (Definition::List { .. }, Value::Array(lower), Value::Array(upper)) => {
                self.overlay_list(lower, upper);
            }
            (_, lower, upper) => *lower = upper,
        }
    }

    /// Adds to the structures in `declared` the members that only `actual` has, so that AWS does not take them for removed.
    /// Lists and maps are declared as a whole.
    pub fn fill(self, declared: &mut Value, actual: &Value) {
        let (Value::Object(declared), Value::Object(actual)) = (declared, actual) else { return };
        for member in self.members() {
            let Some(actual) = actual.get(member.name).filter(|value| !value.is_null()) else { continue };
            match declared.get_mut(member.name) {
                Some(declared) => member.shape.fill(declared, actual),
                None => {
                    declared.insert(member.name.to_owned(), actual.clone());
                }
            }
        }
    }

    fn overlay_entry(shape: Option<Self>, lower: &mut Map<String, Value>, name: String, value: Value) {
        match (shape, lower.get_mut(&name)) {
            (Some(shape), Some(lower)) => shape.overlay(lower, value),
            _ => {
                lower.insert(name, value);
            }
        }
    }

    fn overlay_list(self, lower: &mut Vec<Value>, upper: Vec<Value>) {
        let keys = self.keys_of(lower).zip(self.keys_of(&upper));
        let (Some((mut keys, upper_keys)), Some(item)) = (keys, self.item()) else {
            *lower = upper;
            return;
        };
        for (key, value) in upper_keys.into_iter().zip(upper) {
            match keys.iter().position(|other| *other == key) {
                Some(index) => item.overlay(&mut lower[index], value),
                None => {
                    lower.push(value);
                    keys.push(key);
                }
            }
        }
    }
}
