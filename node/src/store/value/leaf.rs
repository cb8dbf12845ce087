//! A handful of pairs in one block: what a dictionary is made of. Which pair belongs into which leaf is left to the
//! dictionary.
//!
//! Layout of the block: for each pair the length of the field, a tag, field, length of the value, value; then, if there is
//! room left, a byte that ends them. The tag is a byte of the field's hash, so that a look-up compares few fields; lengths
//! are a byte each. A pair that is large is only a byte that says so and its tag; it stands in a block of its own:
//! so the others stay cheap to move, and blocks of equal size, which the allocator reuses without gaps, come and go for
//! values of equal size. Pairs of a set have no value and no length of one.

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
    /// The large pairs in the order of their places in the block, then empty slots.
    large: Box<[Box<[u8]>]>,
}

/// A pair where it lies.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) field: &'a [u8],
    pub(super) value: &'a [u8],
    tag: u8,
    span: Span,
}

/// Which bytes of the block are a pair's.
#[derive(Clone, Copy)]
struct Span {
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
        self.find(tag, field).ok().map(|pair| pair.value)
    }

    /// Sets the value of a field; whether the field is new.
    pub(super) fn set(&mut self, tag: u8, field: &[u8], value: &[u8]) -> bool {
        let old = match self.find(tag, field) {
            Err(end) => {
                self.add(end, tag, field, value);
                return true;
            }
            Ok(_) if !VALUED => return false,
            Ok(old) => old,
        };
        let (span, length) = (old.span, old.value.len());
        if length == value.len() {
            let pair = self.pair_mut(span);
            let start = pair.len() - length;
            pair[start..].copy_from_slice(value);
        } else {
            self.cut(span);
            self.add(self.end(), tag, field, value);
        }
        false
    }

    /// Removes a field; whether there was one.
    pub(super) fn remove(&mut self, tag: u8, field: &[u8]) -> bool {
        let Ok(old) = self.find(tag, field) else { return false };
        let span = old.span;
        self.cut(span);
        true
    }

    /// Takes out the pairs that `leaves` names by their fields, as a leaf of their own.
    pub(super) fn split(&mut self, mut leaves: impl FnMut(&[u8]) -> bool) -> Self {
        let spans: SmallVec<[(Span, bool); 48]> =
            self.pairs().map(|pair| (pair.span, leaves(pair.field))).collect();
        let mut all_large = self.take_large().into_iter();
        let (mut large, mut moved_large) = (Vec::new(), Vec::new());
        let mut moved: SmallVec<[u8; 1_024]> = SmallVec::new();
        let (block, mut end) = (self.block_mut(), 0);
        for (span, leaves) in spans {
            if leaves {
                moved.extend_from_slice(&block[span.start..span.end]);
            } else {
                block.copy_within(span.start..span.end, end);
                end += span.end - span.start;
            }
            if span.is_large {
                if leaves { &mut moved_large } else { &mut large }.extend(all_large.next());
            }
        }
        // Another block rather than this one made shorter: the rest of it would be a gap that few blocks fit.
        let mut kept = vec![0; block_size(end)].into_boxed_slice();
        kept[..end].copy_from_slice(&block[..end]);
        finish(&mut kept, end);
        *block = kept;
        self.add_large(large);
        let mut new = Self::default();
        let block = new.block_mut();
        resize(block, moved.len());
        block[..moved.len()].copy_from_slice(&moved);
        finish(block, moved.len());
        new.add_large(moved_large);
        new
    }

    /// Takes in all pairs of another leaf.
    pub(super) fn join(&mut self, mut other: Self) {
        let (end, more) = (self.end(), other.end());
        let block = self.block_mut();
        resize(block, end + more);
        block[end..end + more].copy_from_slice(&other.block_mut()[..more]);
        finish(block, end + more);
        self.add_large(other.take_large());
    }

    #[inline]
    pub(super) fn pairs(&self) -> Pairs<'_, VALUED> {
        let (block, large) = match self {
            Self::Plain(block) => (block, &[][..]),
            Self::Mixed(mixed) => (&mixed.block, &mixed.large[..]),
        };
        Pairs { block, at: 0, large: large.iter() }
    }

    /// Bytes of the block: room for all pairs that are not large.
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

    /// The pair of a field, or where the pairs end.
    #[inline]
    fn find(&self, tag: u8, field: &[u8]) -> Result<Pair<'_>, usize> {
        let mut pairs = self.pairs();
        pairs.find(|pair| pair.tag == tag && pair.field == field).ok_or(pairs.at)
    }

    /// Where the pairs end.
    fn end(&self) -> usize {
        self.pairs().last().map_or(0, |pair| pair.span.end)
    }

    fn add(&mut self, end: usize, tag: u8, field: &[u8], value: &[u8]) {
        let value_bytes = if VALUED { 1 + value.len() } else { 0 };
        let bytes = 2 + field.len() + value_bytes;
        let is_large = bytes > INLINE_BYTES_MAX;
        let end_after = end + if is_large { 2 } else { bytes };
        let block = self.block_mut();
        resize(block, end_after);
        let pair = &mut block[end..end_after];
        if is_large {
            pair.copy_from_slice(&[LARGE, tag]);
        } else {
            pair[..2].copy_from_slice(&[field.len() as u8, tag]);
            let (field_place, value_place) = pair[2..].split_at_mut(field.len());
            field_place.copy_from_slice(field);
            if let Some((length, value_place)) = value_place.split_first_mut() {
                *length = value.len() as u8;
                value_place.copy_from_slice(value);
            }
        }
        finish(block, end_after);
        if is_large {
            self.add_large(vec![large_pair(field, value)]);
        }
    }

    fn cut(&mut self, span: Span) {
        let end = self.end();
        if span.is_large {
            let index = self.large_before(span);
            let mut large = self.take_large();
            large.remove(index);
            self.add_large(large);
        }
        let end_after = end - (span.end - span.start);
        let block = self.block_mut();
        block.copy_within(span.end..end, span.start);
        resize(block, end_after);
        finish(block, end_after);
    }

    /// The bytes of a pair, its value at their end.
    fn pair_mut(&mut self, span: Span) -> &mut [u8] {
        let index = if span.is_large { self.large_before(span) } else { 0 };
        match self {
            Self::Mixed(mixed) => {
                if span.is_large {
                    &mut mixed.large[index]
                } else {
                    &mut mixed.block[span.start..span.end]
                }
            }
            Self::Plain(block) => &mut block[span.start..span.end],
        }
    }

    /// How many large pairs come before this place.
    fn large_before(&self, span: Span) -> usize {
        let before = self.pairs().take_while(|pair| pair.span.start < span.start);
        before.filter(|pair| pair.span.is_large).count()
    }

    fn block_mut(&mut self) -> &mut Box<[u8]> {
        match self {
            Self::Plain(block) => block,
            Self::Mixed(mixed) => &mut mixed.block,
        }
    }

    /// Takes the large pairs out; their places in the block stay.
    fn take_large(&mut self) -> Vec<Box<[u8]>> {
        match std::mem::take(self) {
            Self::Plain(block) => {
                *self = Self::Plain(block);
                Vec::new()
            }
            Self::Mixed(mixed) => {
                *self = Self::Plain(mixed.block);
                let mut large = mixed.large.into_vec();
                large.retain(|pair| !pair.is_empty());
                large
            }
        }
    }

    /// Adds large pairs whose places in the block are the last.
    fn add_large(&mut self, more: Vec<Box<[u8]>>) {
        if more.is_empty() {
            return;
        }
        let mut large = self.take_large();
        let slots = (large.len() + more.len()).next_multiple_of(LARGE_SLOTS_STEP);
        large.reserve_exact(slots.saturating_sub(large.len()));
        large.extend(more);
        large.resize_with(slots, Box::default);
        let block = std::mem::take(self.block_mut());
        *self = Self::Mixed(Box::new(Mixed { block, large: large.into_boxed_slice() }));
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
        let (&length, &tag) = (self.block.get(start)?, self.block.get(start + 1).unwrap_or(&0));
        if length == END {
            return None;
        }
        let field_start = start + 2;
        if length == LARGE {
            let (field, value) = split_large(self.large.next()?)?;
            self.at = field_start;
            return Some(Pair { field, value, tag, span: Span { start, end: field_start, is_large: true } });
        }
        let mut end = field_start + usize::from(length);
        let field = self.block.get(field_start..end)?;
        let mut value = &[][..];
        if VALUED {
            let value_start = end + 1;
            end = value_start + usize::from(*self.block.get(value_start - 1)?);
            value = self.block.get(value_start..end)?;
        }
        self.at = end;
        Some(Pair { field, value, tag, span: Span { start, end, is_large: false } })
    }
}

/// Gives a block the size for so many bytes; the content stays as far as it fits.
fn resize(block: &mut Box<[u8]>, bytes: usize) {
    let size = block_size(bytes);
    if size == block.len() {
        return;
    }
    let mut bytes = std::mem::take(block).into_vec();
    bytes.reserve_exact(size.saturating_sub(bytes.len()));
    bytes.resize(size, 0);
    *block = bytes.into_boxed_slice();
}

/// The size of a block for so many bytes: what the allocator hands out anyway, so that most pairs that come or go
/// leave the block where it is.
const fn block_size(bytes: usize) -> usize {
    heap_bytes(bytes)
}

/// Notes that the pairs end here.
fn finish(block: &mut [u8], end: usize) {
    if let Some(byte) = block.get_mut(end) {
        *byte = END;
    }
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

/// A pair of more bytes, with its lengths and tag, stands in a block of its own.
const INLINE_BYTES_MAX: usize = 250;

const LARGE_HEADER_BYTES: usize = 4;

/// Slots for large pairs come in so many: a list that moved for each would leave gaps between long-lived pairs.
const LARGE_SLOTS_STEP: usize = 8;

/// Stands where a pair would begin, after the last.
const END: u8 = 254;

/// Stands in place of the length of a field whose pair is large.
const LARGE: u8 = 255;

const _: () = assert!(INLINE_BYTES_MAX < END as usize, "a length is a byte that is neither END nor LARGE");

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
        let length = [1, 2, 3, 120, 246, 247, 1_200][usize::from(number % 7)];
        std::iter::repeat_n(number, length).collect()
    }

    proptest! {
        #[test]
        fn behaves_like_a_map(
            steps in proptest::collection::vec(
                (0..5_u8, 0..20_u8, prop_oneof![0..5_usize, 120..130_usize, 243..252_usize, Just(70_000)]), 0..120),
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
                let is_plain = model.iter().all(|(field, value)| field.len() + value.len() <= INLINE_BYTES_MAX - 3);
                prop_assert_eq!(matches!(leaf, Leaf::Plain(_)), is_plain);
                for (field, value) in &model {
                    prop_assert_eq!(leaf.get(field[0] / 3, field), Some(&value[..]));
                }
            }
        }
    }
}
