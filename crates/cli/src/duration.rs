//! Times as flags take them.

use std::time::Duration;

/// The units, in seconds.
const UNITS: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('w', 604_800)];

/// Reads a time such as `0`, `90s`, `10m`, `12h`, `14d` or `2w`.
///
/// # Errors
/// If the text is not a time, with examples of right ones.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let read = || {
        let (_, seconds) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
        let number: u64 = text.get(..text.len() - 1)?.parse().ok()?;
        number.checked_mul(seconds).map(Duration::from_secs)
    };
    read().ok_or_else(|| "must be a whole number and a unit: 90s, 10m, 12h, 14d or 2w".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_number_and_a_unit() {
        let seconds: Vec<_> =
            ["0", "0s", "90s", "10m", "12h", "14d", "2w"].map(|text| parse(text).unwrap().as_secs()).into();
        assert_eq!(seconds, [0, 0, 90, 600, 43_200, 1_209_600, 1_209_600]);
        for bad in ["", "s", "14", "-1d", "1.5h", "1 d", "14days", "99999999999999999999w", "1ü"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
