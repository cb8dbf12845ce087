//! A handful of pairs in one block: what a dictionary is made of. Which pair belongs into which leaf is left to the
//! dictionary.
//!
//! Layout of the block: for each pair a tag, length of the field, field, length of the value, value. The tag is a byte of
//! the field's hash, so that a look-up compares few fields. A length below 240 is one byte, another two: 240 and its high
//! byte, low byte. A pair that is large is only a tag and a byte that says so; it stands in a block of its own, so
//! that the others stay cheap to move. Pairs of a set have no value and no length of one.

use smallvec::SmallVec;

use super::heap_bytes;

/// The pairs. `VALUED` says whether they have values.
#[derive(Debug, Clone)]
pub(super) enum Leaf<const VALUED: bool> {
    /// All in one block.
    Plain(Box<[u8]>),
    /// Some are large. A leaf so costs a directory no more than the block's address and length.
    Mixed(Box<Mixed>),
}

/// Pairs of which some are large.
#[derive(Debug, Clone)]
pub(super) struct Mixed {
    block: Box<[u8]>,
    /// The large pairs in the order of their places in the block.
    large: Box<[Box<[u8]>]>,
}

/// A pair where it lies.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) field: &'a [u8],
    pub(super) value: &'a [u8],
    tag: u8,
    start: usize,
    end: usize,
    is_large: bool,
}

impl<const VALUED: bool> Default for Leaf<VALUED> {
    fn default() -> Self {
        Self::Plain(Box::default())
    }
}

impl<const VALUED: bool> Leaf<VALUED> {
    #[inline]
    pub(super) fn get(&self, tag: u8, field: &[u8]) -> Option<&[u8]> {
        self.find(tag, field).map(|pair| pair.value)
    }

    /// Sets the value of a field; whether the field is new.
    pub(super) fn set(&mut self, tag: u8, field: &[u8], value: &[u8]) -> bool {
        let Some(old) = self.find(tag, field) else {
            self.add(tag, field, value);
            return true;
        };
        if !VALUED {
            return false;
        }
        if !old.is_large && old.value.len() == value.len() {
            let end = old.end;
            self.block_mut()[end - value.len()..end].copy_from_slice(value);
        } else {
            let old = Gap::of(&old);
            self.cut(old);
            self.add(tag, field, value);
        }
        false
    }

    /// Removes a field; whether there was one.
    pub(super) fn remove(&mut self, tag: u8, field: &[u8]) -> bool {
        let Some(old) = self.find(tag, field) else { return false };
        let old = Gap::of(&old);
        self.cut(old);
        true
    }

    /// Takes out the pairs that `leaves` names by their fields, as a leaf of their own.
    pub(super) fn split(&mut self, mut leaves: impl FnMut(&[u8]) -> bool) -> Self {
        let mut moves: SmallVec<[bool; 64]> = SmallVec::new();
        let mut moved_bytes = 0;
        for pair in self.pairs() {
            let moved = leaves(pair.field);
            moves.push(moved);
            moved_bytes += if moved { pair.end - pair.start } else { 0 };
        }
        let (block, large) = self.take();
        let mut kept = Vec::with_capacity(block.len() - moved_bytes);
        let mut moved = Vec::with_capacity(moved_bytes);
        let (mut kept_large, mut moved_large) = (Vec::new(), Vec::new());
        let mut large = large.into_iter();
        let mut at = 0;
        for moves in moves {
            let Some(place) = Place::read::<VALUED>(&block, at) else { break };
            let bytes = &block[at..place.end];
            if moves {
                moved.extend_from_slice(bytes)
            } else {
                kept.extend_from_slice(bytes)
            }
            if place.is_large {
                let to = if moves { &mut moved_large } else { &mut kept_large };
                to.extend(large.next());
            }
            at = place.end;
        }
        *self = Self::of(kept, kept_large);
        Self::of(moved, moved_large)
    }

    /// Takes in all pairs of another leaf.
    pub(super) fn join(&mut self, mut other: Self) {
        let (more, more_large) = other.take();
        let (block, mut large) = self.take();
        let mut block = block.into_vec();
        block.reserve_exact(more.len());
        block.extend_from_slice(&more);
        large.reserve_exact(more_large.len());
        large.extend(more_large);
        *self = Self::of(block, large);
    }

    pub(super) fn pairs(&self) -> Pairs<'_, VALUED> {
        let (block, large) = match self {
            Self::Plain(block) => (block, &[][..]),
            Self::Mixed(mixed) => (&mixed.block, &mixed.large[..]),
        };
        Pairs { block, at: 0, large: large.iter() }
    }

    /// Bytes of the block: all pairs that are not large.
    #[inline]
    pub(super) fn block_bytes(&self) -> usize {
        match self {
            Self::Plain(block) => block.len(),
            Self::Mixed(mixed) => mixed.block.len(),
        }
    }

    /// Bytes on the heap.
    #[inline]
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Plain(block) => heap_bytes(block.len()),
            Self::Mixed(mixed) => {
                heap_bytes(size_of::<Mixed>())
                    + heap_bytes(mixed.block.len())
                    + heap_bytes(size_of_val(&*mixed.large))
                    + mixed.large.iter().map(|pair| heap_bytes(pair.len())).sum::<usize>()
            }
        }
    }

    #[inline]
    fn find(&self, tag: u8, field: &[u8]) -> Option<Pair<'_>> {
        self.pairs().find(|pair| pair.tag == tag && pair.field == field)
    }

    fn add(&mut self, tag: u8, field: &[u8], value: &[u8]) {
        let (block, mut large) = self.take();
        let mut block = block.into_vec();
        let bytes = 1
            + length_bytes(field.len())
            + field.len()
            + if VALUED { length_bytes(value.len()) + value.len() } else { 0 };
        if bytes > LARGE_BYTES_MIN {
            block.reserve_exact(2);
            block.extend([tag, LARGE]);
            large.reserve_exact(1);
            large.push(large_pair(field, value));
        } else {
            block.reserve_exact(bytes);
            block.push(tag);
            push_string(&mut block, field);
            if VALUED {
                push_string(&mut block, value);
            }
        }
        *self = Self::of(block, large);
    }

    fn cut(&mut self, gap: Gap) {
        if let (true, Self::Mixed(mixed)) = (gap.is_large, &mut *self) {
            let before = Pairs::<VALUED> { block: &mixed.block, at: 0, large: mixed.large.iter() }
                .take_while(|pair| pair.start < gap.start)
                .filter(|pair| pair.is_large)
                .count();
            let mut large = std::mem::take(&mut mixed.large).into_vec();
            large.remove(before);
            mixed.large = large.into_boxed_slice();
        }
        let (block, large) = self.take();
        let mut block = block.into_vec();
        block.drain(gap.start..gap.end);
        *self = Self::of(block, large);
    }

    fn of(block: Vec<u8>, large: Vec<Box<[u8]>>) -> Self {
        let block = block.into_boxed_slice();
        if large.is_empty() {
            return Self::Plain(block);
        }
        Self::Mixed(Box::new(Mixed { block, large: large.into_boxed_slice() }))
    }

    fn take(&mut self) -> (Box<[u8]>, Vec<Box<[u8]>>) {
        match std::mem::take(self) {
            Self::Plain(block) => (block, Vec::new()),
            Self::Mixed(mixed) => (mixed.block, mixed.large.into_vec()),
        }
    }

    fn block_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Plain(block) => block,
            Self::Mixed(mixed) => &mut mixed.block,
        }
    }
}

/// Where a pair lay that is to be removed.
struct Gap {
    start: usize,
    end: usize,
    is_large: bool,
}

impl Gap {
    const fn of(pair: &Pair<'_>) -> Self {
        Self { start: pair.start, end: pair.end, is_large: pair.is_large }
    }
}

/// Walks the pairs of a leaf.
pub(super) struct Pairs<'a, const VALUED: bool> {
    block: &'a [u8],
    at: usize,
    large: std::slice::Iter<'a, Box<[u8]>>,
}

impl<'a, const VALUED: bool> Iterator for Pairs<'a, VALUED> {
    type Item = Pair<'a>;

    #[inline]
    fn next(&mut self) -> Option<Pair<'a>> {
        let start = self.at;
        let place = Place::read::<VALUED>(self.block, start)?;
        self.at = place.end;
        let (field, value) = if place.is_large {
            split_large(self.large.next()?)?
        } else {
            let value_start = place.end - place.value_length;
            (
                self.block.get(place.field_start..place.field_start + place.field_length)?,
                self.block.get(value_start..place.end)?,
            )
        };
        Some(Pair { field, value, tag: place.tag, start, end: place.end, is_large: place.is_large })
    }
}

/// Where the parts of a pair lie in the block.
struct Place {
    tag: u8,
    field_start: usize,
    field_length: usize,
    value_length: usize,
    end: usize,
    is_large: bool,
}

impl Place {
    #[inline]
    fn read<const VALUED: bool>(block: &[u8], start: usize) -> Option<Self> {
        let (&tag, &length) = (block.get(start)?, block.get(start + 1)?);
        if length == LARGE {
            let end = start + 2;
            return Some(Self {
                tag,
                field_start: end,
                field_length: 0,
                value_length: 0,
                end,
                is_large: true,
            });
        }
        let (field_length, field_start) = read_length(block, start + 1)?;
        let mut end = field_start + field_length;
        let mut value_length = 0;
        if VALUED {
            (value_length, end) = read_length(block, end)?;
            end += value_length;
        }
        Some(Self { tag, field_start, field_length, value_length, end, is_large: false })
    }
}

/// The length that stands here, and where it ends.
#[inline]
fn read_length(block: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = *block.get(at)?;
    if first < LONG {
        return Some((usize::from(first), at + 1));
    }
    let low = *block.get(at + 1)?;
    Some((usize::from(first - LONG) << 8 | usize::from(low), at + 2))
}

fn push_string(block: &mut Vec<u8>, string: &[u8]) {
    let length = string.len();
    if length < usize::from(LONG) {
        block.push(length as u8);
    } else {
        block.extend([LONG + (length >> 8) as u8, length as u8]);
    }
    block.extend_from_slice(string);
}

const fn length_bytes(length: usize) -> usize {
    if length < LONG as usize { 1 } else { 2 }
}

/// A large pair in its block: the field's length in four bytes, field, value.
fn large_pair(field: &[u8], value: &[u8]) -> Box<[u8]> {
    let mut pair = Vec::with_capacity(LARGE_HEADER_BYTES + field.len() + value.len());
    pair.extend_from_slice(&(field.len() as u32).to_le_bytes());
    pair.extend_from_slice(field);
    pair.extend_from_slice(value);
    pair.into_boxed_slice()
}

fn split_large(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, strings) = pair.split_first_chunk::<LARGE_HEADER_BYTES>()?;
    strings.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// A pair of more bytes stands in a block of its own.
const LARGE_BYTES_MIN: usize = 1_024;

const LARGE_HEADER_BYTES: usize = 4;

/// First byte of a length that takes two; those of pairs that are not large reach 4 further.
const LONG: u8 = 240;

/// Stands in place of the length of a field whose pair is large.
const LARGE: u8 = 255;

const _: () = assert!(LARGE_BYTES_MIN < ((LARGE - LONG) as usize) << 8);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_leaf_is_two_words_in_a_directory() {
        assert_eq!((size_of::<Leaf<true>>(), size_of::<Leaf<false>>()), (16, 16));
    }

    type Model = BTreeMap<Vec<u8>, Vec<u8>>;

    fn plain(leaf: &Leaf<true>) -> Model {
        let pairs: Vec<_> = leaf.pairs().map(|pair| (pair.field.to_vec(), pair.value.to_vec())).collect();
        let model: Model = pairs.iter().cloned().collect();
        assert_eq!(model.len(), pairs.len(), "a field twice");
        model
    }

    fn field(number: u8) -> Vec<u8> {
        let length = [1, 2, 3, 239, 240, 600, 1_200][usize::from(number % 7)];
        std::iter::repeat_n(number, length).collect()
    }

    proptest! {
        #[test]
        fn behaves_like_a_map(
            steps in proptest::collection::vec(
                (0..5_u8, 0..20_u8, prop_oneof![0..5_usize, 238..243_usize, 1_000..1_040_usize, Just(70_000)]), 0..120),
        ) {
            let (mut leaf, mut model) = (Leaf::<true>::default(), Model::new());
            for (kind, number, length) in steps {
                let (field, tag) = (field(number), number / 3);
                match kind {
                    0 => prop_assert_eq!(leaf.remove(tag, &field), model.remove(&field).is_some()),
                    1 => {
                        let apart = leaf.split(|field| field[0] % 2 == 1);
                        prop_assert!(plain(&leaf).keys().all(|field| field[0] % 2 == 0));
                        prop_assert!(plain(&apart).keys().all(|field| field[0] % 2 == 1));
                        leaf.join(apart);
                    }
                    _ => {
                        let value = vec![kind; length];
                        prop_assert_eq!(leaf.set(tag, &field, &value), model.insert(field, value).is_none());
                    }
                }
                prop_assert_eq!(&plain(&leaf), &model);
                let is_plain = model.iter().all(|(field, value)| field.len() + value.len() < 1_000);
                if is_plain {
                    prop_assert!(matches!(leaf, Leaf::Plain(_)));
                }
                for (field, value) in &model {
                    prop_assert_eq!(leaf.get(field[0] / 3, field), Some(&value[..]));
                }
            }
        }
    }
}
