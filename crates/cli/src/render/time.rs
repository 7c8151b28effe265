//! Times as people read them.

/// A duration in milliseconds: `0.4s`, `34.0s`, `2m 05s`, `1h 02m`.
pub(crate) fn duration(milliseconds: u64) -> String {
    let tenths = milliseconds.saturating_add(50) / 100;
    let seconds = tenths / 10;
    match seconds {
        0..60 => format!("{seconds}.{}s", tenths % 10),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Shortens a moment in RFC 3339 to seconds of UTC. Any other text stays as it is.
pub(crate) fn moment(text: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => text.to_owned(),
    }
}

/// Returns the seconds from a moment in RFC 3339 to `now`, which is in milliseconds since the Unix epoch. Returns
/// `None` if `text` is no such moment.
pub(crate) fn since(text: &str, now: u64) -> Option<u64> {
    let at = text.parse::<jiff::Timestamp>().ok()?;
    Some((now / 1000).saturating_sub(u64::try_from(at.as_second()).ok()?))
}

/// A time in seconds, roughly: `3d`, `5h`, `12m`, `40s`.
pub(crate) fn rough(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_exact_as_anybody_wants_them() {
        let shown: Vec<_> =
            [0, 49, 50, 440, 34_000, 59_949, 59_950, 125_000, 3_599_000, 3_720_000].map(duration).into();
        assert_eq!(
            shown,
            ["0.0s", "0.0s", "0.1s", "0.4s", "34.0s", "59.9s", "1m 00s", "2m 05s", "59m 59s", "1h 02m"]
        );
    }

    #[test]
    fn rough_times_have_one_unit() {
        let shown: Vec<_> = [0, 59, 60, 3_599, 86_400, 172_799, 172_800, 8_640_000].map(rough).into();
        assert_eq!(shown, ["0s", "59s", "1m", "59m", "24h", "47h", "2d", "100d"]);
    }

    #[test]
    fn moments_are_in_utc() {
        assert_eq!(moment("2026-11-23T06:27:01.532Z"), "2026-11-23 06:27:01 UTC");
        assert_eq!(moment("2026-11-23T07:27:01+01:00"), "2026-11-23 06:27:01 UTC");
        assert_eq!(moment("soon"), "soon");
    }
}
