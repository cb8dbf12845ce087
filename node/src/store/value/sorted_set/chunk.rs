//! Some entries of a sorted set, packed into one allocation in their order: a small sorted set as a whole, or a leaf of
//! a large one's tree. How many there may be is left to the owner, since a look-up reads from the front.
//!
//! Layout: for each entry its score, the member's length as LEB128 (7 bits a byte, low first), the member. A score
//! begins with a byte `t`:
//!
//! | t | what follows | the score |
//! |---|---|---|
//! | 0 … 7 | t bytes, low first | a whole number, its sign in the lowest bit |
//! | 8 | 4 bytes | a 32-bit float |
//! | 9 | 8 bytes | a 64-bit float |
//! | 10 … 255 | nothing | t - 10 |

use larder_proto::score::Score;

use super::edge::Edge;
use crate::store::value::heap_bytes;

/// A member with its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The score, by which the set is ordered.
    pub score: Score,
    /// The member; among equal scores its bytes decide.
    pub member: &'a [u8],
}

/// The entries.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    entries: u32,
}

/// Where an entry lies within its chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) score: Score,
    start: usize,
    end: usize,
}

/// A gap between two entries of a chunk, or one of its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    /// Entries before it.
    pub(super) index: usize,
    offset: usize,
}

impl Gap {
    /// The gap before the first entry.
    pub(super) const START: Self = Self { index: 0, offset: 0 };

    /// The same gap in the chunk that a cut at `cut` leaves behind it; `None` if it is not behind.
    pub(super) const fn behind(self, cut: Self) -> Option<Self> {
        if self.index <= cut.index {
            return None;
        }
        Some(Self { index: self.index - cut.index, offset: self.offset - cut.offset })
    }
}

impl Clone for Chunk {
    /// A copy that takes as much memory, since the memory is counted.
    fn clone(&self) -> Self {
        let mut bytes = Vec::with_capacity(self.bytes.capacity());
        bytes.extend_from_slice(&self.bytes);
        Self { bytes, entries: self.entries }
    }
}

impl Chunk {
    pub(super) const fn len(&self) -> usize {
        self.entries as usize
    }

    /// Bytes that the entries take, without room to spare.
    pub(super) fn packed_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        heap_bytes(self.bytes.capacity())
    }

    #[inline]
    pub(super) fn iter(&self) -> Unpacked<'_> {
        Unpacked { bytes: &self.bytes, at: 0 }
    }

    pub(super) fn first(&self) -> Option<Entry<'_>> {
        self.iter().next()
    }

    pub(super) fn find(&self, member: &[u8]) -> Option<Found> {
        let mut rest = self.iter();
        loop {
            let start = rest.at;
            rest.skip_score()?;
            if rest.member()? == member {
                let score = Unpacked { bytes: &self.bytes, at: start }.score()?;
                return Some(Found { score, start, end: rest.at });
            }
        }
    }

    /// The gap at the edge.
    pub(super) fn gap(&self, edge: &Edge<'_>) -> Gap {
        let mut rest = self.iter();
        let mut gap = Gap::START;
        while let Some(Entry { score, member }) = rest.next() {
            if !edge.is_after(score, || member) {
                break;
            }
            gap = Gap { index: gap.index + 1, offset: rest.at };
        }
        gap
    }

    /// The gap at the end.
    #[cfg(test)]
    pub(super) fn end(&self) -> Gap {
        Gap { index: self.len(), offset: self.bytes.len() }
    }

    /// The gap nearest to the middle of the bytes that has an entry on either side; the end if there is but one entry.
    pub(super) fn middle(&self) -> Gap {
        let mut rest = self.iter();
        let mut gap = Gap::START;
        while rest.next().is_some() {
            gap = Gap { index: gap.index + 1, offset: rest.at };
            if gap.offset * 2 >= self.bytes.len() || gap.index + 1 >= self.len() {
                break;
            }
        }
        gap
    }

    /// Puts an entry into a gap, where it belongs.
    pub(super) fn insert(&mut self, gap: Gap, entry: Entry<'_>) {
        let (before, wanted) = (self.bytes.len(), packed_bytes(entry));
        self.reserve(wanted);
        push_score(&mut self.bytes, entry.score);
        push_length(&mut self.bytes, entry.member.len());
        self.bytes.extend_from_slice(entry.member);
        debug_assert_eq!(self.bytes.len(), before + wanted);
        self.bytes[gap.offset..].rotate_right(wanted);
        self.entries += 1;
    }

    /// Removes an entry; whether it was the first.
    pub(super) fn remove(&mut self, found: Found) -> bool {
        self.bytes.drain(found.start..found.end);
        self.entries -= 1;
        self.shrink();
        found.start == 0
    }

    /// Cuts off what lies behind the gap.
    pub(super) fn split_off(&mut self, gap: Gap) -> Self {
        let mut behind = Self::default();
        behind.reserve(self.bytes.len() - gap.offset);
        behind.bytes.extend_from_slice(&self.bytes[gap.offset..]);
        behind.entries = self.entries - gap.index as u32;
        self.bytes.truncate(gap.offset);
        self.entries = gap.index as u32;
        self.shrink();
        behind
    }

    /// Appends the entries of another chunk, which all come after these.
    pub(super) fn append(&mut self, other: &Self) {
        self.reserve(other.bytes.len());
        self.bytes.extend_from_slice(&other.bytes);
        self.entries += other.entries;
    }

    fn reserve(&mut self, more: usize) {
        let wanted = self.bytes.len() + more;
        if wanted > self.bytes.capacity() {
            self.bytes.reserve_exact(room_for(wanted) - self.bytes.len());
        }
    }

    fn shrink(&mut self) {
        if self.bytes.capacity() > room_for(self.bytes.len()) + SPARE_BYTES_MAX {
            self.bytes.shrink_to(room_for(self.bytes.len()));
        }
    }
}

/// Bytes that an entry takes in a chunk.
pub(super) fn packed_bytes(entry: Entry<'_>) -> usize {
    let length_bits = (usize::BITS - entry.member.len().leading_zeros()).max(1) as usize;
    score_bytes(entry.score) + length_bits.div_ceil(7) + entry.member.len()
}

/// Bytes to allocate for so many: what the allocator would round up to anyway.
const fn room_for(bytes: usize) -> usize {
    heap_bytes(bytes)
}

/// Room that a chunk keeps for entries that come back.
const SPARE_BYTES_MAX: usize = 128;

/// Reads entry after entry.
#[derive(Clone, Debug)]
pub(super) struct Unpacked<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Unpacked<'a> {
    #[inline]
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at + count)?;
        self.at += count;
        Some(taken)
    }

    #[inline]
    fn skip_score(&mut self) -> Option<()> {
        let kind = *self.bytes.get(self.at)?;
        self.at += 1 + score_tail(kind);
        Some(())
    }

    #[inline]
    fn score(&mut self) -> Option<Score> {
        let kind = *self.bytes.get(self.at)?;
        self.at += 1;
        let tail = self.take(score_tail(kind))?;
        let mut low = [0; 8];
        low[..tail.len()].copy_from_slice(tail);
        let bits = u64::from_le_bytes(low);
        match kind {
            FLOAT_32 => Score::new(f64::from(f32::from_bits(bits as u32))),
            FLOAT_64 => Score::new(f64::from_bits(bits)),
            0..FLOAT_32 => Some(Score::of((bits >> 1) as i64 ^ -((bits & 1) as i64))),
            small => Some(Score::of(i64::from(small - SMALL))),
        }
    }

    #[inline]
    fn member(&mut self) -> Option<&'a [u8]> {
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return self.take(length);
            }
        }
    }
}

impl<'a> Iterator for Unpacked<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        Some(Entry { score: self.score()?, member: self.member()? })
    }
}

/// The number as a whole one whose sign is its lowest bit, if it is whole, small enough, and not minus zero.
fn whole(score: Score) -> Option<u64> {
    let number = score.get();
    let is_whole =
        number.fract() == 0.0 && number.abs() < WHOLE_MAX && (number != 0.0 || number.is_sign_positive());
    is_whole.then(|| {
        let number = number as i64;
        ((number << 1) ^ (number >> 63)) as u64
    })
}

fn is_short(score: Score) -> bool {
    f64::from(score.get() as f32).to_bits() == score.get().to_bits()
}

fn score_bytes(score: Score) -> usize {
    match whole(score) {
        Some(zigzag) if is_small(zigzag) => 1,
        Some(zigzag) => 1 + whole_bytes(zigzag),
        None if is_short(score) => 5,
        None => 9,
    }
}

fn push_score(bytes: &mut Vec<u8>, score: Score) {
    match whole(score) {
        Some(zigzag) if is_small(zigzag) => bytes.push((zigzag >> 1) as u8 + SMALL),
        Some(zigzag) => {
            let count = whole_bytes(zigzag);
            bytes.push(count as u8);
            bytes.extend_from_slice(&zigzag.to_le_bytes()[..count]);
        }
        None if is_short(score) => {
            bytes.push(FLOAT_32);
            bytes.extend_from_slice(&(score.get() as f32).to_bits().to_le_bytes());
        }
        None => {
            bytes.push(FLOAT_64);
            bytes.extend_from_slice(&score.get().to_bits().to_le_bytes());
        }
    }
}

const fn is_small(zigzag: u64) -> bool {
    zigzag & 1 == 0 && zigzag >> 1 <= (u8::MAX - SMALL) as u64
}

const fn whole_bytes(zigzag: u64) -> usize {
    (u64::BITS - zigzag.leading_zeros()).div_ceil(8) as usize
}

/// Bytes that follow a score's first one.
#[inline]
const fn score_tail(kind: u8) -> usize {
    match kind {
        0..FLOAT_32 => kind as usize,
        FLOAT_32 => 4,
        FLOAT_64 => 8,
        _ => 0,
    }
}

fn push_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

const FLOAT_32: u8 = 8;
const FLOAT_64: u8 = 9;
const SMALL: u8 = 10;

/// Whole numbers below it are kept as such: with their sign they fit seven bytes.
const WHOLE_MAX: f64 = (1_u64 << 53) as f64;

#[cfg(test)]
mod tests {
    use super::*;

    fn score(number: f64) -> Score {
        Score::new(number).unwrap()
    }

    #[test]
    fn every_kind_of_score_comes_back_bit_for_bit() {
        let numbers = [
            0.0,
            -0.0,
            1.0,
            245.0,
            246.0,
            -1.0,
            1e6,
            -1e15,
            9_007_199_254_740_991.0,
            9_007_199_254_740_992.0,
        ];
        let others =
            [0.5, -1.25, 0.1, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 5e-324, 1e17];
        for number in numbers.into_iter().chain(others) {
            let mut chunk = Chunk::default();
            let entry = Entry { score: score(number), member: &[b'm'; 200] };
            chunk.insert(chunk.end(), entry);
            let found = chunk.first().unwrap();
            assert_eq!(found.score.get().to_bits(), number.to_bits(), "{number}");
            assert_eq!(found.member, entry.member);
            assert_eq!(chunk.packed_bytes(), packed_bytes(entry));
        }
    }

    #[test]
    fn scores_of_little_take_little() {
        for (number, bytes) in
            [(0.0, 1), (245.0, 1), (-1.0, 2), (300.0, 3), (1e9, 5), (1.7e12, 7), (0.5, 5), (0.1, 9)]
        {
            assert_eq!(score_bytes(score(number)), bytes, "{number}");
        }
    }

    #[test]
    fn chunks_are_cut_and_joined_between_entries() {
        let mut chunk = Chunk::default();
        for (number, length) in [(1, 3), (2, 300), (3, 4)] {
            chunk.insert(chunk.end(), Entry { score: Score::of(number), member: &vec![b'x'; length] });
        }
        let all: Vec<(Score, usize)> = chunk.iter().map(|entry| (entry.score, entry.member.len())).collect();
        let behind = chunk.split_off(chunk.middle());
        assert_eq!((chunk.len(), behind.len()), (2, 1));
        chunk.append(&behind);
        assert_eq!(chunk.iter().map(|entry| (entry.score, entry.member.len())).collect::<Vec<_>>(), all);
        let found = chunk.find(&[b'x'; 300]).unwrap();
        assert!(!chunk.remove(found));
        assert!(chunk.heap_bytes() < 200, "what is left needs no more");
    }
}
