//! The lock of a stack: who holds it, as people need to know it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A run that holds a stack's lock, or that held it last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The command: `deploy`, `destroy`.
    pub command: String,
    /// The environment.
    pub environment: String,
    /// The user who started it: `user@host`, or the user of the system that runs the job.
    pub who: String,
    /// The job of continuous integration: `GitHub Actions acme/shop, deploy #17`.
    pub job: Option<String>,
    /// The URL of the job's log.
    pub url: Option<String>,
    /// Since when it holds the lock, in RFC 3339, by its own clock.
    pub since: String,
}

/// The state of a stack's lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockState {
    /// The number of the epoch, which grows each time that the lock changes hands.
    pub epoch: u64,
    /// True if a run holds it. A holder that is gone still counts until its lease has run out.
    pub held: bool,
    /// The current or last holder; `None` if this version of Longshore does not understand it.
    pub holder: Option<LockHolder>,
    /// When it was taken, renewed or released last, in RFC 3339, by AWS's clock.
    pub renewed: String,
    /// For how many seconds the holder may go on without renewing it.
    pub lease: u64,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, environment, who, job, url, since } = self;
        write!(f, "{command} ({environment}) by {who}")?;
        if let Some(job) = job {
            write!(f, ", {job}")?;
        }
        if let Some(url) = url {
            write!(f, " ({url})")?;
        }
        write!(f, ", since {since}")
    }
}

impl LockState {
    /// By how many seconds the clocks of AWS's hosts may differ, as far as the lock is concerned.
    pub const CLOCKS_DIFFER: u64 = 10;

    /// Returns the number of seconds after the last renewal from which another run takes the lock over at once.
    #[must_use]
    pub const fn gone_after(&self) -> u64 {
        self.lease.saturating_add(Self::CLOCKS_DIFFER)
    }

    /// Describes the current or last holder in one line.
    #[must_use]
    pub fn who(&self) -> String {
        match &self.holder {
            Some(holder) => holder.to_string(),
            None => {
                format!("a run that this version of Longshore does not understand (epoch {})", self.epoch)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_one_line() {
        let holder = LockHolder {
            command: "deploy".into(),
            environment: "production".into(),
            who: "jo@laptop".into(),
            job: None,
            url: None,
            since: "2026-11-23T06:27:01Z".into(),
        };
        assert_eq!(holder.to_string(), "deploy (production) by jo@laptop, since 2026-11-23T06:27:01Z");
        let job = Some("GitHub Actions acme/shop deploy #17".to_owned());
        let url = Some("https://github.com/acme/shop/actions/runs/42".to_owned());
        let holder = LockHolder { who: "jo".into(), job, url, ..holder };
        assert_eq!(
            holder.to_string(),
            "deploy (production) by jo, GitHub Actions acme/shop deploy #17 \
             (https://github.com/acme/shop/actions/runs/42), since 2026-11-23T06:27:01Z"
        );
    }
}
