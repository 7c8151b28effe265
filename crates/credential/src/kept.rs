//! Secret values that a cloud keeps.

use std::fmt;

use async_trait::async_trait;
use longshore_model::{Arn, Failure, FailureKind, Fields, Secret};
use longshore_plugin::Result;
use serde_json::Value;
use zeroize::Zeroize as _;

/// The service that keeps a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// AWS Systems Manager Parameter Store.
    Ssm,
    /// AWS Secrets Manager.
    SecretsManager,
}

impl Keeper {
    /// The keeper that the key `way` of a table means.
    pub(crate) fn of(way: &str) -> Option<Self> {
        [Self::Ssm, Self::SecretsManager].into_iter().find(|keeper| keeper.way() == way)
    }

    const fn way(self) -> &'static str {
        match self {
            Self::Ssm => "ssm",
            Self::SecretsManager => "secretsmanager",
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Ssm => "SSM parameter",
            Self::SecretsManager => "Secrets Manager secret",
        }
    }

    /// Returns true if `name` can be the name of what is kept, or its ARN. A parameter's may end with a version or a label
    /// (Systems Manager API reference, "GetParameter"; Secrets Manager API reference, "CreateSecret").
    fn accepts(self, name: &str) -> bool {
        if name.starts_with("arn:") {
            let prefix = match self {
                Self::Ssm => "parameter/",
                Self::SecretsManager => "secret:",
            };
            return name.parse::<Arn>().is_ok_and(|arn| {
                arn.service() == self.way() && !arn.region().is_empty() && arn.resource().starts_with(prefix)
            });
        }
        let also = match self {
            Self::Ssm => "_.-/:",
            Self::SecretsManager => "/_+=.@-!",
        };
        (1..=1011).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
    }
}

/// A value that a cloud keeps, or a field of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The service that keeps it.
    keeper: Keeper,
    /// Its name or ARN.
    name: String,
    /// The field of the JSON object that is kept.
    field: Option<String>,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "field {field} of the ")?;
        }
        write!(f, "{} {}", self.keeper.noun(), self.name)
    }
}

/// Reads the current values of what a cloud keeps. The host lends it with the [`Environment`](crate::Environment).
#[async_trait]
pub trait Vault: Send + Sync {
    /// The value that is kept as `name`.
    ///
    /// # Errors
    /// When it is not there, is no text, or may not be read.
    async fn read(&self, keeper: Keeper, name: &str) -> Result<Secret<String>>;
}

impl Kept {
    /// Reads the name, and the field that may stand beside it.
    pub(crate) fn read(table: &mut Fields<'_>, keeper: Keeper) -> Option<Self> {
        let (way, noun) = (keeper.way(), keeper.noun());
        let name = table.text(way);
        let field = table.has("field").then(|| table.text("field"));
        let name = name?;
        if super::secret_input::is_a_value(&name) {
            super::secret_input::refuse_value(table, way, &format!("name the {noun} that holds it"));
            return None;
        }
        if !keeper.accepts(&name) {
            let (article, example) = match keeper {
                Keeper::Ssm => ("an", "`/acme/harbor`"),
                Keeper::SecretsManager => ("a", "`acme/harbor`"),
            };
            let message = format!("is no name and no ARN of {article} {noun}");
            table.problem(way, message, format!("write it as in {example}"));
            return None;
        }
        let field = match field {
            Some(field) => {
                let field = field?;
                if field.is_empty() {
                    table.problem(
                        "field",
                        "is empty",
                        "name the field of the JSON object, such as `password`",
                    );
                    return None;
                }
                Some(field)
            }
            None => None,
        };
        Some(Self { keeper, name, field })
    }

    /// The value.
    pub(crate) async fn fetch(&self, vault: Option<&dyn Vault>) -> Result<Secret<String>> {
        let vault = vault.ok_or_else(|| {
            Failure::new(FailureKind::Invalid, format!("the {self} cannot be read here")).help(
                "only what a stack deploys comes from AWS: name an environment variable, a file or a command",
            )
        })?;
        let value = vault.read(self.keeper, &self.name).await?;
        match &self.field {
            None => Ok(value),
            Some(field) => self.part(&value, field),
        }
    }

    fn part(&self, value: &Secret<String>, field: &str) -> Result<Secret<String>> {
        let whole = format!("{} {}", self.keeper.noun(), self.name);
        let fail = |what: &str, help: String| {
            Err(Failure::new(FailureKind::Invalid, format!("the {whole} {what}")).help(help))
        };
        let mut parsed = Parsed(serde_json::from_str(value.expose()).unwrap_or_default());
        let Parsed(Value::Object(fields)) = &mut parsed else {
            return fail(
                "holds no JSON object",
                "leave `field` out where the whole value is meant".to_owned(),
            );
        };
        match fields.get_mut(field) {
            Some(Value::String(text)) => Ok(Secret::new(std::mem::take(text))),
            Some(_) => {
                fail(&format!("has a field `{field}` that is no text"), "write it in quotes there".to_owned())
            }
            None => fail(
                &format!("has no field `{field}`"),
                "correct `field`, or add the field there; upper and lower case differ".to_owned(),
            ),
        }
    }
}

/// Parsed JSON whose texts are wiped from memory in the end.
struct Parsed(Value);

impl Drop for Parsed {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
