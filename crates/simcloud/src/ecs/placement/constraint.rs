//! Placement constraints and strategies, as requests and task definitions have them.

use serde::Deserialize;
use serde_json::Value;

use super::Expression;
use crate::{
    ApiError,
    ecs::wire::{client, invalid},
};

/// The most constraints of a service, task or task definition.
const MOST_CONSTRAINTS: usize = 10;
/// The most strategies of a service or task.
const MOST_STRATEGIES: usize = 5;

/// A rule that an instance has to meet.
#[derive(Clone, Debug)]
pub(in crate::ecs) enum Constraint {
    /// No other task of the group is on the instance.
    DistinctInstance,
    MemberOf(Expression),
}

#[derive(Deserialize)]
struct Given {
    #[serde(rename = "type")]
    kind: Option<String>,
    expression: Option<String>,
}

impl Constraint {
    /// The constraints of a service or a task.
    ///
    /// # Errors
    /// Those that are not valid.
    pub(in crate::ecs) fn all(given: &[Value]) -> Result<Vec<Self>, ApiError> {
        if given.len() > MOST_CONSTRAINTS {
            return Err(invalid(format!(
                "placementConstraints cannot have more than {MOST_CONSTRAINTS} elements."
            )));
        }
        given.iter().map(Self::read).collect()
    }

    /// The constraints of a task definition, which has no group.
    ///
    /// # Errors
    /// Those that are not valid.
    pub(in crate::ecs) fn of_definition(given: &[Value]) -> Result<Vec<Self>, ApiError> {
        if given.iter().any(|one| one["type"] == "distinctInstance") {
            return Err(client("constraint.type 'distinctInstance' is not supported."));
        }
        Self::all(given)
    }

    fn read(given: &Value) -> Result<Self, ApiError> {
        let Given { kind, expression } = Given::deserialize(given)
            .map_err(|error| ApiError::new("SerializationException", error.to_string()))?;
        let expression = expression.filter(|expression| !expression.is_empty());
        match (kind.as_deref(), expression) {
            (Some("distinctInstance"), None) => Ok(Self::DistinctInstance),
            (Some("distinctInstance"), Some(_)) => {
                Err(invalid("The placement constraint distinctInstance takes no expression."))
            }
            (Some("memberOf"), Some(expression)) => Expression::parse(&expression).map(Self::MemberOf),
            (Some("memberOf"), None) => {
                Err(invalid("The placement constraint memberOf needs an expression."))
            }
            (kind, _) => {
                Err(invalid(format!("Invalid placement constraint type: {}", kind.unwrap_or("null"))))
            }
        }
    }
}

/// The order in which instances are preferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Strategy {
    Random,
    Spread(Field),
    Binpack(Resource),
}

/// The field over whose values tasks are spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Field {
    Instance,
    Attribute(String),
}

/// The resource of which as little as possible is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Resource {
    Cpu,
    Memory,
}

#[derive(Deserialize)]
struct GivenStrategy {
    #[serde(rename = "type")]
    kind: Option<String>,
    field: Option<String>,
}

impl Strategy {
    /// The strategies of a service or a task.
    ///
    /// # Errors
    /// Those that are not valid.
    pub(in crate::ecs) fn all(given: &[Value]) -> Result<Vec<Self>, ApiError> {
        if given.len() > MOST_STRATEGIES {
            return Err(invalid(format!(
                "placementStrategy cannot have more than {MOST_STRATEGIES} elements."
            )));
        }
        given.iter().map(Self::read).collect()
    }

    fn read(given: &Value) -> Result<Self, ApiError> {
        let GivenStrategy { kind, field } = GivenStrategy::deserialize(given)
            .map_err(|error| ApiError::new("SerializationException", error.to_string()))?;
        let field = field.filter(|field| !field.is_empty());
        let refuse = |field: Option<String>| {
            Err(invalid(format!("Invalid placement strategy field: {}", field.unwrap_or_default())))
        };
        match (kind.as_deref(), field) {
            (Some("random"), None) => Ok(Self::Random),
            (Some("spread"), Some(field)) => match field.split_once(':') {
                Some(("attribute", name)) => Ok(Self::Spread(Field::Attribute(name.to_owned()))),
                None if matches!(field.as_str(), "instanceId" | "host") => Ok(Self::Spread(Field::Instance)),
                _ => refuse(Some(field)),
            },
            (Some("binpack"), Some(field)) => match field.to_ascii_lowercase().as_str() {
                "cpu" => Ok(Self::Binpack(Resource::Cpu)),
                "memory" => Ok(Self::Binpack(Resource::Memory)),
                _ => refuse(Some(field)),
            },
            (Some("random" | "spread" | "binpack"), field) => refuse(field),
            (kind, _) => Err(invalid(format!("Invalid placement strategy type: {}", kind.unwrap_or("null")))),
        }
    }
}
