//! EC2's Query protocol: forms in, XML out.

use aws_smithy_runtime_api::{box_error::BoxError, client::orchestrator::HttpRequest, http::Headers};
use aws_smithy_types::{body::SdkBody, error::metadata};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::{Element, Protocol, client::post, refusal::metadata_of};

/// EC2 Query: parameters are a form in which lists have numbers (`SubnetId.1`), answers are XML.
///
/// Parameters have the names of the API reference, without the numbers: `{"Filter": [{"Name": "vpc-id", "Value": ["vpc-1"]}]}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ec2Query;

impl Protocol for Ec2Query {
    type Answer = Element;

    fn request(&self, version: &str, operation: &str, parameters: &Value) -> Result<HttpRequest, BoxError> {
        form(version, operation, parameters, "")
    }

    fn answer(&self, body: &[u8]) -> Result<Element, BoxError> {
        let answer = Element::parse(body)?;
        if answer.name().ends_with("Response") {
            Ok(answer)
        } else {
            Err(format!("the answer is a document of another kind: <{}>", answer.name()).into())
        }
    }

    fn text<'a>(answer: &'a Element, name: &str) -> Option<&'a str> {
        answer.text_of(name)
    }

    fn error(&self, _: &Headers, body: &[u8]) -> Result<metadata::Builder, BoxError> {
        let answer = Element::parse(body)?;
        let error = answer.child("Errors").and_then(|errors| errors.child("Error"));
        let error = error.ok_or("the answer names no error")?;
        Ok(metadata_of(error.text_of("Code"), error.text_of("Message")))
    }
}

/// Returns the request of a call. The numbers of lists come after `list`.
pub(super) fn form(
    version: &str,
    operation: &str,
    parameters: &Value,
    list: &str,
) -> Result<HttpRequest, BoxError> {
    let mut form = Serializer::new(String::new());
    form.append_pair("Action", operation).append_pair("Version", version);
    flatten("", parameters, list, &mut form)?;
    post("application/x-www-form-urlencoded", SdkBody::from(form.finish()))
}

/// Adds the parameters below `key` to a form.
fn flatten(key: &str, value: &Value, list: &str, form: &mut Serializer<'_, String>) -> Result<(), BoxError> {
    let below = |part: &str| if key.is_empty() { part.to_owned() } else { format!("{key}.{part}") };
    let text = match value {
        Value::Object(members) => {
            return members.iter().try_for_each(|(name, value)| flatten(&below(name), value, list, form));
        }
        // A list without elements cannot be expressed: it is as if it were not there.
        Value::Array(items) => {
            let mut numbered = (1..).zip(items);
            return numbered.try_for_each(|(number, value)| {
                flatten(&below(&format!("{list}{number}")), value, list, form)
            });
        }
        _ if key.is_empty() => return Err("the parameters are no JSON object".into()),
        Value::Null => return Ok(()),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
    };
    form.append_pair(key, &text);
    Ok(())
}
