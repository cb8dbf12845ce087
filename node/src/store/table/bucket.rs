//! One cache line of a table: up to seven entries, packed to the front. Knows nothing of other buckets.

use std::iter;
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use super::layout::Tag;

/// What the table keeps of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Entry {
    /// 24 bits of the key's hash.
    pub(in crate::store) tag: Tag,
    /// Where the item lies; never 0.
    pub(in crate::store) at: u32,
    /// A few bits of use, not interpreted here.
    pub(in crate::store) usage: u16,
}

/// Up to seven entries. All zero bytes are an empty bucket, so storage that the system hands out needs no preparing.
///
/// Only the usage changes under a shared lock, so only it is atomic; the rest is written through `&mut`.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub(in crate::store) struct Bucket {
    /// Lowest byte of each tag: neighbours share the highest bits, so these tell them apart. The last byte has the
    /// number of entries in its lowest three bits, and the reach above them.
    low: [u8; PLACES + 1],
    at: [u32; PLACES],
    usage: [AtomicU16; PLACES],
    /// Upper two bytes of each tag.
    high: [u16; PLACES],
}

impl Bucket {
    /// Number of entries.
    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.low[COUNT] & COUNT_BITS)
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len() == PLACES
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many buckets behind this one an entry may lie whose home is here.
    #[inline]
    pub(super) fn reach(&self) -> usize {
        let reach = self.low[COUNT] >> REACH_SHIFT;
        if reach == REACH_UNKNOWN { usize::MAX } else { usize::from(reach) }
    }

    /// Notes the reach; a great one as unknown.
    pub(super) fn set_reach(&mut self, reach: usize) {
        let reach = reach.min(usize::from(REACH_UNKNOWN)) as u8;
        self.low[COUNT] = self.low[COUNT] & COUNT_BITS | reach << REACH_SHIFT;
    }

    /// Places whose entries have this tag.
    #[inline]
    pub(super) fn matches(&self, tag: Tag) -> impl Iterator<Item = usize> {
        let high = tag.high();
        let mut left = lanes_equal(u64::from_le_bytes(self.low), tag.low());
        iter::from_fn(move || {
            while left != 0 {
                let place = (left.trailing_zeros() / 8) as usize;
                left &= left - 1;
                if self.high[place] == high {
                    return Some(place);
                }
            }
            None
        })
    }

    /// Where the item of a place lies, 0 if the place is empty.
    #[inline]
    pub(super) fn at(&self, place: usize) -> u32 {
        self.at[place]
    }

    #[inline]
    pub(super) fn set_at(&mut self, place: usize, at: u32) {
        self.at[place] = at;
    }

    #[inline]
    pub(super) fn tag(&self, place: usize) -> Tag {
        Tag::of_parts(self.high[place], self.low[place])
    }

    #[inline]
    pub(super) fn usage(&self, place: usize) -> u16 {
        self.usage[place].load(Relaxed)
    }

    #[inline]
    pub(super) fn set_usage(&self, place: usize, usage: u16) {
        self.usage[place].store(usage, Relaxed);
    }

    pub(super) fn entry(&self, place: usize) -> Entry {
        Entry { tag: self.tag(place), at: self.at(place), usage: self.usage(place) }
    }

    /// The places that are taken.
    #[inline]
    pub(super) fn places(&self) -> Range<usize> {
        0..self.len()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.places().map(|place| self.entry(place))
    }

    /// Adds an entry behind the others; its place, `None` if the bucket is full.
    #[inline]
    pub(super) fn push(&mut self, entry: Entry) -> Option<usize> {
        if self.is_full() {
            return None;
        }
        let place = self.len();
        self.write(place, entry);
        self.low[COUNT] += 1;
        Some(place)
    }

    /// Puts an entry into the place of another, which is returned.
    pub(super) fn replace(&mut self, place: usize, entry: Entry) -> Entry {
        let replaced = self.entry(place);
        self.write(place, entry);
        replaced
    }

    /// Takes an entry out, and puts the last one into its place.
    #[inline]
    pub(super) fn take(&mut self, place: usize) -> Option<Entry> {
        let last = self.len().checked_sub(1)?;
        if place > last {
            return None;
        }
        let (taken, moved) = (self.entry(place), self.entry(last));
        self.write(place, moved);
        self.write(last, Entry { tag: Tag::default(), at: 0, usage: 0 });
        self.low[COUNT] -= 1;
        Some(taken)
    }

    #[inline]
    fn write(&mut self, place: usize, entry: Entry) {
        self.low[place] = entry.tag.low();
        self.high[place] = entry.tag.high();
        self.at[place] = entry.at;
        *self.usage[place].get_mut() = entry.usage;
    }
}

/// The highest bit of each byte that equals `byte`, among as many bytes from the lowest on as the highest byte counts.
/// Seven comparisons in one word; exact, there is no carry from one byte to the next.
#[inline]
const fn lanes_equal(lanes: u64, byte: u8) -> u64 {
    let occupied = (1 << (8 * ((lanes >> (8 * COUNT)) & COUNT_BITS as u64))) - 1;
    let differing = lanes ^ (ONES * byte as u64);
    !(((differing & !SIGNS) + !SIGNS) | differing) & SIGNS & occupied
}

/// Entries in a bucket: what fits into 64 bytes.
pub(super) const PLACES: usize = 7;

/// The byte of `low` that counts.
const COUNT: usize = PLACES;

const COUNT_BITS: u8 = 0b111;
const REACH_SHIFT: u32 = 3;

/// Stands for a reach this great or greater.
const REACH_UNKNOWN: u8 = u8::MAX >> REACH_SHIFT;

const ONES: u64 = 0x0101_0101_0101_0101;
const SIGNS: u64 = 0x8080_8080_8080_8080;

const _: () = assert!(size_of::<Bucket>() == 64 && align_of::<Bucket>() == 64);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn matches_are_the_places_with_the_tag(
            // Few different bytes, so that low and high parts often agree alone.
            numbers in prop::collection::vec((0..3_u32, 0..3_u32).prop_map(|(high, low)| high << 8 | low), 0..=PLACES),
            reach in 0..40_usize,
        ) {
            let mut bucket = Bucket::default();
            bucket.set_reach(reach);
            for &number in &numbers {
                bucket.push(Entry { tag: Tag::new(number), at: 1, usage: 0 }).unwrap();
            }
            prop_assert_eq!(bucket.len(), numbers.len());
            prop_assert_eq!(bucket.reach(), if reach < 31 { reach } else { usize::MAX });
            for wanted in [0, 1, 2, 256, 257, 258, 512, 513, 514] {
                let places = numbers.iter().enumerate().filter(|(_, number)| **number == wanted);
                let places: Vec<usize> = places.map(|(place, _)| place).collect();
                prop_assert_eq!(bucket.matches(Tag::new(wanted)).collect::<Vec<_>>(), places);
            }
        }
    }
}
