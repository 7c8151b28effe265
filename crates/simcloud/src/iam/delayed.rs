//! A value whose changes are seen late: IAM is eventually consistent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Moment;

/// A value, and what others still take it for.
///
/// IAM's own reads see the latest write; authorisation elsewhere sees it only after the propagation delay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Delayed<T> {
    latest: T,
    /// Earlier values with the moment until which each is what others see, ascending.
    past: Vec<(Moment, T)>,
}

impl<T: Clone> Delayed<T> {
    /// A value that has always been what it is.
    pub(super) fn settled(value: T) -> Self {
        Self { latest: value, past: Vec::new() }
    }

    /// Changes the value at `now`; others see the change `delay` later.
    pub(super) fn write(&mut self, now: Moment, delay: Duration, value: T) {
        let before = std::mem::replace(&mut self.latest, value);
        self.past.retain(|(until, _)| *until > now);
        // A write that spreads faster takes the slower ones before it along.
        for (until, _) in &mut self.past {
            *until = (*until).min(now + delay);
        }
        if !delay.is_zero() {
            self.past.push((now + delay, before));
        }
    }

    /// The latest value.
    pub(super) fn latest(&self) -> &T {
        &self.latest
    }

    /// The value as others see it at `now`.
    pub(super) fn seen(&self, now: Moment) -> &T {
        self.past.iter().find(|(until, _)| *until > now).map_or(&self.latest, |(_, value)| value)
    }

    /// Returns true if everybody sees the latest value at `now`.
    pub(super) fn is_settled(&self, now: Moment) -> bool {
        self.past.iter().all(|(until, _)| *until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_secs(2);

    #[test]
    fn a_write_is_seen_after_the_delay() {
        let mut value = Delayed::settled(0);
        value.write(Moment(1_000), DELAY, 1);
        value.write(Moment(2_000), DELAY, 2);
        assert_eq!(*value.latest(), 2);
        assert_eq!(*value.seen(Moment(2_999)), 0);
        assert_eq!(*value.seen(Moment(3_000)), 1);
        assert_eq!(*value.seen(Moment(4_000)), 2);
        assert!(value.is_settled(Moment(4_000)));
    }

    #[test]
    fn without_delay_a_write_is_seen_at_once() {
        let mut value = Delayed::settled(0);
        value.write(Moment(1_000), DELAY, 1);
        value.write(Moment(1_001), Duration::ZERO, 2);
        assert_eq!(*value.seen(Moment(1_001)), 2);
    }
}
