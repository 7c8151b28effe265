//! One token bucket.

use super::Rate;
use crate::Moment;

/// What a call takes, in the millionths of a token that a bucket counts in.
const CALL: u64 = 1_000_000;

/// A bucket as a caller finds it beside another one who takes a share of everything, all the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    tokens: u64,
    most: u64,
    per_ms: u64,
    at: Moment,
}

impl Bucket {
    /// A full bucket. `left_percent` is what the others leave of it; one call at a time can always be made.
    pub(super) fn full(rate: Rate, left_percent: u32, now: Moment) -> Self {
        let left = u64::from(left_percent);
        let most = (u64::from(rate.burst) * CALL * left / 100).max(CALL);
        Self { tokens: most, most, per_ms: u64::from(rate.per_second) * CALL * left / 100 / 1000, at: now }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Moment) -> bool {
        let elapsed = now.0.saturating_sub(self.at.0);
        self.tokens = self.tokens.saturating_add(elapsed.saturating_mul(self.per_ms)).min(self.most);
        self.at = self.at.max(now);
        let enough = self.tokens >= CALL;
        if enough {
            self.tokens -= CALL;
        }
        enough
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
