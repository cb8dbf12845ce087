//! Byte strings in one allocation, in order, walked from either end: a small list, or one node of a large one. How large
//! a node may become is left to the owner.
//!
//! Layout of an entry: length, bytes, and the size of both together. Numbers have 7 bits a byte, low first, the highest bit
//! set where more follow; the size at the end is written backwards, so that it is read from the end.

use std::ops::Range;

use crate::store::value::heap_bytes;

/// The entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    bytes: Vec<u8>,
    count: u32,
}

impl Node {
    /// A node of one entry, without room to spare.
    pub(super) fn of(value: &[u8]) -> Self {
        let mut node = Self::default();
        node.bytes.reserve_exact(entry_bytes(value.len()));
        node.insert(0, value);
        node
    }

    /// Number of entries.
    pub(super) const fn len(&self) -> usize {
        self.count as usize
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of all entries with their lengths.
    pub(super) const fn entries_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        heap_bytes(self.bytes.capacity())
    }

    pub(super) const fn iter(&self) -> Entries<'_> {
        Entries { bytes: self.bytes.as_slice(), left: self.count }
    }

    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let start = self.start_of(index);
        read_entry(self.bytes.get(start..)?).map(|(value, _)| value)
    }

    /// Puts an entry before the one at `index`, or behind the last.
    pub(super) fn insert(&mut self, index: usize, value: &[u8]) {
        let (start, end, size) = (self.start_of(index), self.bytes.len(), entry_bytes(value.len()));
        self.reserve(size);
        if start == end {
            write_entry(&mut self.bytes, value);
        } else {
            self.bytes.resize(end + size, 0);
            self.bytes.copy_within(start..end, start + size);
            place_entry(&mut self.bytes[start..start + size], value);
        }
        self.count += 1;
    }

    /// Replaces the entry at `index`, which is there.
    pub(super) fn set(&mut self, index: usize, value: &[u8]) {
        let (start, end) = (self.start_of(index), self.start_of(index + 1));
        if end - start == entry_bytes(value.len()) {
            place_entry(&mut self.bytes[start..end], value);
        } else {
            self.remove(index, 1);
            self.insert(index, value);
        }
    }

    /// Removes `count` entries from `index` on, as far as they are there.
    pub(super) fn remove(&mut self, index: usize, count: usize) {
        let count = count.min(self.len().saturating_sub(index));
        let (start, end) = (self.start_of(index), self.start_of(index + count));
        self.bytes.drain(start..end);
        self.count -= count as u32;
        if self.bytes.len() * 2 < self.bytes.capacity() {
            self.close();
        }
    }

    /// Takes away the entries from `index` on.
    pub(super) fn split_off(&mut self, index: usize) -> Self {
        let start = self.start_of(index);
        let count = self.count.saturating_sub(index as u32);
        let tail = Self { bytes: self.bytes[start..].to_vec(), count };
        self.bytes.truncate(start);
        self.count -= count;
        self.close();
        tail
    }

    /// Adds the entries of another node behind the last.
    pub(super) fn append(&mut self, other: &Self) {
        self.bytes.reserve_exact(other.bytes.len());
        self.bytes.extend_from_slice(&other.bytes);
        self.count += other.count;
    }

    /// Removes up to `count` entries equal to `value`, the first ones or the last ones, and returns how many.
    pub(super) fn remove_equal(&mut self, value: &[u8], from_end: bool, count: usize) -> usize {
        let found = self.iter().filter(|entry| *entry == value).count();
        let removed = found.min(count);
        if removed == 0 {
            return 0;
        }
        // Matches that are passed over before the first one that goes.
        let mut spared = if from_end { found - removed } else { 0 };
        let mut left = removed;
        let kept_bytes = self.bytes.len() - removed * entry_bytes(value.len());
        let mut kept = Vec::with_capacity(kept_bytes);
        for entry in self.iter() {
            if entry != value || spared > 0 || left == 0 {
                spared -= usize::from(entry == value && spared > 0);
                write_entry(&mut kept, entry);
            } else {
                left -= 1;
            }
        }
        self.bytes = kept;
        self.count -= removed as u32;
        removed
    }

    /// Gives room to spare back: the node will hardly grow.
    pub(super) fn close(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Where the entry at `index` begins; the end, if there is none.
    fn start_of(&self, index: usize) -> usize {
        if index >= self.len() {
            return self.bytes.len();
        }
        let mut entries = self.iter();
        if index <= self.len() / 2 {
            entries.by_ref().take(index).for_each(drop);
            self.bytes.len() - entries.bytes.len()
        } else {
            entries.by_ref().rev().take(self.len() - index).for_each(drop);
            entries.bytes.len()
        }
    }

    /// Makes room for so many bytes more. A node that is growing large gets an eighth on top, since who adds one entry adds
    /// others; there are many small ones, and they are cheap to move.
    fn reserve(&mut self, more: usize) {
        let needed = self.bytes.len() + more;
        if needed > self.bytes.capacity() {
            let spare = if SPARE_NODE_BYTES.contains(&needed) { needed / 8 } else { 0 };
            // Up to what the allocator takes for it anyway.
            let room = heap_bytes(needed + spare);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
    }
}

/// Walks the entries of a node from either end.
#[derive(Clone)]
pub(super) struct Entries<'a> {
    /// The entries that are still to come, whole.
    bytes: &'a [u8],
    left: u32,
}

impl<'a> Iterator for Entries<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (value, size) = read_entry(self.bytes)?;
        self.bytes = self.bytes.get(size..)?;
        self.left -= 1;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Entries<'_> {}

impl DoubleEndedIterator for Entries<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let (size, mark) = read_number(self.bytes.iter().rev())?;
        let start = self.bytes.len().checked_sub(size + mark)?;
        let (value, _) = read_entry(&self.bytes[start..])?;
        self.bytes = &self.bytes[..start];
        self.left -= 1;
        Some(value)
    }
}

/// Bytes that an entry takes for a value of so many.
pub(super) const fn entry_bytes(length: usize) -> usize {
    let front = number_bytes(length) + length;
    front + number_bytes(front)
}

/// The value of the entry that begins here, and the bytes of the whole entry.
#[inline]
fn read_entry(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (length, head) = read_number(bytes.iter())?;
    let front = head + length;
    Some((bytes.get(head..front)?, front + number_bytes(front)))
}

/// A number and how many bytes it took.
#[inline]
fn read_number<'b>(bytes: impl Iterator<Item = &'b u8>) -> Option<(usize, usize)> {
    let (mut number, mut shift, mut count) = (0_usize, 0, 0);
    for byte in bytes {
        number |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        count += 1;
        if byte & 0x80 == 0 {
            return Some((number, count));
        }
    }
    None
}

fn write_entry(bytes: &mut Vec<u8>, value: &[u8]) {
    let start = bytes.len();
    write_number(value.len(), |byte| bytes.push(byte));
    bytes.extend_from_slice(value);
    let mark = bytes.len();
    write_number(mark - start, |byte| bytes.push(byte));
    bytes[mark..].reverse();
}

/// Writes an entry into exactly the bytes that it takes.
fn place_entry(place: &mut [u8], value: &[u8]) {
    let head = number_bytes(value.len());
    let front = head + value.len();
    let mut slots = place[..head].iter_mut();
    write_number(value.len(), |byte| slots.by_ref().take(1).for_each(|slot| *slot = byte));
    place[head..front].copy_from_slice(value);
    let mut slots = place[front..].iter_mut().rev();
    write_number(front, |byte| slots.by_ref().take(1).for_each(|slot| *slot = byte));
}

fn write_number(mut number: usize, mut write: impl FnMut(u8)) {
    while number >= 0x80 {
        write(number as u8 | 0x80);
        number >>= 7;
    }
    write(number as u8);
}

const fn number_bytes(number: usize) -> usize {
    match number {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        _ => 5,
    }
}

/// Size of nodes that keep room to spare while they grow. Beyond it there is a single value in most.
const SPARE_NODE_BYTES: Range<usize> = 512..16 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node_of(values: &[Vec<u8>]) -> Node {
        let mut node = Node::default();
        for (index, value) in values.iter().enumerate() {
            node.insert(index, value);
        }
        node
    }

    #[test]
    fn an_entry_says_its_size_at_both_ends() {
        for length in [0, 1, 125, 126, 127, 128, 16_380, 16_384, 2_097_150, 2_097_152] {
            let values = [vec![b'a'; 3], vec![7; length], vec![b'b'; 5]];
            let mut node = node_of(&values);
            assert_eq!(
                node.entries_bytes(),
                values.iter().map(|value| entry_bytes(value.len())).sum::<usize>()
            );
            assert!(node.iter().eq(&values) && node.iter().rev().eq(values.iter().rev()), "{length}");
            node.set(1, b"x");
            node.insert(1, &values[1]);
            node.set(2, &values[1]);
            assert!(node.iter().rev().eq([&values[2], &values[1], &values[1], &values[0]]), "{length}");
        }
        assert_eq!([0, 126, 127, 128].map(entry_bytes), [2, 128, 130, 132]);
    }

    #[test]
    fn small_nodes_have_no_room_to_spare() {
        let node = node_of(&vec![vec![0; 10]; 3]);
        assert_eq!(node.heap_bytes(), heap_bytes(node.entries_bytes() + 4));
        let node = Node::of(&[0; 1_000]);
        assert_eq!(node.bytes.capacity(), node.entries_bytes());
    }

    proptest! {
        #[test]
        fn behaves_like_a_vector(
            values in proptest::collection::vec(proptest::collection::vec(0..2_u8, 0..3), 0..30),
            at in 0..31_usize,
            count in 0..31_usize,
            kind in 0..6_u8,
            long in 0..300_usize,
        ) {
            let (mut node, mut model) = (node_of(&values), values);
            let at = at.min(model.len());
            let mut rest = None;
            match kind {
                0 => {
                    node.insert(at, &vec![9; long]);
                    model.insert(at, vec![9; long]);
                }
                1 if at < model.len() => {
                    node.set(at, &vec![9; long]);
                    model[at] = vec![9; long];
                }
                2 => {
                    node.remove(at, count);
                    model.drain(at..(at + count).min(model.len()));
                }
                3 => rest = Some((node.split_off(at), model.split_off(at))),
                4 => {
                    let other = node.clone();
                    node.append(&other);
                    model.extend(model.clone());
                }
                _ => {
                    let matches = |value: &&Vec<u8>| **value == [1];
                    let expected = model.iter().filter(matches).count().min(count);
                    prop_assert_eq!(node.remove_equal(&[1], long % 2 == 0, count), expected);
                    for _ in 0..expected {
                        let mut places = model.iter();
                        let place = if long % 2 == 0 { places.rposition(|v| v == &[1]) } else { places.position(|v| v == &[1]) };
                        model.remove(place.unwrap());
                    }
                }
            }
            for (node, model) in [(node, model)].into_iter().chain(rest) {
                prop_assert_eq!(node.len(), model.len());
                prop_assert!(node.iter().eq(&model));
                prop_assert!(node.iter().rev().eq(model.iter().rev()));
                for (index, value) in model.iter().enumerate() {
                    prop_assert_eq!(node.get(index), Some(&value[..]));
                }
                prop_assert_eq!(node.get(model.len()), None);
            }
        }
    }
}
