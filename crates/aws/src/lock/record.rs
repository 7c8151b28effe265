//! The content of an epoch, as the text of a parameter.

use std::time::Duration;

use longshore_model::LockHolder;
use serde::{Deserialize, Serialize};

use super::{Record, Timing};

/// The form that this version of Longshore writes.
const VERSION: u32 = 1;

/// The longest lease that is believed. A mistyped number must not lock a stack for a year.
const LONGEST: Duration = Duration::from_secs(3_600);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Text {
    version: u32,
    released: bool,
    lease_seconds: u64,
    run: String,
    holder: Option<LockHolder>,
    /// Makes every write another value.
    #[serde(default)]
    write: u64,
}

/// A record as a parameter's value.
pub(super) fn write(record: &Record, write: u64) -> serde_json::Result<String> {
    let Record { holder, run, lease, released } = record.clone();
    let lease_seconds = lease.as_secs();
    serde_json::to_string(&Text { version: VERSION, released, lease_seconds, run, holder, write })
}

/// A parameter's value as a record. An unreadable value counts as a lease of the usual length.
pub(super) fn read(value: &str) -> Record {
    let read = serde_json::from_str::<Text>(value).ok().filter(|text| text.version == VERSION);
    let Some(text) = read else {
        return Record { holder: None, run: String::new(), lease: Timing::AWS.lease, released: false };
    };
    let lease = Some(Duration::from_secs(text.lease_seconds)).filter(|lease| *lease <= LONGEST);
    Record {
        holder: text.holder,
        run: text.run,
        lease: lease.unwrap_or(Timing::AWS.lease),
        released: text.released,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let holder = LockHolder {
            command: "deploy".into(),
            environment: "production".into(),
            who: "jo@laptop".into(),
            job: None,
            url: None,
            since: "2026-11-23T06:27:01Z".into(),
        };
        let record = Record {
            holder: Some(holder),
            run: "f00d".into(),
            lease: Duration::from_secs(90),
            released: true,
        };
        let text = write(&record, 3).unwrap();
        assert_eq!(read(&text), record);
        assert_ne!(write(&record, 4).unwrap(), text, "each write is another value");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_is_not_understood_is_held_by_somebody() {
        let newer = r#"{"version":2,"released":true,"lease-seconds":60,"run":"x"}"#;
        for text in ["", "-", "{}", newer] {
            let record = read(text);
            assert!(!record.released && record.holder.is_none(), "{text}");
            assert_eq!(record.lease, Timing::AWS.lease);
        }
        let absurd = r#"{"version":1,"released":false,"lease-seconds":99999999,"run":"x"}"#;
        assert_eq!(read(absurd).lease, Timing::AWS.lease);
    }
}
