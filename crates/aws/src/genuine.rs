//! Answers that are AWS's, and answer the call.
//!
//! A proxy's page, an empty answer or one to another call may come with HTTP 200, and the SDK takes it for success where
//! it reads nothing of the body. Such an attempt has no answer, and is repeated. A refusal is marked with the secrets that it
//! may repeat.

use std::{
    collections::{HashMap, HashSet},
    error::Error,
    fmt,
    sync::LazyLock,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextMut},
            dyn_dispatch_hint,
        },
        orchestrator::{HttpRequest, HttpResponse, Metadata, OrchestratorError},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use longshore_model::{Partition, Secret};
use longshore_net::Words;
use serde::{
    Deserialize, Deserializer as _,
    de::{IgnoredAny, MapAccess, Visitor},
};

/// Members that answers to many operations have, and that tell none of them.
const OF_MANY: [&str; 3] = ["failures", "nextToken", "NextToken"];

/// The members of the answers to operations in JSON, by service and operation.
static MEMBERS: LazyLock<HashMap<&str, HashMap<&str, HashSet<&str>>>> = LazyLock::new(|| {
    let mut services = HashMap::<_, HashMap<_, _>>::new();
    let lines = include_str!("genuine/answers.txt").lines().filter(|line| !line.starts_with('#'));
    for (operation, members) in lines.filter_map(|line| line.split_once(':')) {
        if let Some((service, operation)) = operation.rsplit_once('.') {
            let operations = services.entry(service).or_default();
            operations.insert(operation, members.split_whitespace().collect());
        }
    }
    services
});

/// Turns each success whose answer is not AWS's answer to the call into an attempt without an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Genuine;

/// True if a request goes to AWS itself, false if it goes to an endpoint that is configured.
#[derive(Clone, Copy, Debug)]
struct ToAws(bool);

impl Storable for ToAws {
    type Storer = StoreReplace<Self>;
}

/// The operations whose input has a secret.
const STORE: [&str; 4] = ["CreateSecret", "PutSecretValue", "UpdateSecret", "PutParameter"];

/// The shortest value that is hidden: shorter ones are in ordinary words.
const HIDDEN: usize = 4;

/// The secrets in a request that is sent.
#[derive(Clone, Debug)]
struct Sent(Vec<Secret<String>>);

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

impl Sent {
    fn in_request(request: &HttpRequest, operation: &str) -> Self {
        let token = request.headers().get("x-amz-security-token").map(str::to_owned);
        let body = Some(request.body()).filter(|_| STORE.contains(&operation));
        let input = body.and_then(|body| serde_json::from_slice::<Stored>(body.bytes()?).ok());
        let value = input.and_then(|input| input.value);
        let secrets = [token, value].into_iter().flatten().map(Secret::new);
        Self(secrets.filter(|secret| secret.expose().len() >= HIDDEN).collect())
    }
}

/// The part of a request that holds a secret.
#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "SecretString", alias = "Value")]
    value: Option<String>,
}

/// Marks a refusal with what its message must not repeat.
#[derive(Clone, Debug)]
pub(crate) struct Confidential(pub(crate) Words);

#[dyn_dispatch_hint]
impl Intercept for Genuine {
    fn name(&self) -> &'static str {
        "Genuine"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let is_aws = Partition::has_endpoint(host_of(context.request().uri()));
        let operation = config.load::<Metadata>().map(|call| call.name().to_owned()).unwrap_or_default();
        let sent = Sent::in_request(context.request(), &operation);
        config.interceptor_state().store_put(ToAws(is_aws));
        config.interceptor_state().store_put(sent);
        Ok(())
    }

    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let is_aws = config.load::<ToAws>().is_none_or(|to| to.0);
        if !is_aws && let Some(response) = context.response_mut() {
            response.add_extension(OfEndpoint);
        }
        let Some(Ok(_)) = context.output_or_error() else {
            if let (Some(response), Some(sent)) = (context.response_mut(), config.load::<Sent>()) {
                let mut words = Words::default();
                sent.0.iter().for_each(|secret| words.hide(secret.expose()));
                response.add_extension(Confidential(words));
            }
            return Ok(());
        };
        let (Some(response), Some(call)) = (context.response(), config.load::<Metadata>()) else {
            return Ok(());
        };
        if let Err(why) = require_genuine(call.service(), call.name(), response, is_aws)
            && let Some(output) = context.output_or_error_mut()
        {
            *output = Err(OrchestratorError::response(why.into()));
        }
        Ok(())
    }
}

/// Marks the answers of an endpoint that is configured: those of an emulator, which is allowed more than AWS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfEndpoint;

/// The fault of an answer that AWS did not give to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotGenuine {
    /// It lacks the id that AWS gives each request.
    NoRequestId,
    /// It has another content type than AWS's.
    ContentType,
    /// It is empty, and AWS's answer to this operation is not.
    Empty,
    /// It is cut off, or not in AWS's protocol at all.
    Unreadable,
    /// It answers another operation.
    OtherOperation,
}

impl fmt::Display for NotGenuine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRequestId => "it has no request id",
            Self::ContentType => "it has another content type",
            Self::Empty => "it is empty",
            Self::Unreadable => "it is cut off, or in another format",
            Self::OtherOperation => "it answers another call",
        })
    }
}

impl Error for NotGenuine {}

/// Requires that a successful answer is AWS's to this operation. Emulators (`is_aws` is false) are not held to headers.
fn require_genuine(
    service: &str,
    operation: &str,
    answer: &HttpResponse,
    is_aws: bool,
) -> Result<(), NotGenuine> {
    let body = answer.body().bytes().unwrap_or_default();
    let headers = answer.headers();
    let is_xml = is_xml(service);
    if is_aws {
        let has_id = ["x-amzn-requestid", "x-amz-request-id"].iter().any(|name| headers.contains_key(name));
        if !has_id {
            return Err(NotGenuine::NoRequestId);
        }
        let is_of_protocol = |kind: &str| kind.contains(if is_xml { "xml" } else { "json" });
        // An answer without a body may be without a type.
        if headers.get("content-type").map_or(!body.is_empty(), |kind| !is_of_protocol(kind)) {
            return Err(NotGenuine::ContentType);
        }
    }
    // As moto answers CreateAlias.
    let body = if !is_aws && body == b"null" { b"" } else { body };
    if is_xml { require_document(operation, body) } else { require_object(service, operation, body) }
}

/// Returns true if a service answers in XML.
fn is_xml(service: &str) -> bool {
    ["IAM", "STS", "EC2", "Elastic Load Balancing v2"].contains(&service)
}

/// Requires a whole document of the operation: `<DeleteRoleResponse …>…</DeleteRoleResponse>`.
fn require_document(operation: &str, body: &[u8]) -> Result<(), NotGenuine> {
    if body.is_empty() {
        return Err(NotGenuine::Empty);
    }
    let text = std::str::from_utf8(body).map_err(|_| NotGenuine::Unreadable)?.trim();
    let text = match text.strip_prefix("<?") {
        Some(declaration) => declaration.split_once("?>").map_or("", |(_, document)| document.trim_start()),
        None => text,
    };
    let name = text.strip_prefix('<').and_then(|rest| rest.split([' ', '>', '/', '\n', '\r', '\t']).next());
    match name.and_then(|name| name.strip_suffix("Response")) {
        Some(name) if name == operation => {}
        Some(_) => return Err(NotGenuine::OtherOperation),
        None => return Err(NotGenuine::Unreadable),
    }
    let end = format!("</{operation}Response>");
    let is_one_tag = text.ends_with("/>") && text.matches('<').count() == 1;
    if text.ends_with(&end) || is_one_tag { Ok(()) } else { Err(NotGenuine::Unreadable) }
}

/// Requires an object with at least one of the operation's members, or, where it has none, nothing of another operation.
fn require_object(service: &str, operation: &str, body: &[u8]) -> Result<(), NotGenuine> {
    let members = MEMBERS.get(service).and_then(|operations| operations.get(operation));
    let has_members = members.is_some_and(|members| !members.is_empty());
    if body.is_empty() {
        return if has_members { Err(NotGenuine::Empty) } else { Ok(()) };
    }
    let names = names_of(body).ok_or(NotGenuine::Unreadable)?;
    let Some(members) = members else { return Ok(()) };
    let is_other = if has_members {
        !names.iter().any(|name| members.contains(name.as_str()) && !OF_MANY.contains(&name.as_str()))
    } else {
        let mut others = MEMBERS.values().flat_map(HashMap::values);
        others.any(|members| names.iter().any(|name| members.contains(name.as_str())))
    };
    if is_other { Err(NotGenuine::OtherOperation) } else { Ok(()) }
}

/// The names of the members of a JSON object, or `None` for anything else.
fn names_of(body: &[u8]) -> Option<Vec<String>> {
    struct Names;

    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut names = Vec::new();
            while let Some((name, IgnoredAny)) = map.next_entry::<String, _>()? {
                names.push(name);
            }
            Ok(names)
        }
    }

    let mut json = serde_json::Deserializer::from_slice(body);
    let names = json.deserialize_map(Names).ok()?;
    json.end().ok()?;
    Some(names)
}

/// The host of a URL, without user and port.
fn host_of(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.split(':').next().unwrap_or_default()
}

/// Returns an answer with AWS's headers.
#[cfg(test)]
pub(crate) fn of_aws(status: u16, body: &'static str) -> HttpResponse {
    let status = aws_smithy_runtime_api::http::StatusCode::try_from(status).unwrap();
    let mut answer = HttpResponse::new(status, aws_smithy_types::body::SdkBody::from(body));
    let content_type = if body.starts_with('<') { "text/xml" } else { "application/x-amz-json-1.1" };
    answer.headers_mut().insert("content-type", content_type);
    answer.headers_mut().insert("x-amzn-requestid", "1");
    answer
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn answer(
        content_type: Option<&'static str>,
        id: Option<&'static str>,
        body: &'static str,
    ) -> HttpResponse {
        let mut answer = HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body));
        content_type.map(|kind| answer.headers_mut().insert("content-type", kind));
        id.map(|id| answer.headers_mut().insert("x-amzn-requestid", id));
        answer
    }

    fn json(call: &str, body: &'static str) -> Result<(), NotGenuine> {
        let (service, operation) = call.split_once('.').unwrap();
        require_genuine(
            service,
            operation,
            &answer(Some("application/x-amz-json-1.1"), Some("1"), body),
            true,
        )
    }

    fn xml(call: &str, body: &'static str) -> Result<(), NotGenuine> {
        let (service, operation) = call.split_once('.').unwrap();
        require_genuine(service, operation, &answer(Some("text/xml"), Some("1"), body), true)
    }

    #[test]
    fn answers_of_aws_pass() {
        assert_eq!(json("ECS.DescribeServices", r#"{"services":[],"failures":[]}"#), Ok(()));
        assert_eq!(json("ECS.DescribeServices", r#"{"services":[],"added":{"later":1}}"#), Ok(()));
        assert_eq!(json("ECS.TagResource", "{}"), Ok(()));
        assert_eq!(json("ECS.TagResource", r#"{"addedLater":1}"#), Ok(()));
        assert_eq!(json("CloudWatch Logs.DeleteLogGroup", ""), Ok(()));
        assert_eq!(json("ECS.OfTheFuture", "{}"), Ok(()));
        assert_eq!(xml("IAM.DeleteRole", "<DeleteRoleResponse xmlns=\"x\">…</DeleteRoleResponse>\n"), Ok(()));
        assert_eq!(
            xml("EC2.DescribeVpcs", "<?xml version=\"1.0\"?>\n<DescribeVpcsResponse></DescribeVpcsResponse>"),
            Ok(())
        );
    }

    #[test]
    fn answers_of_others_do_not_pass() {
        use NotGenuine::{ContentType, Empty, NoRequestId, OtherOperation, Unreadable};
        assert_eq!(json("ECS.DescribeServices", "{}"), Err(OtherOperation));
        assert_eq!(json("ECS.DescribeServices", r#"{"tasks":[],"failures":[]}"#), Err(OtherOperation));
        assert_eq!(json("ECS.DescribeServices", ""), Err(Empty));
        assert_eq!(json("ECS.TagResource", r#"{"services":[]}"#), Err(OtherOperation));
        assert_eq!(json("CloudWatch Logs.PutRetentionPolicy", r#"{"TagList":[]}"#), Err(OtherOperation));
        for body in ["{", "[]", "<html></html>", "{} {}"] {
            assert_eq!(json("SSM.DeleteParameter", body), Err(Unreadable), "{body}");
        }
        assert_eq!(xml("IAM.DeleteRole", "<ListRolesResponse></ListRolesResponse>"), Err(OtherOperation));
        assert_eq!(xml("IAM.DeleteRole", "<DeleteRoleResponse xmlns=\"x\"><Response"), Err(Unreadable));
        assert_eq!(xml("IAM.DeleteRole", "<html></html>"), Err(Unreadable));
        assert_eq!(xml("IAM.DeleteRole", ""), Err(Empty));

        let of = |content_type, id, body, is_aws| {
            require_genuine("SSM", "DeleteParameter", &answer(content_type, id, body), is_aws)
        };
        assert_eq!(of(None, None, "", true), Err(NoRequestId));
        assert_eq!(of(None, Some("1"), "", true), Ok(()));
        assert_eq!(of(None, Some("1"), "{}", true), Err(ContentType));
        assert_eq!(of(Some("text/html"), Some("1"), "{}", true), Err(ContentType));
        // As moto's server answers.
        assert_eq!(of(Some("text/html; charset=utf-8"), None, "{}", false), Ok(()));
        assert_eq!(of(Some("text/html; charset=utf-8"), None, "<html></html>", false), Err(Unreadable));
    }

    #[test]
    fn hosts_are_found_in_urls() {
        for url in
            ["https://ecs.eu-central-1.amazonaws.com", "https://u:p@ecs.eu-central-1.amazonaws.com:443/?x"]
        {
            assert_eq!(host_of(url), "ecs.eu-central-1.amazonaws.com");
        }
        assert!(Partition::has_endpoint("ecs.eu-central-1.amazonaws.com"));
        assert!(Partition::has_endpoint("ecs.cn-north-1.amazonaws.com.cn"));
        for host in ["localhost", "127.0.0.1", "amazonaws.com.example.org", "notamazonaws.com"] {
            assert!(!Partition::has_endpoint(host), "{host}");
        }
    }
}
