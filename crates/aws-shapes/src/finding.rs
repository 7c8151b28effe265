//! Findings about a declared value.

use std::fmt;

use serde_json::Value;

/// One thing that is wrong with a declared value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The members that lead to it, from the outermost; of an item in a list, its number.
    pub path: Vec<String>,
    /// The fault.
    pub kind: Kind,
}

/// A fault of a declared value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A structure has no such member.
    Unknown {
        /// The members that it has.
        known: Vec<String>,
    },
    /// The value has another type than the model asks for.
    Type {
        /// The value, as far as a message may repeat it.
        found: String,
        /// The model's demand.
        wanted: String,
    },
    /// The value is too small or too large, too short or too long.
    Size {
        /// The value, as far as a message may repeat it.
        found: String,
        /// The model's demand.
        wanted: String,
    },
    /// The text is not in the model's enumeration.
    Enumeration {
        /// The text.
        found: String,
        /// Those that the model has.
        known: Vec<String>,
    },
    /// A member that AWS requires is missing.
    Missing,
}

impl Finding {
    pub(crate) fn new(path: &[String], kind: Kind) -> Self {
        Self { path: path.to_vec(), kind }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.join("."))?;
        match &self.kind {
            Kind::Unknown { .. } => f.write_str("unknown member"),
            Kind::Type { found, wanted } | Kind::Size { found, wanted } => {
                write!(f, "found {found}, must be {wanted}")
            }
            Kind::Enumeration { found, known } => {
                write!(f, "found the text \"{found}\", must be one of {}", known.join(", "))
            }
            Kind::Missing => f.write_str("is missing"),
        }
    }
}

/// A value as a message shows it. A text is not repeated: it may be a secret.
pub(crate) fn described(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
    }
}
