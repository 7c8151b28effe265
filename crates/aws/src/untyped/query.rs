//! The Query protocol of IAM, STS and Elastic Load Balancing: forms in, XML out.

use aws_smithy_runtime_api::{box_error::BoxError, client::orchestrator::HttpRequest, http::Headers};
use aws_smithy_types::error::metadata;
use serde_json::Value;

use super::{Element, Protocol, ec2_query::form, refusal::metadata_of};

/// AWS Query: parameters are a form in which lists are numbered members (`Subnets.member.1`), answers are XML.
///
/// Parameters have the names of the API reference: `{"Tags": [{"Key": "team", "Value": "shop"}]}`. An answer is the
/// element with the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query;

impl Protocol for Query {
    type Answer = Element;

    fn request(&self, version: &str, operation: &str, parameters: &Value) -> Result<HttpRequest, BoxError> {
        form(version, operation, parameters, "member.")
    }

    fn answer(&self, body: &[u8]) -> Result<Element, BoxError> {
        let answer = Element::parse(body)?;
        let operation = answer
            .name()
            .strip_suffix("Response")
            .ok_or_else(|| format!("the answer is a document of another kind: <{}>", answer.name()))?;
        // Operations without a result have no such element.
        Ok(answer.child(&format!("{operation}Result")).cloned().unwrap_or_default())
    }

    fn text<'a>(answer: &'a Element, name: &str) -> Option<&'a str> {
        answer.text_of(name)
    }

    fn error(&self, _: &Headers, body: &[u8]) -> Result<metadata::Builder, BoxError> {
        let answer = Element::parse(body)?;
        let error = answer.child("Error").ok_or("the answer names no error")?;
        Ok(metadata_of(error.text_of("Code"), error.text_of("Message")))
    }
}
