//! Schemas of OpenAPI 3.0, made into those of JSON Schema, and the values that they judge.

use boon::{Compiler, SchemaIndex, Schemas, ValidationError};
use serde_json::{Map, Value, json};

/// The address under which boon finds a schema. Nothing is read from there.
const LOCATION: &str = "https://published.invalid/schema.json";

/// The keywords of a schema that are kept unchanged.
const KEPT: [&str; 8] = ["type", "required", "enum", "pattern", "minimum", "maximum", "minItems", "maxItems"];

/// The formats of texts that are checked.
const FORMATS: [&str; 5] = ["date", "date-time", "email", "uri", "uuid"];

/// The schemas that others refer to (`#/components/schemas/…`).
pub(super) struct Definitions(Map<String, Value>);

/// A schema that can judge.
pub(super) struct Judge {
    schemas: Schemas,
    index: SchemaIndex,
    /// The type of the whole: a parameter is a text, and this says what is to be read from it.
    kind: Option<String>,
}

impl Definitions {
    /// Those of `components.schemas`.
    pub(super) fn of(schemas: &Value) -> Result<Self, String> {
        let schemas = schemas.as_object().into_iter().flatten();
        let converted = |(name, schema): (&String, &Value)| {
            let schema = convert(schema).map_err(|wrong| format!("components.schemas.{name}: {wrong}"))?;
            Ok((name.clone(), schema))
        };
        schemas.map(converted).collect::<Result<_, String>>().map(Self)
    }

    /// Compiles `schema` into a judge.
    pub(super) fn compile(&self, schema: &Value) -> Result<Judge, String> {
        let mut root = convert(schema)?;
        root["$defs"] = Value::Object(self.0.clone());
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(LOCATION, root).map_err(|error| error.to_string())?;
        let mut schemas = Schemas::new();
        let index = compiler.compile(LOCATION, &mut schemas).map_err(|error| format!("{error:#}"))?;
        let kind = schema["type"].as_str().map(str::to_owned);
        Ok(Judge { schemas, index, kind })
    }

    /// Returns the errors of `value`, by `schema`.
    pub(super) fn judge(&self, schema: &Value, value: &Value) -> Result<Vec<String>, String> {
        Ok(self.compile(schema)?.wrong(value))
    }
}

impl Judge {
    /// Returns the errors of `value`: where, and what is wanted instead.
    pub(super) fn wrong(&self, value: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Err(error) = self.schemas.validate(value, self.index) {
            leaves(&error, &mut wrong);
        }
        wrong
    }

    /// Returns the errors of a parameter.
    pub(super) fn wrong_text(&self, text: &str) -> Vec<String> {
        let value = match self.kind.as_deref() {
            Some("integer" | "number" | "boolean") => serde_json::from_str(text).ok(),
            _ => None,
        };
        self.wrong(&value.unwrap_or_else(|| Value::from(text)))
    }
}

/// The causes that have no causes.
fn leaves(error: &ValidationError<'_, '_>, wrong: &mut Vec<String>) {
    if error.causes.is_empty() {
        let at = error.instance_location.to_string();
        let at = if at.is_empty() { String::new() } else { format!("{at}: ") };
        wrong.push(format!("{at}{}", error.kind));
    }
    for cause in &error.causes {
        leaves(cause, wrong);
    }
}

/// A schema of JSON Schema. An object has the properties that are described, and no others. An unknown keyword is an
/// error: it would check nothing.
fn convert(schema: &Value) -> Result<Value, String> {
    let schema = schema.as_object().ok_or_else(|| format!("{schema} is no schema"))?;
    let mut converted = Map::new();
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            ("$ref", Value::String(target)) => {
                let name = target
                    .strip_prefix("#/components/schemas/")
                    .ok_or_else(|| format!("$ref is {target}, which is no schema of components"))?;
                converted.insert("$ref".to_owned(), json!(format!("#/$defs/{name}")));
            }
            ("properties", Value::Object(properties)) => {
                let property = |(name, schema): (&String, &Value)| {
                    let schema = convert(schema).map_err(|wrong| format!("{name}: {wrong}"))?;
                    Ok((name.clone(), schema))
                };
                let properties = properties.iter().map(property).collect::<Result<Map<_, _>, String>>()?;
                converted.insert(keyword.clone(), Value::Object(properties));
                converted.entry("additionalProperties").or_insert(json!(false));
            }
            ("additionalProperties", Value::Bool(_)) => {
                converted.insert(keyword.clone(), value.clone());
            }
            ("additionalProperties" | "items", _) => {
                converted.insert(keyword.clone(), convert(value)?);
            }
            ("oneOf" | "anyOf", Value::Array(schemas)) => {
                let schemas = schemas.iter().map(convert).collect::<Result<_, _>>()?;
                converted.insert(keyword.clone(), Value::Array(schemas));
            }
            ("format", Value::String(format)) => match format.as_str() {
                "int32" => {
                    converted.insert("minimum".to_owned(), json!(i32::MIN));
                    converted.insert("maximum".to_owned(), json!(i32::MAX));
                }
                "int64" => {}
                format if FORMATS.contains(&format) => {
                    converted.insert(keyword.clone(), value.clone());
                }
                _ => return Err(format!("the format {format} would not be checked")),
            },
            ("nullable", Value::Bool(_)) => {}
            (keyword, _) if KEPT.contains(&keyword) => {
                converted.insert(keyword.to_owned(), value.clone());
            }
            _ => return Err(format!("`{keyword}: {value}` would not be checked")),
        }
    }
    if schema.get("nullable") == Some(&json!(true)) {
        let kind = converted.get("type").ok_or("what is nullable needs a type")?;
        let kinds = json!([kind, "null"]);
        converted.insert("type".to_owned(), kinds);
        if let Some(Value::Array(values)) = converted.get_mut("enum") {
            values.push(Value::Null);
        }
    }
    Ok(Value::Object(converted))
}
