//! One call of an AWS operation, after the wire protocol is taken off.

use std::fmt;

use serde_json::Value;

use crate::Moment;

/// A call as the services see it. Its `Debug` leaves the input out, which may hold a secret.
#[derive(Clone)]
pub struct Call {
    /// The operation, such as `CreateService`.
    pub operation: String,
    /// The region that the request was signed for.
    pub region: String,
    /// The input. Query protocols are unfolded into the same shape: `A.member.1=x` becomes `{"A": ["x"]}`.
    pub input: Value,
    /// When the call arrives.
    pub now: Moment,
    /// The caller's ARN, as STS would report it.
    pub caller: String,
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Call")
            .field("operation", &self.operation)
            .field("region", &self.region)
            .field("now", &self.now)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

/// An error as AWS answers it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The error code, such as `ResourceNotFoundException`.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// The HTTP status: 400 for most, 404 and 409 where the service's model says so.
    pub status: u16,
}

impl ApiError {
    /// An error with HTTP status 400.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: 400 }
    }

    /// The same error with another HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The refusal of an operation that the simulated cloud does not have: `service` is IAM's prefix for it.
    #[must_use]
    pub fn unknown_operation(service: &str, operation: &str) -> Self {
        let code = if matches!(service, "ec2" | "elasticloadbalancing" | "iam" | "sts") {
            "InvalidAction"
        } else {
            "UnknownOperationException"
        };
        Self::new(code, format!("the simulated cloud does not know {service}:{operation}"))
    }
}
