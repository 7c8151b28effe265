//! A token bucket that learns how much of AWS's own is left to us.

use std::time::Duration;

use tokio::time::Instant;

use super::class::Rate;

/// How much earlier one request may arrive than another that was sent before it. Requests bunch on their way, and what
/// was spread when it was sent may be too much when it arrives.
const JITTER: f64 = 0.5;

/// What is left of the rate when AWS throttles and it is not known how much it gives.
const DECREASE: f64 = 0.7;
/// The share of what AWS is known to give that is used then, and how many calls it must have taken so that this is known.
const USED: f64 = 0.97;
const ENOUGH: u32 = 5;
/// With less than this share of the rate, AWS gave little because it was not asked for more.
const ASKED: f64 = 0.3;
/// After how many seconds, or after how many calls if they are sooner, the whole limit is added again: first slowly, in
/// search of the rate at which AWS throttles, then faster and faster, because another user of the limit may have gone.
const PROBES_SECONDS: f64 = 500.0;
const PROBES_CALLS: f64 = 400.0;
/// The least share of the limit that the rate falls to.
const FLOOR: f64 = 0.02;

/// What the latest answer counts in how long one takes, and how much later than usual one may come before those that wait
/// for it go slower than the rate.
const LATEST: f64 = 0.2;
const LATER: f64 = 1.5;
/// How many requests may be under way at a time while AWS surely has more to give.
const FEW: f64 = 4.0;

/// How many times as long as usual a request takes that hangs, and how many seconds at least.
const HANGS: f64 = 10.0;
const HANGS_SECONDS: f64 = 1.0;

/// The shortest and the longest pause of a class after AWS has throttled.
const SHORTEST_HOLD: f64 = 0.5;
const LONGEST_HOLD: f64 = 5.0;

/// A token bucket below AWS's own: each request takes a token. Where AWS throttles nevertheless, because others call it
/// too, the bucket shrinks, and it grows again while AWS does not.
#[derive(Debug)]
pub(super) struct Bucket {
    limit: Rate,
    tokens: f64,
    /// The tokens in AWS's own bucket if other callers use half of its rate.
    half: f64,
    counted: Instant,
    throttled: Option<Throttled>,
    /// Nothing before the first request.
    spell: Option<Spell>,
    /// How long an answer takes, in seconds, on average; nothing before the first.
    latency: Option<f64>,
}

/// The last time that AWS throttled although the bucket had let it through.
#[derive(Clone, Copy, Debug)]
struct Throttled {
    at: Instant,
    /// The rate from then on.
    rate: f64,
    held_until: Instant,
}

/// The time from the first request until AWS throttles, or from then until it does so again. What AWS takes in it is what
/// there is for us: at its end AWS's bucket is empty.
#[derive(Clone, Copy, Debug)]
struct Spell {
    began: Instant,
    /// What AWS's bucket held then.
    stock: f64,
    /// How many calls AWS has taken since.
    accepted: u32,
}

impl Spell {
    /// The share of `limit` that AWS gives us, if it took enough calls to tell.
    fn share(&self, limit: Rate, now: Instant) -> Option<f64> {
        let lasted = now.saturating_duration_since(self.began).as_secs_f64();
        let whole = self.stock + limit.per_second * lasted;
        (self.accepted >= ENOUGH).then(|| f64::from(self.accepted) / whole.max(1.0))
    }
}

impl Bucket {
    pub(super) fn new(limit: Rate, now: Instant) -> Self {
        let half = f64::from(limit.burst) / 2.0;
        let mut bucket =
            Self { limit, tokens: 0.0, half, counted: now, throttled: None, spell: None, latency: None };
        bucket.tokens = bucket.capacity(now);
        bucket
    }

    /// How many requests may be under way at a time: as few as keep the rate, so that the first that AWS throttles is known
    /// before many more are sent, and a few more while AWS has enough for them even if other callers use half of it.
    pub(super) fn window(&self) -> usize {
        let keeps_rate = (self.limit.per_second * self.latency.unwrap_or_default() * LATER).round();
        let spare = if self.throttled.is_none() { self.half.clamp(1.0, FEW) } else { 1.0 };
        keeps_rate.clamp(spare, 64.0) as usize
    }

    /// How long a request may be under way before it is no longer waited for.
    pub(super) fn late(&self) -> Duration {
        Duration::from_secs_f64((self.latency.unwrap_or_default() * HANGS).max(HANGS_SECONDS))
    }

    /// Requests a second.
    pub(super) fn rate(&self, now: Instant) -> f64 {
        let limit = self.limit.per_second;
        let Some(throttled) = self.throttled else { return limit };
        let since = now.saturating_duration_since(throttled.at).as_secs_f64();
        let taken = self.spell.map_or(0, |spell| spell.accepted);
        let probed = (since / PROBES_SECONDS).max(f64::from(taken) / PROBES_CALLS);
        (throttled.rate + limit * probed.powi(3)).clamp(limit * FLOOR, limit)
    }

    /// The bucket's size: AWS's own, less what may bunch on the way and one for a refill that comes late, and with the
    /// rate.
    fn capacity(&self, now: Instant) -> f64 {
        let Rate { burst, per_second } = self.limit;
        let whole = f64::from(burst) - per_second * JITTER - 1.0;
        (whole * self.rate(now) / per_second).max(1.0)
    }

    fn refill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.counted).as_secs_f64();
        self.counted = now;
        self.tokens = (self.tokens + since * self.rate(now)).min(self.capacity(now));
        let Rate { burst, per_second } = self.limit;
        self.half = (self.half + since * per_second / 2.0).min(f64::from(burst) / 2.0);
    }

    /// Takes a token.
    ///
    /// # Errors
    /// When there will be one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let stock = f64::from(self.limit.burst);
        self.spell.get_or_insert(Spell { began: now, stock, accepted: 0 });
        self.refill(now);
        if let Some(held) = self.throttled.map(|throttled| throttled.held_until).filter(|held| *held > now) {
            return Err(held);
        }
        // What floating-point numbers lose must not cost another wait.
        if self.tokens > 1.0 - 1e-6 {
            self.tokens -= 1.0;
            self.half = (self.half - 1.0).max(0.0);
            return Ok(());
        }
        Err(now + Duration::from_secs_f64((1.0 - self.tokens) / self.rate(now)))
    }

    /// Notes that AWS took a request that was sent at `sent`.
    pub(super) fn accepted(&mut self, sent: Instant, now: Instant) {
        let took = now.saturating_duration_since(sent).as_secs_f64();
        self.latency = Some(self.latency.map_or(took, |before| before + LATEST * (took - before)));
        if let Some(spell) = self.spell.as_mut().filter(|spell| sent >= spell.began) {
            spell.accepted = spell.accepted.saturating_add(1);
        }
    }

    /// Notes that AWS throttled a request that was sent at `sent`. `jitter`, from 0 to 1, keeps runs that are throttled
    /// together from going on together. Answers with the new rate, unless the request was on its way before the bucket
    /// shrank last.
    pub(super) fn throttled(&mut self, sent: Instant, now: Instant, jitter: f64) -> Option<f64> {
        if self.throttled.is_some_and(|last| sent <= last.at) {
            return None;
        }
        let rate = self.rate(now);
        let limit = self.limit.per_second;
        let share = self.spell.and_then(|spell| spell.share(self.limit, now));
        let known = share.map(|share| share * limit).filter(|known| *known > ASKED * rate);
        let rate = known.map_or(DECREASE * rate, |known| (USED * known).min(rate));
        let hold = (1.0 / rate).clamp(SHORTEST_HOLD, LONGEST_HOLD) * (0.75 + 0.5 * jitter);
        let held_until = now + Duration::from_secs_f64(hold);
        self.throttled = Some(Throttled { at: now, rate, held_until });
        self.spell = Some(Spell { began: now, stock: 0.0, accepted: 0 });
        self.tokens = 0.0;
        self.counted = now;
        Some(self.rate(now))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REGISTER: Rate = Rate { burst: 20, per_second: 1.0 };

    fn after(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_burst_stays_below_the_limit_and_the_rest_keeps_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(REGISTER, start);
        let burst = (0..100).take_while(|_| bucket.take(start).is_ok()).count();
        assert_eq!(burst, 18);
        let mut now = start;
        for _ in 0..60 {
            while let Err(ready) = bucket.take(now) {
                assert!(ready > now);
                now = ready;
            }
        }
        let took = now.duration_since(start).as_secs_f64();
        assert!((59.0..60.0).contains(&took), "{took}");
    }

    #[test]
    fn a_throttle_holds_slows_down_and_is_recovered_from() {
        let start = Instant::now();
        let mut bucket = Bucket::new(REGISTER, start);
        assert!(bucket.take(start).is_ok());
        let now = after(start, 0.1);
        assert_eq!(bucket.throttled(start, now, 0.5), Some(0.7));
        assert!(bucket.take(now).unwrap_err() >= after(now, 0.9));
        // Another one that was under way at the same time says nothing new.
        assert_eq!(bucket.throttled(start, after(start, 0.2), 0.5), None);
        let rates: Vec<_> = [0.0, 100.0, 200.0, 300.0].map(|seconds| bucket.rate(after(now, seconds))).into();
        assert!(rates.is_sorted(), "{rates:?}");
        assert!(rates[0] < 0.71 && rates[1] < 0.72 && rates[2] < 0.78 && rates[3] > 0.9, "{rates:?}");
        // What was taken in between is what there is.
        for call in 1..=50 {
            bucket.accepted(after(now, f64::from(call)), after(now, f64::from(call) + 0.1));
        }
        let rate = bucket.throttled(after(now, 99.0), after(now, 100.0), 0.5).unwrap();
        assert!((rate - USED * 0.5).abs() < 1e-6, "{rate}");
        // Nothing is known from a time in which it was hardly asked.
        for call in 1..=10 {
            bucket.accepted(after(now, f64::from(call) + 100.0), after(now, f64::from(call) + 100.1));
        }
        let rate = bucket.throttled(after(now, 199.0), after(now, 200.0), 0.5).unwrap();
        assert!((0.33..0.36).contains(&rate), "{rate}");
        // It never comes to a stop.
        let mut now = after(now, 1.0);
        for _ in 0..50 {
            bucket.throttled(now, after(now, 0.1), 0.5);
            now = after(now, 1.0);
        }
        assert!(bucket.rate(now) >= 0.02);
    }

    proptest! {
        /// However late each request arrives, up to the jitter: AWS's own bucket never overflows.
        #[test]
        fn requests_that_bunch_on_their_way_are_not_throttled(
            burst in 2_u32..100,
            per_second in 0.5_f64..40.0,
            delays in proptest::collection::vec(0.0_f64..JITTER, 1..300),
            pauses in proptest::collection::vec(0.0_f64..0.5, 1..300),
        ) {
            let limit = Rate { burst, per_second };
            // A bucket that is smaller than its margin has no room for jitter at all.
            prop_assume!(f64::from(burst) - per_second * JITTER >= 2.0);
            let start = Instant::now();
            let mut bucket = Bucket::new(limit, start);
            let mut now = start;
            let mut arrivals = Vec::new();
            for (delay, pause) in delays.iter().zip(pauses) {
                now = after(now, if pause < 0.4 { 0.0 } else { pause });
                while let Err(ready) = bucket.take(now) {
                    now = ready;
                }
                arrivals.push(now.duration_since(start).as_secs_f64() + delay);
            }
            arrivals.sort_by(f64::total_cmp);
            let (mut tokens, mut before) = (f64::from(burst), 0.0);
            for arrival in arrivals {
                tokens = (tokens + (arrival - before) * per_second).min(f64::from(burst)) - 1.0;
                before = arrival;
                prop_assert!(tokens >= 0.0, "{tokens}");
            }
        }
    }
}
