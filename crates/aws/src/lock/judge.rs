//! Decides if the lease of an epoch has run out.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{Epoch, Timing};

/// A challenger's verdict on the highest epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its holder has given it back.
    Released,
    /// Its holder has not been heard of for a whole lease and more.
    Expired,
    /// A run holds it, at least until then unless it is given back.
    Held(Instant),
}

/// When a challenger looked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// When it asked.
    pub(super) asked: Instant,
    /// The same by the clock on its wall.
    pub(super) wall: SystemTime,
    /// When the answer was there.
    pub(super) answered: Instant,
}

/// A challenger's observations of a lock so far.
///
/// True if a lease has run out, it measures on its own monotonic clock: from an answer that showed a version to a question
/// that still found this version, the holder has written nothing. AWS's clocks tell it sooner: the one that dated the
/// version, and the one that dated the answer, as far as what lies between them is more than their skew explains. If an
/// answer has no date, the clock on this machine's wall stands in, with a skew of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    seen: Option<Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    number: u64,
    version: u64,
    since: Instant,
}

impl Watch {
    pub(super) fn judge(&mut self, top: &Epoch, look: &Look, timing: &Timing) -> Verdict {
        if top.record.released {
            return Verdict::Released;
        }
        let lease = top.record.lease;
        let (age, skew) = match top.age {
            Some(age) => (age, timing.hosts),
            None => (look.wall.duration_since(top.modified).unwrap_or(Duration::ZERO), timing.skew),
        };
        let dated = look.answered + lease.saturating_add(skew).saturating_sub(age);
        if dated == look.answered {
            return Verdict::Expired;
        }
        let same = |seen: &Seen| (seen.number, seen.version) == (top.number, top.version);
        let Some(seen) = self.seen.filter(same) else {
            self.seen = Some(Seen { number: top.number, version: top.version, since: look.answered });
            return Verdict::Held(dated.min(look.answered + lease));
        };
        if look.asked.saturating_duration_since(seen.since) >= lease {
            Verdict::Expired
        } else {
            Verdict::Held(dated.min(seen.since + lease))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::UNIX_EPOCH};

    use super::*;
    use crate::lock::Record;

    const TIMING: Timing = Timing::AWS;

    fn epoch(version: u64, modified: u64, released: bool) -> Epoch {
        let record = Record { holder: None, run: "r".into(), lease: TIMING.lease, released };
        Epoch {
            number: 7,
            version,
            modified: UNIX_EPOCH + Duration::from_secs(modified),
            age: None,
            record: Arc::new(record),
        }
    }

    fn dated(age: u64) -> Epoch {
        Epoch { age: Some(Duration::from_secs(age)), ..epoch(1, 1_000, false) }
    }

    /// A look that took two seconds, at seconds of a clock on the wall.
    fn look(start: Instant, at: u64, wall: u64) -> Look {
        let asked = start + Duration::from_secs(at);
        let wall = UNIX_EPOCH + Duration::from_secs(wall);
        Look { asked, wall, answered: asked + Duration::from_secs(2) }
    }

    #[test]
    fn a_lease_is_counted_from_an_answer_to_a_question() {
        let start = Instant::now();
        let mut watch = Watch::default();
        let until = start + Duration::from_secs(62);
        for (at, verdict) in [(0, Verdict::Held(until)), (61, Verdict::Held(until)), (62, Verdict::Expired)] {
            assert_eq!(watch.judge(&epoch(1, 1_000, false), &look(start, at, 1_000), &TIMING), verdict);
        }
    }

    #[test]
    fn whoever_is_heard_of_has_another_lease() {
        let start = Instant::now();
        let mut watch = Watch::default();
        watch.judge(&epoch(1, 1_000, false), &look(start, 0, 1_000), &TIMING);
        let renewed = watch.judge(&epoch(2, 1_000, false), &look(start, 62, 1_000), &TIMING);
        assert_eq!(renewed, Verdict::Held(start + Duration::from_secs(124)));
        assert_eq!(watch.judge(&epoch(3, 1_000, true), &look(start, 63, 1_000), &TIMING), Verdict::Released);
    }

    #[test]
    fn what_aws_dates_counts_beyond_the_skew_of_its_clocks_and_the_wall_then_does_not() {
        let start = Instant::now();
        let judge = |age| Watch::default().judge(&dated(age), &look(start, 0, 9_000), &TIMING);
        let until = |seconds: u64| Verdict::Held(start + Duration::from_secs(2 + seconds));
        assert_eq!([judge(0), judge(30), judge(69)], [until(60), until(40), until(1)]);
        assert_eq!(judge(70), Verdict::Expired);
    }

    #[test]
    fn the_walls_clock_counts_only_beyond_any_skew() {
        let start = Instant::now();
        let judge = |wall| Watch::default().judge(&epoch(1, 1_000, false), &look(start, 0, wall), &TIMING);
        assert!(matches!(judge(1_359), Verdict::Held(_)));
        assert_eq!(judge(1_360), Verdict::Expired);
        assert!(matches!(judge(10), Verdict::Held(_)), "a clock that is behind");
    }
}
