//! From the SDK's errors to failures that people can act on.

use std::{error::Error, fmt::Display};

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use longshore_model::{Failure, FailureKind};
use longshore_net::{Trust, Words, is_code};

use crate::{
    credentials::{NoCredentials, Profile},
    fenced::Refused,
    genuine::{Confidential, NotGenuine, OfEndpoint},
    pace::Interrupted,
    transport::NoAnswer,
};

/// AWS's code of an error, such as `AccessDeniedException`; nothing when no answer came that has one.
#[must_use]
pub fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code).filter(|code| !code.is_empty())
}

/// Returns true if the endpoint does not have the call: it says so by a code, as AWS does in some partitions, or it is a
/// configured one that breaks (moto answers `iam:SimulatePrincipalPolicy` with a page of HTTP 500).
pub fn is_unsupported<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let unknown = [
        "InvalidAction",
        "NotImplemented",
        "NotImplementedException",
        "UnknownOperation",
        "UnknownOperationException",
        "UnsupportedOperation",
        "UnsupportedOperationException",
    ];
    let status = error.raw_response().map(|response| response.status().as_u16());
    match code(error) {
        Some(code) => unknown.contains(&code) || status == Some(501),
        None => is_page(error, &[500, 501]),
    }
}

/// Returns true if the answer is an error page of a configured endpoint instead of AWS's own words: so do emulators answer
/// calls that they do not know.
pub fn is_blank<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    code(error).is_none() && is_page(error, &[404, 405, 500])
}

/// Returns true if a configured endpoint has answered with one of `statuses`. From AWS's own endpoints, an answer without a
/// code is a proxy's page, which tells nothing of the call.
fn is_page<E>(error: &SdkError<E, HttpResponse>, statuses: &[u16]) -> bool {
    let Some(response) = error.raw_response().filter(|it| it.extension::<OfEndpoint>().is_some()) else {
        return false;
    };
    let status = response.status().as_u16();
    let is_tolerated = statuses.contains(&status);
    if is_tolerated {
        tracing::info!(
            status,
            "the configured endpoint does not have this call: Longshore goes on without it"
        );
    }
    is_tolerated
}

/// Returns the kind of failure of an AWS error code.
#[must_use]
pub fn classify(code: &str) -> FailureKind {
    // Some services put `Exception` behind the code, some do not; EC2 puts a detail behind a dot.
    let code = code.strip_suffix("Exception").unwrap_or(code);
    let has = |parts: &[&str]| parts.iter().any(|part| code.contains(part));
    if has(&["Throttl", "TooManyRequests", "RequestLimitExceeded", "PriorRequestNotComplete", "SlowDown"]) {
        FailureKind::Throttled
    } else if has(&[
        "AccessDenied",
        "Unauthorized",
        "NotAuthorized",
        "AuthFailure",
        "ExpiredToken",
        "InvalidClientTokenId",
        "UnrecognizedClient",
        "Signature",
        "MissingAuthenticationToken",
        "OptInRequired",
        "RequestExpired",
        "DecryptionFailure",
        "EncryptionFailure",
    ]) {
        FailureKind::Denied
    } else if has(&["NotFound", "NoSuchEntity"]) {
        FailureKind::NotFound
    } else if has(&[
        "AlreadyExists",
        "ResourceExists",
        "Conflict",
        "ConcurrentModification",
        "ConcurrentUpdate",
        "UpdateInProgress",
        "ResourceInUse",
        "OperationAborted",
        "TemporarilyUnmodifiable",
    ]) {
        FailureKind::Conflict
    } else if has(&[
        "InternalFailure",
        "InternalServ",
        "InternalError",
        "ServiceUnavailable",
        "ServiceFailure",
    ]) || code == "Unavailable"
        || code == "Server"
    {
        FailureKind::Unavailable
    } else {
        FailureKind::Invalid
    }
}

/// The failure that an error of the SDK is: in AWS's own words, with the call and what to do. `at` is the IAM action and
/// the resource: `secretsmanager:CreateSecret longshore/shop/ghcr/pull`. A message that repeats a part of a secret in the
/// request is withheld.
pub fn failure<E>(error: &SdkError<E, HttpResponse>, at: impl Display) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(NoCredentials(known @ Failure { at: Some(_), .. })) = find(error) {
        return known.clone();
    }
    let at = at.to_string();
    match error {
        SdkError::ServiceError(context) => of_service(context.err(), context.raw(), &at),
        SdkError::ResponseError(context) => {
            let why = find::<NotGenuine>(error);
            foreign(context.raw(), why.unwrap_or(&NotGenuine::Unreadable))
        }
        _ => of_dispatch(error),
    }
    .at(at)
}

/// The hint if an emulator does not have a call.
const ELSEWHERE: &str = "the endpoint does not have this call; a variable such as AWS_ENDPOINT_URL_ECS leads the calls to one service elsewhere";

fn of_service<E: ProvideErrorMetadata>(error: &E, response: &HttpResponse, at: &str) -> Failure {
    let status = response.status().as_u16();
    let words = response.extension::<Confidential>().map(|sent| sent.0.clone()).unwrap_or_default();
    let is_harmless = |code: &&str| is_code(code) && words.quote_unless_secret(code, code.len()).is_some();
    let Some(code) = error.code().filter(is_harmless) else {
        return foreign(response, &NotGenuine::Unreadable);
    };
    let kind = match classify(code) {
        FailureKind::Invalid if status >= 500 => FailureKind::Unavailable,
        kind => kind,
    };
    let message = message(error.message().unwrap_or_default(), code, &words);
    let failure = Failure::new(kind, message);
    if status == 501 {
        return failure.help(ELSEWHERE);
    }
    match help(code, kind, at) {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// The maximum length of AWS's message.
const MESSAGE: usize = 2000;

/// AWS's message with its code.
fn message(message: &str, code: &str, words: &Words) -> String {
    // After an empty line, the refusal of a signature repeats the request with its headers.
    let message = message.trim().split("\n\n").next().unwrap_or_default();
    match words.quote_unless_secret(message, MESSAGE) {
        Some(message) if message.is_empty() => code.to_owned(),
        Some(message) => format!("{message} ({code})"),
        None => format!("AWS's message is withheld, because it repeats a part of the secret ({code})"),
    }
}

/// The failure of an answer that has no error code of AWS: a proxy's page, or an emulator that broke.
fn foreign(response: &HttpResponse, why: &NotGenuine) -> Failure {
    let status = response.status().as_u16();
    let mut message = format!("HTTP {status} with an answer that is not one of AWS");
    if response.status().is_success() {
        message = format!("{message}: {why}");
    }
    Failure::new(FailureKind::Unavailable, message).help(
        "check that no proxy answers in AWS's place and, where one is set, the endpoint (AWS_ENDPOINT_URL)",
    )
}

/// Returns the hint for an error code.
fn help(code: &str, kind: FailureKind, at: &str) -> Option<String> {
    let action = at.split_whitespace().next().unwrap_or(at);
    let has = |part: &str| code.contains(part);
    if has("Expired") {
        Some("the session has ended: log in again (`aws sso login`) or renew the credentials".to_owned())
    } else if has("InvalidClientTokenId") || has("UnrecognizedClient") || has("Signature") {
        Some("the access key, the secret key or the session token is wrong for this endpoint".to_owned())
    } else if has("cryptionFailure") {
        Some("check that the KMS key exists, is enabled, and that the caller may use it".to_owned())
    } else if kind == FailureKind::Denied {
        Some(format!("allow `{action}` to the caller (`aws sts get-caller-identity` shows who that is)"))
    } else if kind == FailureKind::Throttled {
        Some("AWS's rate limit was hit in every attempt: run again later; what is done stays done".to_owned())
    } else if has("LimitExceeded") || has("QuotaExceeded") {
        Some("a quota of the account is used up: remove what is not needed or ask AWS for more".to_owned())
    } else {
        None
    }
}

/// The failure of a call that was not answered.
fn of_dispatch(error: &(dyn Error + 'static)) -> Failure {
    if let Some(interrupted) = find::<Interrupted>(error) {
        return Failure::new(FailureKind::Interrupted, interrupted.to_string());
    }
    if let Some(Refused(failure)) = find::<Refused>(error) {
        return failure.clone();
    }
    if let Some(NoCredentials(failure)) = find(error) {
        return failure.clone();
    }
    if let Some(credentials) = find::<CredentialsError>(error) {
        return of_credentials(credentials, None);
    }
    if let Some(no_answer) = find::<NoAnswer>(error) {
        let help = if !no_answer.is_distrust() {
            "check the network, the region and, where one is set, the endpoint (AWS_ENDPOINT_URL)"
        } else if !Trust::of_system().is_empty() {
            "where a proxy opens the connection, name a file with its authority's certificate in AWS_CA_BUNDLE, or as \
             `ca_bundle` of the AWS profile; it replaces the system's certificates for calls to AWS"
        } else {
            "this machine trusts no authority: install their certificates (Debian: ca-certificates), or name a file of \
             them in AWS_CA_BUNDLE or SSL_CERT_FILE"
        };
        return Failure::new(FailureKind::Unavailable, chain(no_answer)).help(help);
    }
    let kind = match error.to_string().as_str() {
        "request has timed out" => FailureKind::Unavailable,
        _ => FailureKind::Invalid,
    };
    // The outermost error only says which part of the SDK failed.
    Failure::new(kind, error.source().map_or_else(|| error.to_string(), chain))
}

/// Returns the failure of credentials that could not be loaded, those of `profile` where one is used.
pub(crate) fn of_credentials(error: &CredentialsError, profile: Option<&Profile>) -> Failure {
    let name = profile.map(|profile| profile.name.as_str());
    let of = name.map_or_else(String::new, |name| format!(" of the profile `{name}`"));
    let (message, help) = match (error, name) {
        (CredentialsError::CredentialsNotLoaded(_), None) => (
            "no AWS credentials were found".to_owned(),
            "set AWS_PROFILE or `aws.profile` to a configured profile (`aws configure sso`, `aws sso login`), or set \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (CredentialsError::CredentialsNotLoaded(_), Some(name)) => (
            format!("the AWS profile `{name}` has no credentials: {}", chain(error)),
            "complete the profile (`aws configure sso`, `aws configure`), or name another one",
        ),
        (CredentialsError::ProviderTimedOut(_), _) => (
            format!("the source of the AWS credentials{of} did not answer: {}", chain(error)),
            "check the network, or the `credential_process` of the AWS profile",
        ),
        _ => (
            format!("the AWS credentials{of} could not be loaded: {}", chain(error)),
            "check the AWS profile, or log in again (`aws sso login`)",
        ),
    };
    let help = match profile {
        Some(Profile { name, is_sso: true, .. }) => format!("log in: `aws sso login --profile {name}`"),
        _ => help.to_owned(),
    };
    Failure::new(FailureKind::Denied, message).help(help)
}

/// The error of type `T` in the chain of `error`'s causes.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The error and its causes in one line, without what is said twice.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let message = error.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
    use aws_smithy_runtime_api::{client::result::ConnectorError, http::StatusCode};
    use aws_smithy_types::{body::SdkBody, error::ErrorMetadata};

    use super::*;

    const AT: &str = "secretsmanager:CreateSecret longshore/shop/ghcr/pull";

    fn answered(status: u16, code: &str, message: &str) -> SdkError<CreateSecretError, HttpResponse> {
        let metadata = ErrorMetadata::builder().code(code).message(message).build();
        let response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        SdkError::service_error(CreateSecretError::generic(metadata), response)
    }

    #[test]
    fn every_kind_of_code_is_known() {
        use FailureKind::{Conflict, Denied, Invalid, NotFound, Throttled, Unavailable};
        for (code, kind) in [
            ("ThrottlingException", Throttled),
            ("Throttling", Throttled),
            ("TooManyRequestsException", Throttled),
            ("RequestLimitExceeded", Throttled),
            ("AccessDenied", Denied),
            ("AccessDeniedException", Denied),
            ("UnauthorizedOperation", Denied),
            ("ExpiredTokenException", Denied),
            ("InvalidClientTokenId", Denied),
            ("SignatureDoesNotMatch", Denied),
            ("NoSuchEntity", NotFound),
            ("ResourceNotFoundException", NotFound),
            ("ServiceNotFoundException", NotFound),
            ("InvalidSubnetID.NotFound", NotFound),
            ("EntityAlreadyExists", Conflict),
            ("ResourceExistsException", Conflict),
            ("DeleteConflict", Conflict),
            ("InternalServiceError", Unavailable),
            ("ServiceUnavailableException", Unavailable),
            ("ServerException", Unavailable),
            ("InvalidParameterException", Invalid),
            ("MalformedPolicyDocument", Invalid),
            ("LimitExceeded", Invalid),
            ("PlatformUnknownException", Invalid),
        ] {
            assert_eq!(classify(code), kind, "{code}");
        }
    }

    #[test]
    fn a_failure_has_the_words_of_aws_the_call_and_what_to_do() {
        let errors = [
            answered(
                400,
                "AccessDeniedException",
                "User: arn:aws:iam::1:user/ci is not authorized to perform: …",
            ),
            answered(400, "ExpiredTokenException", "The security token included in the request is expired"),
            answered(400, "ThrottlingException", "Rate exceeded"),
            answered(400, "InvalidRequestException", "You can't create this secret because …"),
            answered(501, "InternalFailure", "The API for service ecs is not included in your plan."),
            answered(502, "", ""),
        ];
        let lines: Vec<_> = errors.iter().map(|error| failure(error, AT).to_string()).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn message_that_repeats_the_request_is_withheld() {
        let refused = |message: &str, secret: &str| {
            let mut words = Words::default();
            words.hide(secret);
            let metadata = ErrorMetadata::builder().code("ValidationException").message(message).build();
            let mut response = HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::empty());
            response.add_extension(Confidential(words));
            let error = SdkError::service_error(CreateSecretError::generic(metadata), response);
            failure(&error, AT).message
        };
        let value = r#"{"username":"acme","password":"ghp_\"hunter2\\x"}"#;
        let withheld =
            "AWS's message is withheld, because it repeats a part of the secret (ValidationException)";
        assert_eq!(refused(&format!("bad value {value}"), value), withheld);
        assert_eq!(refused("bad value Z2hwXyJodW50ZXIyXHg=", value), withheld);
        assert_eq!(refused("acme is no name", value), "acme is no name (ValidationException)");
        assert_eq!(
            refused("The signature is wrong.\n\n'POST\n/", value),
            "The signature is wrong. (ValidationException)"
        );
    }

    #[test]
    fn other_codes_are_no_answer_of_aws() {
        let failure = failure(&answered(400, "no code, but a text", "x"), AT);
        assert!(failure.message.starts_with("HTTP 400"), "{failure}");
    }

    #[test]
    fn a_call_without_an_answer_names_the_endpoint_or_the_credentials() {
        type E = SdkError<CreateSecretError, HttpResponse>;
        let credentials = E::dispatch_failure(ConnectorError::other(
            CredentialsError::not_loaded("no providers in chain provided credentials").into(),
            None,
        ));
        let expired = E::dispatch_failure(ConnectorError::other(
            CredentialsError::provider_error("the SSO session has expired").into(),
            None,
        ));
        let lines = [failure(&credentials, AT).to_string(), failure(&expired, AT).to_string()];
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn an_unknown_call_is_recognised() {
        assert!(is_unsupported(&answered(400, "InvalidAction", "")));
        assert!(is_unsupported(&answered(501, "InternalFailure", "")));
        assert!(!is_unsupported(&answered(403, "AccessDenied", "")));
    }

    #[test]
    fn error_pages_count_from_configured_endpoints_alone() {
        let page = |status: u16, is_of_endpoint: bool| {
            let mut answer = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
            if is_of_endpoint {
                answer.add_extension(OfEndpoint);
            }
            let error = CreateSecretError::generic(ErrorMetadata::builder().build());
            SdkError::service_error(error, answer)
        };
        for (status, unsupported, blank) in
            [(500, true, true), (501, true, false), (404, false, true), (502, false, false)]
        {
            let (of_proxy, of_endpoint) = (page(status, false), page(status, true));
            assert!(!is_unsupported(&of_proxy) && !is_blank(&of_proxy), "{status}");
            assert_eq!((is_unsupported(&of_endpoint), is_blank(&of_endpoint)), (unsupported, blank));
        }
    }
}
