//! Chance: what keeps runs apart that meet the same limits at the same time.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// A source of random numbers. The same seed gives the same numbers.
#[derive(Debug)]
pub(crate) struct Chance(AtomicU64);

impl Chance {
    pub(crate) const fn from_seed(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Another one in each process.
    pub(crate) fn real() -> Self {
        Self::from_seed(RandomState::new().hash_one(0))
    }

    /// A number from 0 to 1, by SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators").
    pub(crate) fn fraction(&self) -> f64 {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(GOLDEN, Ordering::Relaxed).wrapping_add(GOLDEN);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let upper = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or_default();
        f64::from(upper) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_spread_and_repeats_itself_from_the_same_seed() {
        let draw = |seed| {
            let chance = Chance::from_seed(seed);
            (0..1000).map(|_| chance.fraction()).collect::<Vec<_>>()
        };
        let numbers = draw(7);
        assert_eq!(numbers, draw(7));
        assert_ne!(numbers, draw(8));
        let mean = numbers.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)));
    }
}
