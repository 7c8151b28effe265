//! The description of an API, as it stands in its file.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::schema::Definitions;

/// The part of an OpenAPI 3.0 document that is checked. Anything else in it is an error: it would not be checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(rename = "openapi")]
    _version: String,
    pub(super) info: Info,
    #[serde(rename = "servers")]
    _servers: Value,
    /// By path and method.
    pub(super) paths: BTreeMap<String, BTreeMap<String, Operation>>,
    #[serde(default)]
    pub(super) components: Components,
    /// The part that all of the vendor's operations have in common.
    #[serde(default, rename = "x-every-operation")]
    pub(super) every: Operation,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Info {
    pub(super) title: String,
    #[serde(rename = "version")]
    _version: String,
    /// The sources of the facts, and the date of their retrieval.
    #[serde(rename = "x-sources")]
    _sources: Vec<String>,
    #[serde(rename = "x-taken")]
    _taken: String,
    #[serde(default, rename = "x-notes")]
    _notes: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Components {
    pub(super) schemas: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Operation {
    #[serde(default)]
    pub(super) parameters: Vec<Parameter>,
    #[serde(rename = "requestBody")]
    pub(super) body: Option<Body>,
    /// By status.
    pub(super) responses: BTreeMap<String, Answer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameter {
    pub(super) name: String,
    #[serde(rename = "in")]
    pub(super) place: Place,
    #[serde(default)]
    pub(super) required: bool,
    pub(super) schema: Value,
    /// True if it may be several segments of the path, as a repository's name is.
    #[serde(default, rename = "x-segments")]
    pub(super) has_segments: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    Path,
    Query,
    Header,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    #[serde(default)]
    pub(super) required: bool,
    pub(super) content: BTreeMap<String, Media>,
}

/// An answer; without content it has no body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    #[serde(default)]
    pub(super) content: BTreeMap<String, Media>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Media {
    pub(super) schema: Value,
}

/// A difference between the vendor's service and its document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deviation {
    /// The subject, as a JSON pointer into the document: a schema, or something that the document does not have.
    at: String,
    /// The schema that replaces it.
    instead: Value,
    /// A value that the service gives, and the document does not permit. It shows that there is a deviation.
    #[serde(default, deserialize_with = "also_null")]
    example: Option<Value>,
    #[serde(rename = "because")]
    _because: String,
    #[serde(rename = "source")]
    _source: String,
}

/// `null` is a value, too.
fn also_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// Reads a document, with its deviations in place.
pub(super) fn read(text: &str) -> Result<Document, String> {
    let mut document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let deviations = document.as_object_mut().and_then(|root| root.remove("x-deviations"));
    let deviations: Vec<Deviation> = deviations
        .map_or(Ok(Vec::new()), serde_json::from_value)
        .map_err(|error| format!("x-deviations: {error}"))?;
    let published = document.clone();
    for deviation in deviations {
        deviate(&mut document, &published, deviation)?;
    }
    serde_json::from_value(document).map_err(|error| error.to_string())
}

fn deviate(document: &mut Value, published: &Value, deviation: Deviation) -> Result<(), String> {
    let Deviation { at, instead, example, .. } = deviation;
    if let Some(schema) = published.pointer(&at) {
        let definitions = Definitions::of(&published["components"]["schemas"])?;
        let example =
            example.ok_or_else(|| format!("the deviation at {at} lacks an example of what deviates"))?;
        if definitions.judge(schema, &example)?.is_empty() {
            return Err(format!("the deviation at {at} is none any more: {example} is published"));
        }
        if let Some(wrong) = definitions.judge(&instead, &example)?.first() {
            return Err(format!("the deviation at {at} does not permit its example {example}: {wrong}"));
        }
    }
    let (parent, name) = at.rsplit_once('/').unwrap_or_default();
    let parent = document
        .pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .ok_or_else(|| format!("the deviation at {at} is nowhere in the document"))?;
    parent.insert(name.replace("~1", "/").replace("~0", "~"), instead);
    Ok(())
}
