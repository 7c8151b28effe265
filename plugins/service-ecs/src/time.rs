//! Times as people read them.

use std::time::Duration;

use aws_sdk_ecs::primitives::{DateTime, DateTimeFormat};

/// A span of time: `45s`, `15m`, `1h 5m`.
pub(crate) fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// A moment in RFC 3339.
pub(crate) fn rfc3339(time: &DateTime) -> Option<String> {
    time.fmt(DateTimeFormat::DateTime).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let spans = [0, 45, 60, 90, 900, 3600, 3900].map(|seconds| spoken(Duration::from_secs(seconds)));
        assert_eq!(spans, ["0s", "45s", "1m", "1m 30s", "15m", "1h", "1h 5m"]);
    }
}
