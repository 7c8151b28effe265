//! Names, looked up and sorted without comparing them more than has to be.

use crate::rows::index;

/// An open-addressing table from the hashes of names to their indices. The names stay where they are.
#[derive(Debug)]
pub(crate) struct NameTable {
    /// A name's hash and its index plus one, or 0.
    slots: Vec<u64>,
    len: usize,
}

impl NameTable {
    /// A table with room for so many names.
    pub(crate) fn with_capacity(names: usize) -> Self {
        Self { slots: vec![0; (names * 2).next_power_of_two().max(16)], len: 0 }
    }

    /// Returns the index of `name`. `at` gives the name of an index.
    pub(crate) fn get<'a>(&self, name: &str, at: impl Fn(u32) -> &'a str) -> Option<u32> {
        self.find(hash(name), name, at).ok()
    }

    /// Returns the index of `name`, which is `new` if the table did not have it.
    pub(crate) fn get_or_insert<'a>(&mut self, name: &str, new: usize, at: impl Fn(u32) -> &'a str) -> u32 {
        if (self.len + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let hash = hash(name);
        match self.find(hash, name, at) {
            Ok(existing) => existing,
            Err(slot) => {
                let new = index(new);
                self.slots[slot] = u64::from(hash) << 32 | u64::from(new + 1);
                self.len += 1;
                new
            }
        }
    }

    /// The index of the name, or the slot for it.
    fn find<'a>(&self, hash: u32, name: &str, at: impl Fn(u32) -> &'a str) -> Result<u32, usize> {
        let mut slot = self.slot(hash);
        loop {
            let entry = self.slots[slot];
            if entry == 0 {
                return Err(slot);
            }
            let index = (entry & u64::from(u32::MAX)) as u32 - 1;
            if (entry >> 32) as u32 == hash && at(index) == name {
                return Ok(index);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    fn slot(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        let entries = std::mem::take(&mut self.slots);
        self.slots = vec![0; entries.len() * 2];
        for entry in entries.into_iter().filter(|&entry| entry != 0) {
            let mut slot = self.slot((entry >> 32) as u32);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = entry;
        }
    }
}

/// A table from the places of names in memory to indices. A name that was cloned from a node's is found here without being
/// read.
#[derive(Debug)]
pub(crate) struct PlaceTable {
    /// A place, or 0, and its index.
    slots: Vec<(usize, u32)>,
}

impl PlaceTable {
    /// The table of the names, which live as long as it does.
    pub(crate) fn of<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let mut table = Self { slots: vec![(0, 0); (names.len() * 2).next_power_of_two().max(16)] };
        for (number, name) in names.enumerate() {
            let slot = table.slot(name);
            table.slots[slot] = (place(name), index(number));
        }
        table
    }

    /// The index of the name at this place.
    pub(crate) fn get(&self, name: &str) -> Option<u32> {
        let (found, index) = self.slots[self.slot(name)];
        (found != 0).then_some(index)
    }

    /// The slot of the name, or the one for it. Names that follow each other in memory do so here.
    fn slot(&self, name: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = (place(name) / 16) & mask;
        while self.slots[slot].0 != 0 && self.slots[slot].0 != place(name) {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

fn place(name: &str) -> usize {
    name.as_ptr() as usize
}

/// A multiplicative hash, eight bytes at a time. Chosen collisions slow only the run of the configuration's author.
fn hash(name: &str) -> u32 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    let mut words = name.as_bytes().chunks_exact(8);
    let mut hash = name.len() as u64;
    for word in &mut words {
        hash = mix(hash, word.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)));
    }
    hash = mix(hash, words.remainder().iter().fold(0, |word, &byte| word << 8 | u64::from(byte)));
    (mix(hash, hash >> 32) >> 32) as u32
}

/// The bytes of a name that one key of [`sorted`] has.
const CHUNK: usize = 7;

/// Returns the indices of so many different names in the order of the names.
///
/// Sorts by a few bytes at a time, as integers, behind the bytes that a group has in common: names of steps begin alike.
pub(crate) fn sorted<'a>(names: usize, at: impl Fn(u32) -> &'a str) -> Vec<u32> {
    let mut order: Vec<u32> = (0..index(names)).collect();
    if order.is_sorted_by(|&one, &other| at(one) < at(other)) {
        return order;
    }
    let mut keyed: Vec<(u64, u32)> = Vec::new();
    let mut groups = vec![(0..names, 0)];
    while let Some((group, known)) = groups.pop() {
        let members = &mut order[group.clone()];
        if members.len() <= 8 {
            members.sort_unstable_by(|&one, &other| at(one).cmp(at(other)));
            continue;
        }
        let known = known + common(members.iter().map(|&name| rest(at(name), known)));
        keyed.clear();
        keyed.extend(members.iter().map(|&name| (key(rest(at(name), known)), name)));
        keyed.sort_unstable();
        let mut start = 0;
        for place in 0..keyed.len() {
            members[place] = keyed[place].1;
            let is_end = keyed.get(place + 1).is_none_or(|next| next.0 != keyed[place].0);
            if is_end {
                if place > start {
                    groups.push((group.start + start..group.start + place + 1, known + CHUNK));
                }
                start = place + 1;
            }
        }
    }
    order
}

/// The bytes of the name behind those that are known.
fn rest(name: &str, known: usize) -> &[u8] {
    name.as_bytes().get(known..).unwrap_or_default()
}

/// The number of bytes with which all of the names begin alike.
fn common<'a>(mut names: impl Iterator<Item = &'a [u8]>) -> usize {
    let Some(first) = names.next() else { return 0 };
    names.fold(first.len(), |common, name| {
        let same = first[..common].iter().zip(name).take_while(|(one, other)| one == other);
        same.count()
    })
}

/// The name's next bytes, and behind them how many there are: as an integer in the order of the names.
fn key(rest: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let next = &rest[..rest.len().min(CHUNK)];
    bytes[..next.len()].copy_from_slice(next);
    bytes[CHUNK] = if rest.len() > CHUNK { u8::MAX } else { next.len() as u8 };
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_are_sorted_and_found(names in proptest::collection::btree_set("(role|task-definition)?[.a\u{0}é0-2]{0,12}", 0..80)) {
            let mut names: Vec<String> = names.into_iter().collect();
            names.reverse();
            let at = |index: u32| names[index as usize].as_str();
            let order: Vec<_> = sorted(names.len(), at).into_iter().map(at).collect();
            let expected: BTreeSet<_> = names.iter().map(String::as_str).collect();
            prop_assert_eq!(order, expected.into_iter().collect::<Vec<_>>());
            let mut table = NameTable::with_capacity(0);
            for (place, name) in names.iter().enumerate() {
                prop_assert_eq!(table.get(name, at), None);
                prop_assert_eq!(table.get_or_insert(name, place, at) as usize, place);
            }
            for (place, name) in names.iter().enumerate() {
                prop_assert_eq!(table.get_or_insert(name, 1000, at) as usize, place);
            }
        }
    }
}
