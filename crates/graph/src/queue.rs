//! A queue whose order is known beforehand.

/// A set of indices below a bound, from which the smallest is taken first.
///
/// Bits, and above each 64 of them one that says whether any is set: a million indices take 127 KiB, and both operations
/// touch four words.
#[derive(Clone, Debug)]
pub struct IndexQueue {
    /// The indices themselves, and above them each level's summary.
    levels: Vec<Vec<u64>>,
}

impl IndexQueue {
    /// An empty queue for indices below `bound`.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        let mut levels = Vec::new();
        let mut words = bound.div_ceil(64).max(1);
        loop {
            levels.push(vec![0; words]);
            if words == 1 {
                return Self { levels };
            }
            words = words.div_ceil(64);
        }
    }

    /// Adds `index`. One that is there already stays there once.
    ///
    /// # Panics
    /// If `index` is not below the bound.
    pub fn insert(&mut self, index: usize) {
        let mut at = index;
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            let was_empty = *word == 0;
            *word |= 1 << (at % 64);
            if !was_empty {
                return;
            }
            at /= 64;
        }
    }

    /// Takes the smallest index.
    pub fn pop(&mut self) -> Option<usize> {
        let mut at = 0;
        for level in self.levels.iter().rev() {
            let word = level[at];
            if word == 0 {
                return None;
            }
            at = at * 64 + word.trailing_zeros() as usize;
        }
        let smallest = at;
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            *word &= !(1 << (at % 64));
            if *word != 0 {
                break;
            }
            at /= 64;
        }
        Some(smallest)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn queue_yields_the_smallest_like_a_sorted_set(steps in proptest::collection::vec(proptest::option::of(0_usize..9000), 0..400)) {
            let (mut queue, mut set) = (IndexQueue::new(9000), BTreeSet::new());
            for step in steps {
                match step {
                    Some(index) => {
                        queue.insert(index);
                        set.insert(index);
                    }
                    None => prop_assert_eq!(queue.pop(), set.pop_first()),
                }
            }
            while let Some(index) = set.pop_first() {
                prop_assert_eq!(queue.pop(), Some(index));
            }
            prop_assert_eq!(queue.pop(), None);
        }
    }
}
