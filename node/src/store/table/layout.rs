//! The arithmetic of places: which bucket is a tag's home, before, during and after a change of the number of
//! buckets. Touches no bucket.
//!
//! A home is the tag's share of the number of buckets, so greater tags have greater or equal homes. While the number
//! changes, a frontier parts the tags: those below it are spread over `below` buckets, those from it on over the
//! greater number `above`. Homes keep the order of the tags throughout, since `below <= above`. Growing moves the
//! frontier from the end down to 0, shrinking from 0 to the end.

use std::ops::Range;

/// 24 bits of a key's hash. [`Tag::END`] is no tag, but the end of a range of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct Tag(u32);

impl Tag {
    /// One past the greatest tag.
    pub(in crate::store) const END: Self = Self(1 << BITS);

    /// Bits of a tag.
    pub(in crate::store) const BITS: u32 = BITS;

    /// The tag of a key: the topmost bits of its hash.
    #[inline]
    pub(in crate::store) const fn of_hash(hash: u64) -> Self {
        Self((hash >> (u64::BITS - BITS)) as u32)
    }

    /// A tag, or the end, from its number, such as a cursor holds it. Greater numbers are the end.
    #[inline]
    pub(in crate::store) const fn new(number: u32) -> Self {
        if number < Self::END.0 { Self(number) } else { Self::END }
    }

    /// The tag's number, at most 2^24.
    #[inline]
    pub(in crate::store) const fn number(self) -> u32 {
        self.0
    }

    #[inline]
    pub(super) const fn low(self) -> u8 {
        self.0 as u8
    }

    #[inline]
    pub(super) const fn high(self) -> u16 {
        (self.0 >> 8) as u16
    }

    #[inline]
    pub(super) const fn of_parts(high: u16, low: u8) -> Self {
        Self((high as u32) << 8 | low as u32)
    }
}

/// How the tags are spread over buckets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    below: u32,
    above: u32,
    frontier: Tag,
    course: Course,
}

/// The next piece of a change: the tags whose home is this bucket change sides.
#[derive(Clone, Debug)]
pub(super) struct Crossing {
    pub(super) bucket: usize,
    pub(super) tags: Range<Tag>,
    frontier: Tag,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Course {
    #[default]
    Settled,
    Growing,
    Shrinking,
}

impl Layout {
    /// All tags spread over so many buckets.
    pub(super) fn settled(buckets: u32) -> Self {
        Self { below: buckets, above: buckets, ..Self::default() }
    }

    #[inline]
    pub(super) fn is_settled(&self) -> bool {
        self.course == Course::Settled
    }

    /// Number of buckets that are homes; of a table that changes, the greater number.
    pub(super) fn homes(&self) -> u32 {
        self.above
    }

    /// Tags below it are spread over fewer buckets than those from it on, unless the layout is settled.
    pub(super) fn frontier(&self) -> Tag {
        self.frontier
    }

    /// The bucket where the search for a tag begins.
    #[inline]
    pub(super) fn home(&self, tag: Tag) -> usize {
        let homes = if tag < self.frontier { self.below } else { self.above };
        home_among(tag, homes)
    }

    /// The first tag whose home lies behind this bucket.
    pub(super) fn first_behind(&self, bucket: usize) -> Tag {
        let below = first_at(bucket + 1, self.below);
        if below < self.frontier { below } else { first_at(bucket + 1, self.above).max(self.frontier) }
    }

    /// Begins to spread the tags over another number of buckets. The layout must be settled.
    pub(super) fn head_for(&mut self, homes: u32) {
        debug_assert!(self.is_settled(), "one change at a time");
        if homes > self.above {
            (self.above, self.frontier, self.course) = (homes, Tag::END, Course::Growing);
        } else if homes < self.below {
            (self.below, self.frontier, self.course) = (homes, Tag::default(), Course::Shrinking);
        }
    }

    /// What is to cross next; `None` when settled.
    pub(super) fn crossing(&self) -> Option<Crossing> {
        match self.course {
            Course::Settled => None,
            Course::Growing => {
                let bucket = home_among(Tag(self.frontier.0 - 1), self.below);
                let from = first_at(bucket, self.below);
                Some(Crossing { bucket, tags: from..self.frontier, frontier: from })
            }
            Course::Shrinking => {
                let bucket = home_among(self.frontier, self.above);
                let to = first_at(bucket + 1, self.above);
                Some(Crossing { bucket, tags: self.frontier..to, frontier: to })
            }
        }
    }

    /// Moves the frontier over the tags of a crossing. True if the layout has just become a smaller one.
    pub(super) fn cross(&mut self, crossing: &Crossing) -> bool {
        self.frontier = crossing.frontier;
        let has_grown = self.course == Course::Growing && self.frontier == Tag::default();
        let has_shrunk = self.course == Course::Shrinking && self.frontier == Tag::END;
        if has_grown {
            *self = Self::settled(self.above);
        }
        if has_shrunk {
            *self = Self::settled(self.below);
        }
        has_shrunk
    }
}

#[inline]
fn home_among(tag: Tag, homes: u32) -> usize {
    ((u64::from(tag.0) * u64::from(homes)) >> BITS) as usize
}

/// The first tag whose home, among so many, is this bucket or lies behind it.
fn first_at(bucket: usize, homes: u32) -> Tag {
    let first = ((bucket as u64) << BITS).div_ceil(u64::from(homes.max(1)));
    Tag(first.min(u64::from(Tag::END.0)) as u32)
}

const BITS: u32 = 24;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(layout: &Layout, tags: &[u32]) {
        for pair in tags.windows(2) {
            assert!(layout.home(Tag(pair[0])) <= layout.home(Tag(pair[1])), "homes keep the order");
        }
        for &tag in tags {
            let home = layout.home(Tag(tag));
            assert!(home < layout.homes() as usize);
            let behind = layout.first_behind(home);
            assert!(Tag(tag) < behind && layout.home(Tag(behind.0 - 1)) == home);
            assert!(behind == Tag::END || layout.home(behind) > home);
        }
    }

    proptest! {
        #[test]
        fn homes_keep_the_order_through_every_change(
            from in 1..120_u32, to in 1..120_u32, mut tags in prop::collection::vec(0..1_u32 << BITS, 50),
        ) {
            tags.extend([0, (1 << BITS) - 1]);
            tags.sort_unstable();
            let mut layout = Layout::settled(from);
            layout.head_for(to);
            let mut crossed = Vec::new();
            while let Some(crossing) = layout.crossing() {
                prop_assert!(!crossing.tags.is_empty());
                prop_assert_eq!(layout.home(crossing.tags.start), crossing.bucket);
                check(&layout, &tags);
                crossed.extend(tags.iter().filter(|tag| crossing.tags.contains(&Tag(**tag))).copied());
                let has_shrunk = layout.cross(&crossing);
                prop_assert_eq!(has_shrunk, to < from && layout.is_settled());
            }
            crossed.sort_unstable();
            prop_assert!(crossed == tags || from == to);
            prop_assert_eq!(layout.homes(), to);
            check(&layout, &tags);
        }
    }
}
