//! Names, looked up and sorted without comparing them more than has to be.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::rows::index;

/// A table from names to their indices. The names stay where they are.
#[derive(Debug, Default)]
pub(crate) struct NameTable {
    indices: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl NameTable {
    /// A table with room for so many names.
    pub(crate) fn with_capacity(names: usize) -> Self {
        Self { indices: HashTable::with_capacity(names), hasher: DefaultHashBuilder::default() }
    }

    /// Returns the index of `name`. `at` gives the name of an index.
    pub(crate) fn get<'a>(&self, name: &str, at: impl Fn(u32) -> &'a str) -> Option<u32> {
        self.indices.find(self.hasher.hash_one(name), |&index| at(index) == name).copied()
    }

    /// Returns the index of `name`, which is `new` if the table did not have it.
    pub(crate) fn get_or_insert<'a>(&mut self, name: &str, new: usize, at: impl Fn(u32) -> &'a str) -> u32 {
        let Self { indices, hasher } = self;
        let is_name = |&index: &u32| at(index) == name;
        let entry = indices.entry(hasher.hash_one(name), is_name, |&index| hasher.hash_one(at(index)));
        *entry.or_insert_with(|| index(new)).get()
    }
}

/// A table from the places of names in memory to indices. A name that was cloned from a node's is found here without being
/// read.
#[derive(Debug)]
pub(crate) struct PlaceTable(HashTable<(usize, u32)>);

impl PlaceTable {
    /// The table of the names, which live as long as it does.
    pub(crate) fn of<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let mut table = HashTable::with_capacity(names.len());
        for (number, name) in names.enumerate() {
            let place = place(name);
            table.insert_unique(hash(place), (place, index(number)), |&(place, _)| hash(place));
        }
        Self(table)
    }

    /// The index of the name at this place.
    pub(crate) fn get(&self, name: &str) -> Option<u32> {
        let place = place(name);
        self.0.find(hash(place), |&(other, _)| other == place).map(|&(_, index)| index)
    }
}

fn place(name: &str) -> usize {
    name.as_ptr() as usize
}

/// The hash of a place. Names that follow each other in memory do so in the table: its buckets are chosen by the low bits,
/// which are those of the place. The highest ones, by which entries of a bucket differ, are mixed.
fn hash(place: usize) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let chunk = place as u64 / 16;
    chunk ^ chunk.wrapping_mul(FACTOR) & 0xFE00_0000_0000_0000
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
