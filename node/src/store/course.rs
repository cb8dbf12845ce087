//! The order in which the keys of a partition are told to a copy: windows of tags of one size, in the order of their numbers
//! with the bits reversed. In the order of the tags themselves the copy's table, which keeps that order, would be full at its
//! lower end and empty behind it while it grows: every key would be pushed behind all before it.

use std::ops::Range;

use super::table::Tag;

/// How far a copy of a partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Course {
    /// There are two to the power of this many windows.
    bits: u32,
    /// Windows that are done.
    turn: u32,
    /// Tags of the next window that are done.
    done: u32,
}

impl Course {
    /// A course over windows of about so many entries, where there are so many in all.
    pub(super) fn new(entries: usize, window: usize) -> Self {
        let windows = (entries / window.max(1)).clamp(1, 1 << BITS_MAX);
        Self { bits: windows.ilog2(), turn: 0, done: 0 }
    }

    /// The course that a cursor tells of; none if it is the start.
    pub(super) const fn of_cursor(cursor: u64) -> Option<Self> {
        let Some(bits) = ((cursor >> BITS_SHIFT) as u32).checked_sub(1) else { return None };
        // One that nobody gave is as good as any.
        let bits = if bits > BITS_MAX { BITS_MAX } else { bits };
        let turn = (cursor >> Tag::BITS) as u32 & TURN_MASK;
        Some(Self { bits, turn, done: cursor as u32 & (Tag::END.number() - 1) })
    }

    /// Where to go on, never 0; none at the end.
    pub(super) fn cursor(&self) -> Option<u64> {
        let cursor = u64::from(self.bits + 1) << BITS_SHIFT | u64::from(self.turn) << Tag::BITS;
        (!self.is_over()).then_some(cursor | u64::from(self.done))
    }

    /// What is left of the window that comes next; none at the end.
    pub(super) fn rest(&self) -> Option<Range<Tag>> {
        let size = Tag::END.number() >> self.bits;
        let number = match self.bits {
            0 => 0,
            bits => self.turn.reverse_bits() >> (u32::BITS - bits),
        };
        let tags = Tag::new(number * size + self.done)..Tag::new((number + 1) * size);
        (!self.is_over()).then_some(tags)
    }

    /// The window that comes next is done up to this tag.
    pub(super) fn reach(&mut self, tag: Tag) {
        let Some(rest) = self.rest() else { return };
        if tag >= rest.end {
            (self.turn, self.done) = (self.turn + 1, 0);
        } else {
            self.done += tag.number() - rest.start.number();
        }
    }

    const fn is_over(&self) -> bool {
        self.turn >> self.bits > 0
    }
}

/// More windows than this are of no use: a shard has tags for so many.
const BITS_MAX: u32 = 16;

/// A cursor is the number of windows, the windows done, the tags done.
const BITS_SHIFT: u32 = 48;
const TURN_MASK: u32 = (1 << (BITS_SHIFT - Tag::BITS)) - 1;

const _: () = assert!(BITS_MAX < BITS_SHIFT - Tag::BITS && BITS_MAX <= Tag::BITS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_comes_once_whatever_the_steps() {
        for (entries, step) in [(0, 1 << 24), (100, 4_000_000), (1_000, 300_000), (100_000, 9_999)] {
            let mut course = Course::new(entries, 128);
            let (mut seen, mut cursor) = (Vec::new(), course.cursor());
            while let Some(rest) = course.rest() {
                assert_eq!(Course::of_cursor(cursor.unwrap()), Some(course));
                let to = Tag::new((rest.start.number() + step).min(rest.end.number()));
                seen.push(rest.start.number()..to.number());
                course.reach(to);
                cursor = course.cursor();
            }
            assert_eq!(cursor, None);
            seen.sort_by_key(|range| range.start);
            assert!(seen.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert_eq!((seen[0].start, seen.last().unwrap().end), (0, Tag::END.number()));
        }
        assert_eq!(Course::of_cursor(0), None);
    }
}
