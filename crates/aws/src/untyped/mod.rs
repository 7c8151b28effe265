//! Services of AWS without a generated crate.
//!
//! A call is a service, the name of an operation and parameters in JSON, spelled as in the service's API reference; the
//! answer is a tree. Everything around it is the SDK's own: the orchestrator of `aws-smithy-runtime`, credentials,
//! signatures, time-outs, retries and the correction of clock skew. [`Aws`](crate::Aws) adds the interceptors that its
//! generated clients have: pace, fence and retry classes. Errors are `SdkError`s, so that
//! [`failure`](crate::failure()), [`code`](crate::code) and their kin read them like those of generated clients.
//!
//! A new service is a [`Service`] and, where its protocol is another one, a [`Protocol`].

mod client;
mod ec2_query;
mod element;
mod endpoint;
mod json;
mod query;
mod refusal;

pub(crate) use json::error_code;

pub use client::{Builder, CallError, Client};
pub use ec2_query::Ec2Query;
pub use element::{Element, XmlError};
pub use endpoint::Hosts;
pub use json::Json;
pub use query::Query;
pub use refusal::Refusal;

use aws_smithy_runtime_api::{box_error::BoxError, client::orchestrator::HttpRequest, http::Headers};
use aws_smithy_types::error::metadata;
use serde_json::Value;

/// A service of AWS.
#[derive(Debug)]
pub struct Service<P> {
    /// The service's id in the SDKs. The pacer's classes, `AWS_ENDPOINT_URL_…` and the profile's `services` sections use
    /// it.
    pub id: &'static str,
    /// The version of the API, such as `2016-11-15`.
    pub version: &'static str,
    /// The name that requests are signed for.
    pub signing_name: &'static str,
    /// The first parts of its host names.
    pub hosts: Hosts,
    /// The protocol that it speaks.
    pub protocol: P,
}

/// A wire protocol: requests from names and parameters, trees from answers.
pub trait Protocol: std::fmt::Debug + Clone + Send + Sync + 'static {
    /// The answer to a successful call.
    type Answer: Send + Sync + 'static;

    /// Returns the request of a call.
    ///
    /// # Errors
    /// If the protocol cannot express the parameters.
    fn request(&self, version: &str, operation: &str, parameters: &Value) -> Result<HttpRequest, BoxError>;

    /// Reads the answer to a successful call.
    ///
    /// # Errors
    /// If it is not in this protocol.
    fn answer(&self, body: &[u8]) -> Result<Self::Answer, BoxError>;

    /// Reads the code and the message of an error.
    ///
    /// # Errors
    /// If the answer is not in this protocol.
    fn error(&self, headers: &Headers, body: &[u8]) -> Result<metadata::Builder, BoxError>;
}

/// Amazon EC2.
pub const EC2: Service<Ec2Query> = Service {
    id: "EC2",
    version: "2016-11-15",
    signing_name: "ec2",
    hosts: Hosts {
        plain: "ec2",
        fips: "ec2-fips",
        gov_fips: "ec2",
        dual_stack: "ec2",
        dual_stack_fips: "ec2-fips",
    },
    protocol: Ec2Query,
};

/// Elastic Load Balancing: Application, Network and Gateway Load Balancers.
pub const ELBV2: Service<Query> = Service {
    id: "Elastic Load Balancing v2",
    version: "2015-12-01",
    signing_name: "elasticloadbalancing",
    // AWS General Reference, "Elastic Load Balancing endpoints and quotas".
    hosts: Hosts {
        plain: "elasticloadbalancing",
        fips: "elasticloadbalancing-fips",
        gov_fips: "elasticloadbalancing",
        dual_stack: "elasticloadbalancing",
        dual_stack_fips: "elasticloadbalancing-fips",
    },
    protocol: Query,
};

/// Amazon ECR.
pub const ECR: Service<Json> = Service {
    id: "ECR",
    version: "2015-09-21",
    signing_name: "ecr",
    // AWS General Reference, "Amazon ECR endpoints and quotas".
    hosts: Hosts {
        plain: "api.ecr",
        fips: "ecr-fips",
        gov_fips: "ecr-fips",
        dual_stack: "ecr",
        dual_stack_fips: "ecr-fips",
    },
    protocol: Json { version: "1.1", target: "AmazonEC2ContainerRegistry_V20150921" },
};

#[cfg(test)]
mod tests;
