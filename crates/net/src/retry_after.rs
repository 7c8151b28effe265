//! When to come again.

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};
use jiff::{Timestamp, fmt::rfc2822};

/// Returns the pause that the server asks for (RFC 9110, section 10.2.3): seconds, or a date. A date counts from the
/// response's own, so that no clock is needed and none need be right.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let value = text(header::RETRY_AFTER)?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| -> Option<Timestamp> { Some(rfc2822::parse(text).ok()?.timestamp()) };
    let wait = date(value)?.duration_since(date(text(header::DATE)?)?);
    Some(Duration::try_from(wait).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn wait(retry_after: &'static str, date: &'static str) -> Option<u64> {
        let headers = HeaderMap::from_iter([
            (header::RETRY_AFTER, HeaderValue::from_static(retry_after)),
            (header::DATE, HeaderValue::from_static(date)),
        ]);
        super::retry_after(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn reads_seconds_and_dates() {
        let now = "Mon, 23 Nov 2026 06:49:37 GMT";
        assert_eq!(wait("120", now), Some(120));
        assert_eq!(wait("Mon, 23 Nov 2026 06:50:07 GMT", now), Some(30));
        assert_eq!(wait("Mon, 23 Nov 2026 06:49:07 GMT", now), Some(0), "a date that is over");
        assert_eq!(wait("soon", now), None);
        assert_eq!(wait("Mon, 23 Nov 2026 06:50:07 GMT", "today"), None);
        assert_eq!(wait("-1", now), None);
        assert_eq!(super::retry_after(&HeaderMap::new()), None);
    }
}
