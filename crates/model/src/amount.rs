//! Amounts with units.

use std::{fmt, str::FromStr, time::Duration};

/// A time of whole seconds: `90s`, `15m`, `1h`, `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Duration);

/// A [`Time`] as errors describe it.
pub(crate) const TIME: &str = "a time such as \"90s\", \"15m\" or \"1h30m\"";

impl FromStr for Time {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let error = || NotATime(text.to_owned());
        let mut seconds = 0_u64;
        let mut rest = text;
        let mut largest = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
            let unit = match rest[digits..].chars().next() {
                Some('h') => 3600,
                Some('m') => 60,
                Some('s') => 1,
                _ => return Err(error()),
            };
            let number: u64 = rest[..digits].parse().map_err(|_| error())?;
            // From the largest unit to the smallest, each once.
            if unit >= largest {
                return Err(error());
            }
            largest = unit;
            seconds =
                number.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(error)?;
            rest = &rest[digits + 1..];
        }
        // A month is more than anybody waits, and far from what a clock can count.
        if (1..=31 * 24 * 3600).contains(&seconds) {
            Ok(Self(Duration::from_secs(seconds)))
        } else {
            Err(error())
        }
    }
}

/// The error of a text that is no [`Time`].
#[derive(Debug)]
pub(crate) struct NotATime(String);

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "found the text \"{}\"", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_units_and_refuses_the_rest() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h", 3600), ("1h30m", 5400), ("1h0m1s", 3601)] {
            assert_eq!(text.parse::<Time>().unwrap().0.as_secs(), seconds, "{text}");
        }
        for bad in [
            "",
            "15",
            "m",
            "0s",
            "15 m",
            "1m1h",
            "1m1m",
            "-1s",
            "1.5h",
            "1d",
            "99999999999999999999s",
            "9999h",
            "1ü",
        ] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }
}
