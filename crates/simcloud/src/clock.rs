//! The simulated cloud's source of time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment of simulated time: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u64", try_from = "u64")]
pub struct Moment(pub u64);

/// The end of the year 9998: later moments have no place in a date, once something is added to them.
const LAST: u64 = 253_370_764_800_000;

impl TryFrom<u64> for Moment {
    type Error = &'static str;

    fn try_from(milliseconds: u64) -> Result<Self, Self::Error> {
        if milliseconds <= LAST { Ok(Self(milliseconds)) } else { Err("a moment beyond the year 9998") }
    }
}

impl From<Moment> for u64 {
    fn from(moment: Moment) -> Self {
        moment.0
    }
}

impl Moment {
    /// Seconds since the epoch with a fraction, as AWS's JSON protocols write timestamps.
    #[must_use]
    pub fn epoch_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// ISO 8601 in UTC with whole seconds, as AWS's query protocols write timestamps.
    #[must_use]
    pub fn iso(self) -> String {
        self.second().to_string()
    }

    /// As the header `Date` has it (RFC 9110).
    #[must_use]
    pub fn http_date(self) -> String {
        self.second().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    fn second(self) -> jiff::Timestamp {
        jiff::Timestamp::from_second((self.0 / 1000) as i64).unwrap_or(jiff::Timestamp::MAX)
    }

    /// Returns the time since `earlier`, or zero if `earlier` lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// The seam through which time reaches the simulated cloud.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The current moment. Never goes backwards.
    fn now(&self) -> Moment;

    /// Returns the factor by which it is faster than real time.
    fn speed(&self) -> u32 {
        1
    }
}

/// Tokio's clock, counted from a given moment: virtual where the runtime's clock is paused, real where not.
#[derive(Debug)]
pub struct TokioClock {
    origin: Moment,
    start: tokio::time::Instant,
    speed: u32,
}

impl TokioClock {
    /// A clock that shows `origin` now. Must be called within a tokio runtime.
    #[must_use]
    pub fn starting_at(origin: Moment) -> Self {
        Self { origin, start: tokio::time::Instant::now(), speed: 1 }
    }

    /// The same clock, running `speed` times as fast: for callers that wait in real time.
    #[must_use]
    pub const fn at_speed(mut self, speed: u32) -> Self {
        self.speed = speed;
        self
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Moment {
        self.origin + self.start.elapsed() * self.speed
    }

    fn speed(&self) -> u32 {
        self.speed
    }
}
