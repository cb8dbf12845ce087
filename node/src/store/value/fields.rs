//! Pairs of byte strings, any number of them: the full form of hashes, sets and sorted sets. It grows and shrinks by one
//! small leaf at a time (linear hashing), so that no change takes long however many pairs there are.
//!
//! With n leaves, 2^k <= n < 2^(k+1), a pair lies in the leaf that the last k + 1 bits of its hash name, or the last k
//! if there is no such leaf yet. Adding leaf n splits the leaf that n names without its highest bit; removing the last leaf
//! gives its pairs back to that one. So a leaf holds all hashes that end in its number, and in the order of *reversed*
//! hashes these are one range: a scan walks that order, and what is split or joined behind or before it stays there.

use std::fmt;
use std::hash::BuildHasher;

use fastrand::Rng;
use foldhash::quality::RandomState;

use super::leaf::Leaf;
use super::pages::Pages;

/// Fields with values.
pub(super) type Fields = Dictionary<true>;

/// Fields alone.
pub(super) type Members = Dictionary<false>;

/// The pairs. `VALUED` says whether they have values.
#[derive(Clone, Default)]
pub(super) struct Dictionary<const VALUED: bool> {
    leaves: Pages<Leaf<VALUED>>,
    pairs: usize,
    hasher: RandomState,
    /// Bytes of all blocks of leaves.
    block_bytes: usize,
    /// Bytes on the heap of all leaves.
    leaf_bytes: usize,
}

impl<const VALUED: bool> fmt::Debug for Dictionary<VALUED> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<const VALUED: bool> Dictionary<VALUED> {
    pub(super) const fn len(&self) -> usize {
        self.pairs
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.leaves.heap_bytes() + self.leaf_bytes
    }

    #[inline]
    pub(super) fn get(&self, field: &[u8]) -> Option<&[u8]> {
        let hash = self.hash(field);
        self.leaves.get(self.number(hash))?.get(tag(hash), field)
    }

    /// Sets the value of a field; whether the field is new. Without values, whether it is new is all there is to it.
    pub(super) fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        if self.leaves.len() == 0 {
            self.leaves.push(Leaf::default());
        }
        let hash = self.hash(field);
        let is_new =
            self.change(self.number(hash), |leaf| leaf.set(tag(hash), field, value)).unwrap_or(false);
        self.pairs += usize::from(is_new);
        self.balance();
        is_new
    }

    /// Removes a field; whether there was one.
    pub(super) fn remove(&mut self, field: &[u8]) -> bool {
        let hash = self.hash(field);
        let removed = self.change(self.number(hash), |leaf| leaf.remove(tag(hash), field)).unwrap_or(false);
        self.pairs -= usize::from(removed);
        self.balance();
        removed
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.leaves.iter().flat_map(|leaf| leaf.pairs().map(|pair| (pair.field, pair.value)))
    }

    /// Visits pairs from `cursor` on, about `count` of them, and returns the cursor to go on with, 0 at the end. A pair
    /// that stays is visited once between cursor 0 and cursor 0, whatever happens to others between the calls.
    ///
    /// A cursor is the hash that comes next in the order of reversed hashes.
    pub(super) fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
        let mut place = cursor.reverse_bits();
        // Leaves count a little even if they are empty, so that a call stays short.
        let (mut pairs_left, mut leaves_left) = (count.max(1), count.max(1));
        while pairs_left > 0 && leaves_left > 0 {
            let number = self.number(place.reverse_bits());
            let bits = self.bits_of(number);
            // Leaves were joined since the call before: a part of this one has been visited.
            let is_within = place.reverse_bits() >> bits != 0;
            for pair in self.leaves.get(number).into_iter().flat_map(Leaf::pairs) {
                if !is_within || self.hash(pair.field).reverse_bits() >= place {
                    visit(pair.field, pair.value);
                    pairs_left = pairs_left.saturating_sub(1);
                }
            }
            leaves_left -= 1;
            match end_of_range(place, bits) {
                Some(end) => place = end,
                None => return 0,
            }
        }
        place.reverse_bits()
    }

    /// A pair chosen at random, each with about the same chance.
    pub(super) fn pick(&self, random: &mut Rng) -> Option<(&[u8], &[u8])> {
        let leaves = self.leaves.len();
        if self.pairs == 0 {
            return None;
        }
        // A leaf is kept with the chance that its pairs have of as many as a full one holds, so that pairs in full leaves
        // are chosen no less often.
        let full = 2 * self.pairs.div_ceil(leaves) + PICK_SPARE;
        for _ in 0..PICK_TRIES_MAX {
            let Some(leaf) = self.leaves.get(random.usize(..leaves)) else { continue };
            if let Some(pair) = leaf.pairs().nth(random.usize(..full)) {
                return Some((pair.field, pair.value));
            }
        }
        let first = random.usize(..leaves);
        let mut all = (first..leaves).chain(0..first).filter_map(|number| self.leaves.get(number));
        all.find_map(|leaf| leaf.pairs().next()).map(|pair| (pair.field, pair.value))
    }

    /// Drops pairs, at least so many, to free a dictionary step by step; whether nothing is left. It is of no other use
    /// once this has begun.
    pub(super) fn drain_some(&mut self, pairs: usize) -> bool {
        let mut dropped = 0;
        while dropped < pairs
            && let Some(leaf) = self.leaves.pop()
        {
            let pairs = leaf.pairs().count();
            self.pairs -= pairs;
            // An empty leaf is work too.
            dropped += pairs.max(1);
            self.block_bytes -= leaf.block_bytes();
            self.leaf_bytes -= leaf.heap_bytes();
        }
        self.leaves.len() == 0
    }

    /// Changes a leaf and counts its bytes anew.
    fn change<R>(&mut self, number: usize, change: impl FnOnce(&mut Leaf<VALUED>) -> R) -> Option<R> {
        let leaf = self.leaves.get_mut(number)?;
        let (block_bytes, leaf_bytes) = (leaf.block_bytes(), leaf.heap_bytes());
        let result = change(leaf);
        self.block_bytes = self.block_bytes + leaf.block_bytes() - block_bytes;
        self.leaf_bytes = self.leaf_bytes + leaf.heap_bytes() - leaf_bytes;
        Some(result)
    }

    /// Adds or removes one leaf if the others are full or empty in the mean.
    fn balance(&mut self) {
        let leaves = self.leaves.len();
        let full_by_both =
            self.pairs > leaves * PAIRS_MEAN_FULL && self.block_bytes > leaves * BLOCK_BYTES_MEAN_FULL;
        if full_by_both
            || self.pairs > leaves * PAIRS_MEAN_MAX
            || self.block_bytes > leaves * BLOCK_BYTES_MEAN_MAX
        {
            self.split();
        } else if leaves > 1
            && self.pairs < leaves * PAIRS_MEAN_MIN
            && self.block_bytes < leaves * BLOCK_BYTES_MEAN_MIN
        {
            self.join();
        }
    }

    fn split(&mut self) {
        let (number, hasher) = (self.leaves.len(), self.hasher.clone());
        let bit = highest_bit(number);
        let split = |leaf: &mut Leaf<VALUED>| leaf.split(|field| hasher.hash_one(field) & bit as u64 != 0);
        // The leaf that is split has the number of the new one without the highest bit.
        let Some(new) = self.change(number - bit, split) else { return };
        self.block_bytes += new.block_bytes();
        self.leaf_bytes += new.heap_bytes();
        self.leaves.push(new);
    }

    fn join(&mut self) {
        let Some(last) = self.leaves.pop() else { return };
        self.block_bytes -= last.block_bytes();
        self.leaf_bytes -= last.heap_bytes();
        let number = self.leaves.len();
        self.change(number - highest_bit(number), |leaf| leaf.join(last));
    }

    /// The number of the leaf where a hash belongs.
    #[inline]
    fn number(&self, hash: u64) -> usize {
        let leaves = self.leaves.len();
        if leaves == 0 {
            return 0;
        }
        let bit = highest_bit(leaves);
        let number = hash as usize & (2 * bit - 1);
        if number < leaves { number } else { number & (bit - 1) }
    }

    /// How many bits of their ends all hashes in a leaf share.
    fn bits_of(&self, number: usize) -> u32 {
        let leaves = self.leaves.len().max(1);
        let bit = highest_bit(leaves);
        let is_split = number & (bit - 1) < leaves - bit;
        bit.trailing_zeros() + u32::from(is_split)
    }

    #[inline]
    fn hash(&self, field: &[u8]) -> u64 {
        self.hasher.hash_one(field)
    }
}

/// The byte of a hash that a leaf keeps. The other end names the leaf.
const fn tag(hash: u64) -> u8 {
    (hash >> 56) as u8
}

/// The first reversed hash after those that share their first `bits` bits with this one, if there is one.
const fn end_of_range(place: u64, bits: u32) -> Option<u64> {
    match u64::MAX.checked_shr(bits) {
        Some(within) => (place | within).checked_add(1),
        None => place.checked_add(1),
    }
}

/// The highest bit of a number above 0.
const fn highest_bit(number: usize) -> usize {
    1 << number.ilog2()
}

/// Pairs and bytes of a leaf, in the mean, beyond which another is added: either many pairs, or many bytes, or enough of
/// both. A look-up reads half a leaf, and a leaf costs 32 bytes beside its pairs.
const PAIRS_MEAN_MAX: usize = 32;
const BLOCK_BYTES_MEAN_MAX: usize = 1_024;
const PAIRS_MEAN_FULL: usize = 16;
const BLOCK_BYTES_MEAN_FULL: usize = 320;

/// Pairs and bytes of a leaf, in the mean, below which one is removed.
const PAIRS_MEAN_MIN: usize = 12;
const BLOCK_BYTES_MEAN_MIN: usize = 448;

/// Pairs by which a leaf that is taken to be full for a random choice exceeds twice the mean.
const PICK_SPARE: usize = 16;

/// Leaves tried before a random choice takes the next pair that there is.
const PICK_TRIES_MAX: usize = 256;

#[cfg(test)]
mod tests;
