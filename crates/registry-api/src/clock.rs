//! The time of day, as a seam.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::{Timestamp, civil::Date, fmt::strtime, tz::TimeZone};

/// Tells the time, in seconds since the Unix epoch. A host lends another one than the system's as an
/// [extension](longshore_plugin::Extensions), for example in a test: by it the expiry of new tokens is computed.
///
/// This is not tokio's clock, which has no date and which simulations let run ahead: vendors live in real time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// A clock that says what `now` does.
    pub fn new(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time, in seconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> u64 {
        (self.0)()
    }

    /// The time `days` from now, in seconds since the Unix epoch.
    #[must_use]
    pub fn in_days(&self, days: u32) -> u64 {
        self.now() + u64::from(days) * 24 * 60 * 60
    }
}

impl Default for Clock {
    /// The system's clock.
    fn default() -> Self {
        Self::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Seconds since the Unix epoch as APIs want them: `2026-11-23T07:00:00Z` (RFC 3339).
#[must_use]
pub fn rfc3339(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Reads a point in time as APIs write it, in seconds since the Unix epoch: RFC 3339, a date (which begins at midnight
/// UTC), or as in GitHub's headers, `2026-11-23 07:00:00 UTC` and `2026-11-23 07:00:00 +0100`.
#[must_use]
pub fn read_time(text: &str) -> Option<u64> {
    let text = text.trim();
    let spaced = || {
        let text = text.strip_suffix("UTC").map_or(text.to_owned(), |text| format!("{text}+0000"));
        strtime::parse("%Y-%m-%d %H:%M:%S %z", text).ok()?.to_timestamp().ok()
    };
    // A date is a prefix of the others and must not be taken for one.
    let date = || match text.len() {
        10 => Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()),
        _ => None,
    };
    let time = text.parse::<Timestamp>().ok().or_else(spaced).or_else(date)?;
    u64::try_from(time.as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_points_in_time() {
        assert_eq!(rfc3339(1_795_417_200), "2026-11-23T07:00:00Z");
        for text in [
            "2026-11-23T07:00:00Z",
            "2026-11-23T07:00:00.123Z",
            "2026-11-23T08:00:00+01:00",
            "2026-11-23 07:00:00 UTC",
            "2026-11-23 08:00:00 +0100",
        ] {
            assert_eq!(read_time(text), Some(1_795_417_200), "{text}");
        }
        assert_eq!(read_time("2026-11-23"), Some(1_795_417_200 - 7 * 3600));
        for text in ["", "never", "2026-13-01", "23.11.2026", "1969-12-31"] {
            assert_eq!(read_time(text), None, "{text}");
        }
    }

    #[test]
    fn expiry_counts_from_the_clock() {
        assert_eq!(rfc3339(Clock::new(|| 1_795_417_200).in_days(90)), "2027-02-21T07:00:00Z");
        assert!(Clock::default().now() > 1_700_000_000);
    }
}
