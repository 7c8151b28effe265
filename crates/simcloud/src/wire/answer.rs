//! Writing answers: results and errors, in the shape of each protocol.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::xml;
use crate::ApiError;

/// A protocol to answer in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `awsJson1_1`
    Json,
    /// `awsQuery`, with the service's XML namespace.
    Query(&'static str),
    /// `ec2Query`
    Ec2,
}

impl Protocol {
    /// The answer to a successful call. A `null` result is one without members.
    pub(crate) fn success(self, operation: &str, result: &Value, request_id: &str) -> Response<Bytes> {
        let mut out = String::new();
        match self {
            Self::Json => out = json_text(result),
            Self::Query(namespace) => {
                out.push_str(&format!("<{operation}Response xmlns=\"{namespace}\">"));
                if !result.is_null() {
                    xml::element(&mut out, &format!("{operation}Result"), result, "member");
                }
                xml::element(&mut out, "ResponseMetadata", &json!({ "RequestId": request_id }), "member");
                out.push_str(&format!("</{operation}Response>"));
            }
            Self::Ec2 => {
                out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
                out.push_str(&format!(
                    "<{operation}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">"
                ));
                xml::element(&mut out, "requestId", &json!(request_id), "item");
                xml::write(&mut out, result, "item");
                out.push_str(&format!("</{operation}Response>"));
            }
        }
        self.response(200, out, request_id)
    }

    /// The answer to a call that failed.
    pub(crate) fn failure(self, error: &ApiError, request_id: &str) -> Response<Bytes> {
        let mut out = String::new();
        match self {
            Self::Json => out = json!({ "__type": error.code, "message": error.message }).to_string(),
            Self::Query(namespace) => {
                let kind = if error.status < 500 { "Sender" } else { "Receiver" };
                let detail = json!({ "Type": kind, "Code": error.code, "Message": error.message });
                out.push_str(&format!("<ErrorResponse xmlns=\"{namespace}\">"));
                xml::element(&mut out, "Error", &detail, "member");
                xml::element(&mut out, "RequestId", &json!(request_id), "member");
                out.push_str("</ErrorResponse>");
            }
            Self::Ec2 => {
                let detail = json!({ "Error": { "Code": error.code, "Message": error.message } });
                out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>");
                xml::element(&mut out, "Errors", &detail, "item");
                xml::element(&mut out, "RequestID", &json!(request_id), "item");
                out.push_str("</Response>");
            }
        }
        let mut response = self.response(error.status, out, request_id);
        if self == Self::Json
            && let Ok(code) = HeaderValue::from_str(&error.code)
        {
            response.headers_mut().insert("x-amzn-errortype", code);
        }
        response
    }

    fn response(self, status: u16, body: String, request_id: &str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Query(_) => "text/xml",
            Self::Ec2 => "text/xml;charset=UTF-8",
        };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Ok(id) = HeaderValue::from_str(request_id) {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        response
    }
}

/// JSON without the members that are `null`, which AWS leaves out.
fn json_text(result: &Value) -> String {
    if result.is_null() {
        return "{}".to_owned();
    }
    // Writing to memory does not fail, and all keys are texts.
    serde_json::to_string(&WithoutNulls(result)).unwrap_or_default()
}

/// A value that is written without the members that are `null`.
struct WithoutNulls<'a>(&'a Value);

impl Serialize for WithoutNulls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => {
                let members = map.iter().filter(|(_, value)| !value.is_null());
                serializer.collect_map(members.map(|(key, value)| (key, Self(value))))
            }
            Value::Array(list) => serializer.collect_seq(list.iter().map(Self)),
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: &Response<Bytes>) -> &str {
        std::str::from_utf8(response.body()).expect("text")
    }

    #[test]
    fn query_results_are_wrapped_and_escaped() {
        let result = json!({"Role": {"RoleName": "a<b", "Tags": [{"Key": "k"}], "Description": null}});
        let response = Protocol::Query("urn:x").success("GetRole", &result, "r-1");
        assert_eq!(
            text(&response),
            "<GetRoleResponse xmlns=\"urn:x\"><GetRoleResult><Role><RoleName>a&lt;b</RoleName><Tags><member><Key>k</Key>\
             </member></Tags></Role></GetRoleResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>\
             </GetRoleResponse>"
        );
    }

    #[test]
    fn errors_carry_code_and_status() {
        let error = ApiError::new("NoSuchEntity", "gone").with_status(404);
        assert_eq!(Protocol::Json.failure(&error, "r").headers()["x-amzn-errortype"], "NoSuchEntity");
        assert_eq!(Protocol::Ec2.failure(&error, "r").status(), 404);
        assert!(
            text(&Protocol::Ec2.failure(&error, "r")).contains("<Errors><Error><Code>NoSuchEntity</Code>")
        );
    }
}
