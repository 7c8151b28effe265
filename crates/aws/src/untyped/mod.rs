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
mod pages;
mod query;
mod refusal;

pub(crate) use json::error_code;

pub use client::{Builder, CallError, Client};
pub use ec2_query::Ec2Query;
pub use element::{Element, XmlError};
pub use endpoint::Hosts;
pub use json::Json;
pub use pages::{PageTokens, Pages};
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
    /// The members that lead from page to page.
    pub page_tokens: PageTokens,
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

    /// Returns the text of an answer's member `name`.
    fn text<'a>(answer: &'a Self::Answer, name: &str) -> Option<&'a str>;

    /// Reads the code and the message of an error.
    ///
    /// # Errors
    /// If the answer is not in this protocol.
    fn error(&self, headers: &Headers, body: &[u8]) -> Result<metadata::Builder, BoxError>;
}

/// AWS Key Management Service.
pub const KMS: Service<Json> = Service {
    id: "KMS",
    version: "2014-11-01",
    signing_name: "kms",
    hosts: Hosts::with_fips("kms", "kms-fips"),
    page_tokens: PageTokens { request: "Marker", answer: "NextMarker" },
    protocol: Json { version: "1.1", target: "TrentService" },
};

/// Amazon CloudWatch Logs.
pub const CLOUDWATCH_LOGS: Service<Json> = Service {
    id: "CloudWatch Logs",
    version: "2014-03-28",
    signing_name: "logs",
    hosts: Hosts { gov_fips: "logs", ..Hosts::with_fips("logs", "logs-fips") },
    page_tokens: PageTokens { request: "nextToken", answer: "nextToken" },
    protocol: Json { version: "1.1", target: "Logs_20140328" },
};

/// The Resource Groups Tagging API.
pub const TAGGING: Service<Json> = Service {
    id: "Resource Groups Tagging API",
    version: "2017-01-26",
    signing_name: "tagging",
    hosts: Hosts::with_fips("tagging", "tagging-fips"),
    page_tokens: PageTokens { request: "PaginationToken", answer: "PaginationToken" },
    protocol: Json { version: "1.1", target: "ResourceGroupsTaggingAPI_20170126" },
};

/// Amazon EC2.
pub const EC2: Service<Ec2Query> = Service {
    id: "EC2",
    version: "2016-11-15",
    signing_name: "ec2",
    hosts: Hosts { gov_fips: "ec2", ..Hosts::with_fips("ec2", "ec2-fips") },
    page_tokens: PageTokens { request: "NextToken", answer: "nextToken" },
    protocol: Ec2Query,
};

/// Elastic Load Balancing: Application, Network and Gateway Load Balancers.
pub const ELBV2: Service<Query> = Service {
    id: "Elastic Load Balancing v2",
    version: "2015-12-01",
    signing_name: "elasticloadbalancing",
    // AWS General Reference, "Elastic Load Balancing endpoints and quotas".
    hosts: Hosts {
        gov_fips: "elasticloadbalancing",
        ..Hosts::with_fips("elasticloadbalancing", "elasticloadbalancing-fips")
    },
    page_tokens: PageTokens { request: "Marker", answer: "NextMarker" },
    protocol: Query,
};

/// Application Auto Scaling.
pub const APPLICATION_AUTO_SCALING: Service<Json> = Service {
    id: "Application Auto Scaling",
    version: "2016-02-06",
    signing_name: "application-autoscaling",
    // AWS General Reference, "Application Auto Scaling endpoints and quotas".
    hosts: Hosts {
        gov_fips: "application-autoscaling",
        ..Hosts::with_fips("application-autoscaling", "application-autoscaling-fips")
    },
    page_tokens: PageTokens { request: "NextToken", answer: "NextToken" },
    protocol: Json { version: "1.1", target: "AnyScaleFrontendService" },
};

/// Amazon ECR.
pub const ECR: Service<Json> = Service {
    id: "ECR",
    version: "2015-09-21",
    signing_name: "ecr",
    // AWS General Reference, "Amazon ECR endpoints and quotas".
    hosts: Hosts { plain: "api.ecr", ..Hosts::with_fips("ecr", "ecr-fips") },
    page_tokens: PageTokens { request: "nextToken", answer: "nextToken" },
    protocol: Json { version: "1.1", target: "AmazonEC2ContainerRegistry_V20150921" },
};

#[cfg(test)]
mod tests;
