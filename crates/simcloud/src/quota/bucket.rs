//! One token bucket.

use std::time::Duration;

use super::Rate;
use crate::Moment;

/// The cost of a call: one token, counted in millionths.
const CALL: i64 = 1_000_000;

/// A bucket as a caller finds it beside another one who takes a share of everything, all the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    /// Below zero while something waits for tokens to come.
    tokens: i64,
    most: i64,
    per_ms: i64,
    at: Moment,
}

impl Bucket {
    /// A full bucket. `left_percent` is what the others leave of it; one call at a time can always be made.
    pub(super) fn full(rate: Rate, left_percent: u32, now: Moment) -> Self {
        let left = i64::from(left_percent);
        let most = (i64::from(rate.burst) * CALL * left / 100).max(CALL);
        Self { tokens: most, most, per_ms: i64::from(rate.per_second) * CALL * left / 100 / 1000, at: now }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Moment) -> bool {
        self.refill(now);
        let enough = self.tokens >= CALL;
        if enough {
            self.tokens -= CALL;
        }
        enough
    }

    /// Takes a token that may have yet to come, and says how long that takes.
    pub(super) fn wait(&mut self, now: Moment) -> Duration {
        self.refill(now);
        self.tokens -= CALL;
        let lacking = u64::try_from(-self.tokens).unwrap_or_default();
        Duration::from_millis(lacking.div_ceil(self.per_ms.max(1).unsigned_abs()))
    }

    fn refill(&mut self, now: Moment) {
        let elapsed = i64::try_from(now.0.saturating_sub(self.at.0)).unwrap_or(i64::MAX);
        self.tokens = self.tokens.saturating_add(elapsed.saturating_mul(self.per_ms)).min(self.most);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut Bucket, at: u64) -> usize {
        (0..1000).take_while(|_| bucket.take(Moment(at))).count()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::full(Rate { burst: 20, per_second: 2 }, 100, Moment(0));
        assert_eq!(taken(&mut bucket, 0), 20);
        assert_eq!(taken(&mut bucket, 499), 0);
        assert_eq!(taken(&mut bucket, 500), 1);
        assert_eq!(taken(&mut bucket, 3_000), 5);
        // It holds no more than the burst.
        assert_eq!(taken(&mut bucket, 1_000_000), 20);
    }

    #[test]
    fn what_waits_is_served_in_turn() {
        let mut bucket = Bucket::full(Rate { burst: 2, per_second: 4 }, 100, Moment(0));
        let waits = [0, 0, 0, 0, 100].map(|at| bucket.wait(Moment(at)).as_millis());
        assert_eq!(waits, [0, 0, 250, 500, 650]);
        assert!(!bucket.take(Moment(750)));
        assert_eq!(bucket.wait(Moment(10_000)).as_millis(), 0);
    }

    #[test]
    fn others_leave_a_share_and_never_nothing() {
        let rate = Rate { burst: 20, per_second: 1 };
        let mut half = Bucket::full(rate, 50, Moment(0));
        assert_eq!(taken(&mut half, 0), 10);
        assert_eq!([taken(&mut half, 1_999), taken(&mut half, 2_000)], [0, 1]);
        let mut little = Bucket::full(rate, 1, Moment(0));
        assert_eq!(taken(&mut little, 0), 1);
        assert_eq!([taken(&mut little, 99_999), taken(&mut little, 100_000)], [0, 1]);
    }
}
