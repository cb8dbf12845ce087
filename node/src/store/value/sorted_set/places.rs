//! In which leaf a member lies: the dictionary of a large sorted set. It holds 32 bits of each member's hash and the number
//! of the leaf, but no member; whether the leaf really has the member is left to the caller.
//!
//! The table is hashed linearly: it grows and shrinks by one bucket at a time, so nothing is ever rehashed as a
//! whole. A bucket of depth d holds the hashes that share their low d bits; read from the lowest bit on, that is one
//! interval of all hashes. A walk that goes by intervals therefore meets every entry that stays exactly once, whatever
//! happens to the table in between.

use crate::store::value::heap_bytes;

/// The table.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Buckets in blocks, so that growing never moves what is there. All blocks are full but the last, and none is empty.
    blocks: Vec<Vec<Bucket>>,
    buckets: usize,
    entries: usize,
    /// Bytes on the heap of all buckets' entries.
    bucket_bytes: usize,
}

/// Hash and leaf of its entries, in any order.
type Bucket = Vec<(u32, u32)>;

/// Part of a walk: entries, and where to go on.
#[derive(Debug)]
pub(super) struct Step {
    /// Hash and leaf of each entry, in the order of the walk.
    pub(super) entries: Vec<(u32, u32)>,
    /// Position to go on from; `None` at the end.
    pub(super) next: Option<u32>,
}

impl Clone for Places {
    /// A copy that takes as much memory, since the memory is counted.
    fn clone(&self) -> Self {
        let mut copy = Self { entries: self.entries, bucket_bytes: self.bucket_bytes, ..Self::default() };
        for bucket in self.blocks.iter().flatten() {
            let mut entries = Vec::with_capacity(bucket.capacity());
            entries.extend_from_slice(bucket);
            copy.push_bucket(entries);
        }
        copy
    }
}

impl Places {
    /// The leaves that may hold a member of this hash.
    #[inline]
    pub(super) fn leaves(&self, hash: u32) -> impl Iterator<Item = u32> {
        let bucket = self.bucket(self.number_of(hash)).into_iter().flatten();
        bucket.filter(move |entry| entry.0 == hash).map(|entry| entry.1)
    }

    /// Adds an entry.
    pub(super) fn add(&mut self, hash: u32, leaf: u32) {
        if self.buckets == 0 {
            self.push_bucket(Bucket::new());
        }
        self.entries += 1;
        self.edit(self.number_of(hash), |bucket| {
            if bucket.len() == bucket.capacity() {
                bucket.reserve_exact(ROOM);
            }
            bucket.push((hash, leaf));
        });
        if self.entries > self.buckets * FILL_MAX {
            self.grow();
        }
    }

    /// Removes an entry, which is there.
    pub(super) fn remove(&mut self, hash: u32, leaf: u32) {
        self.entries -= 1;
        self.edit(self.number_of(hash), |bucket| {
            if let Some(at) = bucket.iter().position(|&entry| entry == (hash, leaf)) {
                bucket.swap_remove(at);
            }
            trim(bucket);
        });
        if self.buckets > 1 && self.entries < self.buckets * FILL_MIN {
            self.shrink();
        }
    }

    /// Changes the leaf of an entry, which is there.
    pub(super) fn replace(&mut self, hash: u32, old: u32, new: u32) {
        self.edit(self.number_of(hash), |bucket| {
            if let Some(entry) = bucket.iter_mut().find(|entry| **entry == (hash, old)) {
                entry.1 = new;
            }
        });
    }

    /// Entries from a position on, `count` of them or a few more; the first position is 0.
    pub(super) fn walk(&self, from: u32, count: usize) -> Step {
        let mut step = Step { entries: Vec::new(), next: Some(from) };
        while let Some(from) = step.next {
            let number = self.number_of(from.reverse_bits());
            let rest = self.bucket(number).into_iter().flatten().filter(|entry| position(entry) >= from);
            let had = step.entries.len();
            step.entries.extend(rest);
            step.entries[had..].sort_unstable_by_key(position);
            if step.entries.len() >= count {
                return cut(step, count, self.end_of(number));
            }
            step.next = self.end_of(number);
        }
        step
    }

    /// Drops the last bucket of a table that is no longer used; whether there was one.
    pub(super) fn drop_bucket(&mut self) -> bool {
        self.pop_bucket().is_some()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.bucket_bytes
            + self.blocks.len() * heap_bytes(BLOCK * size_of::<Bucket>())
            + heap_bytes(self.blocks.capacity() * size_of::<Vec<Bucket>>())
    }

    /// Adds a bucket and moves into it what belongs there; all of that lies in one other bucket.
    fn grow(&mut self) {
        let new = self.buckets;
        self.push_bucket(Bucket::new());
        let other = sibling(new);
        let moves = |entry: &(u32, u32)| number_among(entry.0, new + 1) == new;
        let mut moved = self.bucket(other).into_iter().flatten().filter(|entry| moves(entry)).count();
        if moved > 0 {
            let mut entries = Bucket::with_capacity(moved.next_multiple_of(ROOM));
            self.edit(other, |bucket| {
                let mut at = 0;
                while moved > 0 && at < bucket.len() {
                    if moves(&bucket[at]) {
                        entries.push(bucket.swap_remove(at));
                        moved -= 1;
                    } else {
                        at += 1;
                    }
                }
                trim(bucket);
            });
            self.edit(new, |bucket| *bucket = entries);
        }
    }

    /// Gives the last bucket's entries back to the one that they came from.
    fn shrink(&mut self) {
        let Some(entries) = self.pop_bucket() else { return };
        self.edit(sibling(self.buckets), |bucket| {
            let wanted = bucket.len() + entries.len();
            if wanted > bucket.capacity() {
                bucket.reserve_exact(wanted.next_multiple_of(ROOM) - bucket.len());
            }
            bucket.extend_from_slice(&entries);
        });
    }

    fn number_of(&self, hash: u32) -> usize {
        number_among(hash, self.buckets)
    }

    /// The position behind a bucket's interval.
    fn end_of(&self, number: usize) -> Option<u32> {
        let depth = match self.buckets.checked_ilog2() {
            Some(level) if number >= 1 << level || number + (1 << level) < self.buckets => level + 1,
            Some(level) => level,
            None => 0,
        };
        if depth == 0 {
            return None;
        }
        (number as u32).reverse_bits().checked_add(1 << (u32::BITS - depth))
    }

    fn bucket(&self, number: usize) -> Option<&Bucket> {
        self.blocks.get(number / BLOCK)?.get(number % BLOCK)
    }

    fn edit(&mut self, number: usize, edit: impl FnOnce(&mut Bucket)) {
        let block = self.blocks.get_mut(number / BLOCK);
        let Some(bucket) = block.and_then(|block| block.get_mut(number % BLOCK)) else { return };
        let before = weight(bucket);
        edit(bucket);
        self.bucket_bytes = self.bucket_bytes + weight(bucket) - before;
    }

    fn push_bucket(&mut self, bucket: Bucket) {
        if self.buckets.is_multiple_of(BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        if let Some(block) = self.blocks.last_mut() {
            block.push(bucket);
            self.buckets += 1;
        }
    }

    fn pop_bucket(&mut self) -> Option<Bucket> {
        let block = self.blocks.last_mut()?;
        let bucket = block.pop()?;
        if block.is_empty() {
            self.blocks.pop();
        }
        self.buckets -= 1;
        self.bucket_bytes -= weight(&bucket);
        Some(bucket)
    }
}

/// Which of so many buckets a hash belongs to.
#[inline]
fn number_among(hash: u32, buckets: usize) -> usize {
    let Some(level) = buckets.checked_ilog2() else { return 0 };
    let wide = hash as usize & ((2 << level) - 1);
    if wide < buckets { wide } else { wide & ((1 << level) - 1) }
}

/// The bucket that a new one takes its entries from.
fn sibling(number: usize) -> usize {
    number.checked_ilog2().map_or(0, |level| number - (1 << level))
}

/// Where an entry comes in a walk.
fn position(entry: &(u32, u32)) -> u32 {
    entry.0.reverse_bits()
}

/// Ends a step after `count` entries, or as many more as have the same hash as the last.
fn cut(mut step: Step, count: usize, end: Option<u32>) -> Step {
    let last = step.entries[..count].last().map_or(0, position);
    let kept = step.entries.iter().skip(count).take_while(|entry| position(entry) == last).count() + count;
    step.next = if kept < step.entries.len() { last.checked_add(1) } else { end };
    step.entries.truncate(kept);
    step
}

fn trim(bucket: &mut Bucket) {
    if bucket.capacity() >= bucket.len() + 3 * ROOM {
        bucket.shrink_to(bucket.len().next_multiple_of(ROOM));
    }
}

fn weight(bucket: &Bucket) -> usize {
    heap_bytes(bucket.capacity() * size_of::<(u32, u32)>())
}

/// Entries of a bucket in the mean, at most: a look-up reads their hashes one after the other.
const FILL_MAX: usize = 32;

/// Entries of a bucket in the mean, at least.
const FILL_MIN: usize = 12;

/// Entries by which a bucket grows.
const ROOM: usize = 4;

/// Buckets of a block.
const BLOCK: usize = 32;

#[cfg(test)]
impl Places {
    pub(super) const fn len(&self) -> usize {
        self.entries
    }

    /// Panics if the bytes counted are not those that are there.
    pub(super) fn assert_counted(&self) {
        assert_eq!(self.bucket_bytes, self.blocks.iter().flatten().map(weight).sum::<usize>());
        assert_eq!(self.buckets, self.blocks.iter().map(Vec::len).sum::<usize>());
        assert!(self.blocks.iter().all(|block| block.capacity() == BLOCK && !block.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    /// Any number's hash: far from it in every bit.
    fn hash(number: u32) -> u32 {
        (u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
    }

    fn all(places: &Places, count: usize) -> Vec<(u32, u32)> {
        let (mut found, mut next) = (Vec::new(), Some(0));
        while let Some(from) = next {
            let step = places.walk(from, count);
            found.extend(step.entries);
            next = step.next;
        }
        found
    }

    #[test]
    fn a_table_grows_and_shrinks_bucket_by_bucket() {
        let mut places = Places::default();
        assert_eq!(places.leaves(7).count(), 0);
        for number in 0..20_000 {
            places.add(hash(number), number);
        }
        assert!(places.buckets >= 20_000 / FILL_MAX);
        assert!(
            places.blocks.iter().flatten().all(|bucket| bucket.len() < 6 * FILL_MAX),
            "no bucket is overfull"
        );
        assert!((0..20_000).all(|number| places.leaves(hash(number)).eq([number])));
        for number in 0..20_000 {
            places.replace(hash(number), number, number + 1);
        }
        for number in 0..19_999 {
            places.remove(hash(number), number + 1);
        }
        assert_eq!(places.buckets, 1);
        assert_eq!(all(&places, 10), [(hash(19_999), 20_000)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_walk_meets_what_stays_once_and_bytes_are_counted(
            steps in proptest::collection::vec((any::<bool>(), 0_u32..2_000), 0..3_000),
            count in 1_usize..50,
        ) {
            let (mut places, mut model) = (Places::default(), BTreeMap::new());
            // Those from 1,000 on stay.
            (1_000..2_000).for_each(|number| places.add(hash(number), number));
            let (mut seen, mut next) = (Vec::new(), Some(0));
            for steps in steps.chunks(40) {
                for &(add, number) in steps.iter().filter(|step| step.1 < 1_000) {
                    match (add, model.remove(&number)) {
                        (_, Some(())) => places.remove(hash(number), number),
                        (true, None) => {
                            places.add(hash(number), number);
                            model.insert(number, ());
                        }
                        (false, None) => {}
                    }
                }
                let Some(from) = next else { break };
                let step = places.walk(from, count);
                seen.extend(step.entries.iter().map(|entry| entry.1).filter(|number| *number >= 1_000));
                next = step.next;
            }
            let met: BTreeSet<u32> = seen.iter().copied().collect();
            prop_assert_eq!(met.len(), seen.len(), "one came twice");
            if next.is_none() {
                prop_assert_eq!(met.len(), 1_000);
            }
            prop_assert_eq!(places.len(), 1_000 + model.len());
            places.assert_counted();
            places.clone().assert_counted();
            prop_assert_eq!(all(&places, count).len(), places.entries);
        }
    }
}
