//! Inputs, held against AWS's model of the API, and the parts that all operations have.

use longshore_aws_shapes::{Finding, Kind, Model};
use serde_json::{Value, json};

use crate::{ApiError, Call, input};

const VALIDATION: &str = "ValidationException";

/// The only namespace that the simulated cloud plays.
const NAMESPACE: &str = "ecs";

/// Its only dimension.
const DIMENSION: &str = "ecs:service:DesiredCount";

pub(super) fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new(VALIDATION, message)
}

pub(super) fn limit_exceeded(message: impl Into<String>) -> ApiError {
    ApiError::new("LimitExceededException", message)
}

/// Checks types, enumerations, bounds and required members.
///
/// # Errors
/// The first fault, as AWS's validators word it.
pub(super) fn check(call: &Call) -> Result<(), ApiError> {
    let Some(shape) = Model::application_autoscaling().input(&call.operation) else { return Ok(()) };
    let findings = shape.check(&call.input);
    findings.into_iter().next().map_or(Ok(()), |finding| Err(fault(call, &finding)))
}

fn fault(call: &Call, finding: &Finding) -> ApiError {
    let member = member(&finding.path);
    let value = || finding.path.iter().try_fold(&call.input, |value, step| inner(value, step));
    let value = || value().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let violated =
        |constraint: &str| input::violated(&value().unwrap_or_default(), &member, constraint, VALIDATION);
    match &finding.kind {
        // AWS ignores it. Ignored, it would seem to work.
        Kind::Unknown { .. } => {
            let operation = &call.operation;
            validation(format!("the simulated cloud does not know the member {member} of {operation}"))
        }
        Kind::Type { .. } => ApiError::new("SerializationException", finding.to_string()),
        Kind::Missing => input::missing(&member, VALIDATION),
        Kind::Size { wanted, .. } => violated(&format!("Member must be {wanted}")),
        Kind::Enumeration { known, .. } => {
            violated(&format!("Member must satisfy enum value set: [{}]", known.join(", ")))
        }
    }
}

fn inner<'a>(value: &'a Value, step: &str) -> Option<&'a Value> {
    value.get(step).or_else(|| value.get(step.parse::<usize>().ok()?))
}

/// A path as validators write it: `stepScalingPolicyConfiguration.stepAdjustments.1.member.scalingAdjustment`.
fn member(path: &[String]) -> String {
    let steps = path.iter().map(|step| match step.parse::<usize>() {
        Ok(index) => format!("{}.member", index + 1),
        Err(_) => step.chars().take(1).flat_map(char::to_lowercase).chain(step.chars().skip(1)).collect(),
    });
    steps.collect::<Vec<_>>().join(".")
}

/// The target that a call is about.
pub(super) struct Resource<'a> {
    /// `service/CLUSTER/SERVICE`.
    pub(super) id: &'a str,
    pub(super) cluster: &'a str,
    pub(super) service: &'a str,
}

impl<'a> Resource<'a> {
    pub(super) fn of(call: &'a Call) -> Result<Self, ApiError> {
        namespace(call)?;
        let (id, dimension) =
            (call.required("ResourceId", VALIDATION)?, call.required("ScalableDimension", VALIDATION)?);
        let unsupported = || validation("Unsupported service namespace, resource type or scalable dimension");
        if dimension != DIMENSION {
            return Err(unsupported());
        }
        match id.split('/').collect::<Vec<_>>().as_slice() {
            ["service", cluster, service] if !cluster.is_empty() && !service.is_empty() => {
                Ok(Self { id, cluster, service })
            }
            _ => Err(unsupported()),
        }
    }

    /// The error of what depends on a target that is not registered.
    pub(super) fn not_registered(&self) -> ApiError {
        not_found(format!("No scalable target registered for {self}"))
    }

    /// The error for what is to be deleted and is not there.
    pub(super) fn no(&self, what: &str, name: Option<(&str, &str)>) -> ApiError {
        let name = name.map(|(kind, name)| format!(", {kind}: {name}")).unwrap_or_default();
        not_found(format!("No {what} found for {self}{name}"))
    }

    /// The members that name it in an answer.
    pub(super) fn json(id: &str) -> Value {
        json!({ "ServiceNamespace": NAMESPACE, "ResourceId": id, "ScalableDimension": DIMENSION })
    }
}

impl std::fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = self.id;
        write!(f, "service namespace: {NAMESPACE}, resource ID: {id}, scalable dimension: {DIMENSION}")
    }
}

fn not_found(message: String) -> ApiError {
    ApiError::new("ObjectNotFoundException", message)
}

/// Checks the namespace of a call.
pub(super) fn namespace(call: &Call) -> Result<(), ApiError> {
    match call.required("ServiceNamespace", VALIDATION)? {
        NAMESPACE => Ok(()),
        other => Err(validation(format!("the simulated cloud does not simulate the namespace {other}"))),
    }
}

/// The filters of a call that describes.
pub(super) struct Filter<'a> {
    resource: Option<&'a str>,
    is_of_dimension: bool,
    names: Vec<String>,
}

impl<'a> Filter<'a> {
    /// Reads them. The list of names has the member `names`.
    pub(super) fn of(call: &'a Call, names: &str) -> Result<Self, ApiError> {
        namespace(call)?;
        let dimension = call.text("ScalableDimension");
        let resource = call.text("ResourceId");
        if dimension.is_some() && resource.is_none() && names != "ResourceIds" {
            return Err(validation("ResourceId must be specified when ScalableDimension is specified"));
        }
        let is_of_dimension = dimension.is_none_or(|dimension| dimension == DIMENSION);
        Ok(Self { resource, is_of_dimension, names: call.texts(names) })
    }

    pub(super) fn has(&self, resource: &str, name: &str) -> bool {
        self.is_of_dimension
            && self.resource.is_none_or(|wanted| wanted == resource)
            && (self.names.is_empty() || self.names.iter().any(|wanted| wanted == name))
    }
}

/// One page of an answer, in the member `list`.
pub(super) fn page(call: &Call, list: &str, items: Vec<Value>, limit: i64) -> Result<Value, ApiError> {
    let size = call.number("MaxResults").unwrap_or(limit);
    if !(1..=limit).contains(&size) {
        let constraint = format!("Member must have value between 1 and {limit}");
        return Err(input::violated(&size.to_string(), "MaxResults", &constraint, VALIDATION));
    }
    let bad_token = || ApiError::new("InvalidNextTokenException", "Invalid next token");
    let size = usize::try_from(size).unwrap_or_default();
    let (items, next) = input::page(items, call.text("NextToken"), size, bad_token)?;
    let mut answer = json!({ list: items });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}
