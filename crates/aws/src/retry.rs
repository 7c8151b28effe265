//! The conditions and pauses for another attempt.

use std::time::Duration;

use aws_smithy_runtime_api::client::{
    interceptors::context::Error,
    orchestrator::{HttpResponse, OrchestratorError},
};
use longshore_model::FailureKind;

use crate::{classify, untyped::error_code};

/// The kind of refusal that an attempt met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryClass {
    /// AWS takes no more calls of this class for now. The same call goes through later.
    Throttled,
    /// Something was out of order on the way or at AWS, or no answer came. It may pass.
    Transient,
    /// Another caller changes the same thing. A caller that goes on has to look again first: see [`wait`](crate::wait).
    Conflict,
    /// Trying again gives the same answer.
    Final,
}

impl RetryClass {
    /// Returns the class of AWS's error code. A refusal because of a change that has not propagated yet has none of its own:
    /// see [`wait`](crate::wait).
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        match classify(code) {
            FailureKind::Throttled => Self::Throttled,
            FailureKind::Unavailable => Self::Transient,
            FailureKind::Conflict => Self::Conflict,
            _ if code.starts_with("RequestTimeout") => Self::Transient,
            _ => Self::Final,
        }
    }

    /// The class of an attempt that failed.
    pub(crate) fn of_attempt(error: &OrchestratorError<Error>, response: Option<&HttpResponse>) -> Self {
        if error.is_timeout_error() || error.is_response_error() {
            return Self::Transient;
        }
        if let Some(connector) = error.as_connector_error() {
            let passes = connector.is_timeout() || connector.is_io() || connector.as_other().is_some();
            return if passes { Self::Transient } else { Self::Final };
        }
        let Some(response) = response else { return Self::Final };
        // A success that cannot be read is no answer of AWS: see `genuine`.
        if response.status().is_success() {
            return Self::Transient;
        }
        let status = response.status().as_u16();
        if status == NOT_IMPLEMENTED {
            return Self::Final;
        }
        let of_status = match status {
            429 => Self::Throttled,
            500 | 502..=504 => Self::Transient,
            _ => Self::Final,
        };
        match code_of(response).map(|code| Self::of_code(&code)) {
            Some(Self::Throttled) => Self::Throttled,
            Some(Self::Transient) => Self::Transient,
            _ => of_status,
        }
    }
}

/// An emulator's answer to what it does not know, with whatever code.
const NOT_IMPLEMENTED: u16 = 501;

/// AWS's error code in an answer, in JSON or in XML.
fn code_of(response: &HttpResponse) -> Option<String> {
    let body = response.body().bytes()?;
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) {
        return error_code(&json).map(str::to_owned);
    }
    let text = std::str::from_utf8(body).ok()?;
    let (_, code) = text.split_once("<Code>")?;
    Some(code.split_once("</Code>")?.0.to_owned())
}

/// The longest pause before the next attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// The pause before the next attempt after the one that failed as the `failed`th, counted from one: it doubles from
/// `first` on, with `jitter` from 0 to 1 that takes up to half of it away.
pub(crate) fn pause(first: Duration, failed: u32, jitter: f64) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1)));
    doubled.min(LONGEST_PAUSE).mul_f64(1.0 - 0.5 * jitter)
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn answer(status: u16, body: &'static str) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
    }

    #[test]
    fn codes_are_found_in_every_protocol() {
        for (body, code) in [
            (
                r#"{"__type":"com.amazonaws.ecs#ThrottlingException","message":"x"}"#,
                Some("ThrottlingException"),
            ),
            (r#"{"code":"AccessDenied"}"#, Some("AccessDenied")),
            (
                "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code></Error></ErrorResponse>",
                Some("Throttling"),
            ),
            (
                "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>",
                Some("RequestLimitExceeded"),
            ),
            ("<html>Bad gateway</html>", None),
            ("", None),
        ] {
            assert_eq!(code_of(&answer(400, body)).as_deref(), code, "{body}");
        }
    }

    #[test]
    fn an_attempt_is_classified_by_its_code_and_else_by_its_status() {
        let of = |status, body| {
            RetryClass::of_attempt(
                &OrchestratorError::operation(Error::erase(std::fmt::Error)),
                Some(&answer(status, body)),
            )
        };
        for code in [
            "PriorRequestNotComplete",
            "SlowDown",
            "TooManyRequestsException",
            "RequestThrottled",
            "Throttling",
        ] {
            let body = format!("<Error><Code>{code}</Code></Error>");
            assert_eq!(of(400, body.leak()), RetryClass::Throttled, "{code}");
        }
        assert_eq!(of(429, "slow down"), RetryClass::Throttled);
        assert_eq!(of(503, "<Error><Code>SlowDown</Code></Error>"), RetryClass::Throttled);
        assert_eq!(of(500, ""), RetryClass::Transient);
        assert_eq!(of(200, "<html></html>"), RetryClass::Transient);
        assert_eq!(of(400, r#"{"__type":"ServerException"}"#), RetryClass::Transient);
        assert_eq!(of(501, ""), RetryClass::Final);
        assert_eq!(of(501, r#"{"__type":"InternalFailure"}"#), RetryClass::Final);
        assert_eq!(of(400, r#"{"__type":"LimitExceededException"}"#), RetryClass::Final);
        assert_eq!(of(409, r#"{"__type":"ConflictException"}"#), RetryClass::Final);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let first = Duration::from_secs(1);
        let pauses: Vec<_> = (1..8).map(|failed| pause(first, failed, 0.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 20, 20]);
        assert_eq!(pause(first, 40, 1.0), Duration::from_secs(10));
    }
}
