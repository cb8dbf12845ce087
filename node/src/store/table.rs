//! The index of one shard: from tags of keys to where their items lie. Knows neither keys nor items: who looks up
//! compares the keys.
//!
//! A row of buckets of one cache line each. An entry lies in the first bucket that had a place free from its home on,
//! so every entry is reached from its home through full buckets, and the first bucket that is not full ends a search.
//! There is no wrap-around: behind the last home the row is as long as it needs to be.
//!
//! The table lies behind a lock: readers have `&Table`, writers `&mut Table`. Usages change through `&Table`.

mod bucket;
mod buckets;
mod homes;
mod layout;
mod resize;
#[cfg(test)]
mod tests;
mod walk;

use smallvec::SmallVec;

use bucket::PLACES;
pub(super) use bucket::{Bucket, Entry};
use buckets::Buckets;
pub(super) use homes::Homes;
use layout::Layout;
pub(super) use layout::Tag;

/// The index of a shard. Empty, it has no memory.
#[derive(Debug, Default)]
pub(super) struct Table {
    buckets: Buckets,
    layout: Layout,
    len: usize,
}

/// Where an entry lies; holds until the table is changed through `&mut` other than by [`Table::set_at`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    bucket: u32,
    place: u8,
}

impl Table {
    /// Number of entries.
    #[cfg(any(test, feature = "recount"))]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Number of buckets, with those behind the last home.
    #[cfg(test)]
    pub(super) fn buckets(&self) -> usize {
        self.buckets.as_slice().len()
    }

    /// Bytes of the buckets.
    pub(super) fn bytes(&self) -> usize {
        self.buckets.bytes()
    }

    /// The first entry with this tag for which `is`, given where the item lies, holds.
    #[inline]
    pub(super) fn find(&self, tag: Tag, mut is: impl FnMut(u32) -> bool) -> Option<Place> {
        let home = self.layout.home(tag);
        let mut reach = 0;
        for (offset, bucket) in self.buckets.as_slice().get(home..)?.iter().enumerate() {
            if let Some(place) = bucket.matches(tag).find(|&place| is(bucket.at(place))) {
                return Some(Place::new(home + offset, place));
            }
            if offset == 0 {
                reach = bucket.reach();
            }
            if offset == reach || !bucket.is_full() {
                return None;
            }
        }
        None
    }

    /// Where the item of the first entry with this tag lies: most likely the one that [`Table::find`] will find.
    #[inline]
    pub(super) fn candidate(&self, tag: Tag) -> Option<u32> {
        self.find(tag, |_| true).map(|place| self.at(place))
    }

    /// Adds an entry, whether or not there is one with the same tag. `at` must not be 0.
    pub(super) fn insert(&mut self, tag: Tag, at: u32, usage: u16) -> Place {
        debug_assert!(at != 0 && tag < Tag::END, "an entry is of an item");
        self.make_room();
        self.len += 1;
        self.put(Entry { tag, at, usage })
    }

    /// Takes an entry out; `None` if there is none at this place.
    pub(super) fn remove(&mut self, place: Place) -> Option<Entry> {
        let taken = self.take(place.bucket as usize, usize::from(place.place))?;
        self.len -= 1;
        self.make_less();
        Some(taken)
    }

    /// Where the item lies.
    #[inline]
    pub(super) fn at(&self, place: Place) -> u32 {
        self.bucket(place).at(usize::from(place.place))
    }

    /// Notes that the item lies elsewhere now; not at 0.
    #[inline]
    pub(super) fn set_at(&mut self, place: Place, at: u32) {
        debug_assert!(at != 0, "an entry is of an item");
        self.buckets.as_mut_slice()[place.bucket as usize].set_at(usize::from(place.place), at);
    }

    /// The use of the item.
    #[inline]
    pub(super) fn usage(&self, place: Place) -> u16 {
        self.bucket(place).usage(usize::from(place.place))
    }

    /// Sets the use of the item, for which the shared lock is enough. Of two at a time one wins.
    #[inline]
    pub(super) fn set_usage(&self, place: Place, usage: u16) {
        self.bucket(place).set_usage(usize::from(place.place), usage);
    }

    #[inline]
    fn bucket(&self, place: Place) -> &Bucket {
        &self.buckets.as_slice()[place.bucket as usize]
    }

    /// Puts an entry into its home, or, if that is full, behind it. Entries at home come first: one that was pushed
    /// here from an earlier bucket makes way.
    fn put(&mut self, entry: Entry) -> Place {
        let layout = self.layout;
        let home = layout.home(entry.tag);
        self.reach(home + 1);
        let bucket = &mut self.buckets.as_mut_slice()[home];
        if let Some(place) = bucket.push(entry) {
            return Place::new(home, place);
        }
        let Some(place) = bucket.places().find(|&place| layout.home(bucket.tag(place)) < home) else {
            return self.push_behind(home, entry);
        };
        let pushed = bucket.replace(place, entry);
        self.push_behind(home, pushed);
        Place::new(home, place)
    }

    /// Puts an entry into the first bucket behind a full one that is not full.
    fn push_behind(&mut self, full: usize, entry: Entry) -> Place {
        let row = self.buckets.as_slice();
        let run = row[full..].iter().take_while(|bucket| bucket.is_full()).count();
        let (home, index) = (self.layout.home(entry.tag), full + run);
        if index == row.len() {
            self.reach(index + TAIL_BUCKETS);
        }
        let row = self.buckets.as_mut_slice();
        if row[home].reach() < index - home {
            row[home].set_reach(index - home);
        }
        // The bucket is not full: the last place is never needed.
        let place = row[index].push(entry).unwrap_or(PLACES - 1);
        Place::new(index, place)
    }

    /// Takes an entry out of its bucket, and lets every other still be reached.
    fn take(&mut self, index: usize, place: usize) -> Option<Entry> {
        let bucket = self.buckets.as_mut_slice().get_mut(index)?;
        let was_full = bucket.is_full();
        let taken = bucket.take(place)?;
        let mut homes = HomesTouched::new();
        homes.push(self.layout.home(taken.tag));
        if was_full {
            self.refill(index, &mut homes);
        }
        for home in homes {
            if self.buckets.as_slice()[home].reach() > 0 {
                self.lower_reach(home);
            }
        }
        Some(taken)
    }

    /// Fills the free place of a bucket that was full, so that what was pushed behind it is still reached: with a
    /// later entry whose home is not behind it, best one that comes home. That one leaves a free place in turn.
    fn refill(&mut self, hole: usize, moved: &mut HomesTouched) {
        let layout = self.layout;
        let row = self.buckets.as_mut_slice();
        let (mut hole, mut index) = (hole, hole + 1);
        while let Some(bucket) = row.get_mut(index) {
            let was_full = bucket.is_full();
            let homes = bucket.places().map(|place| (layout.home(bucket.tag(place)), place));
            if let Some((home, place)) = homes.filter(|&(home, _)| home <= hole).max()
                && let Some(entry) = bucket.take(place)
            {
                row[hole].push(entry);
                moved.push(home);
                hole = index;
            }
            if !was_full {
                return;
            }
            index += 1;
        }
    }

    /// Lowers the reach of a bucket to what it still is.
    fn lower_reach(&mut self, home: usize) {
        let row = &mut self.buckets.as_mut_slice()[home..];
        let is_home = |entry: Entry| self.layout.home(entry.tag) == home;
        let mut reach = 0;
        for (distance, bucket) in row.iter().enumerate().take(row[0].reach().saturating_add(1)) {
            if distance > 0 && bucket.entries().any(is_home) {
                reach = distance;
            }
            if !bucket.is_full() {
                break;
            }
        }
        row[0].set_reach(reach);
    }
}

/// Homes of entries that were moved.
type HomesTouched = SmallVec<[usize; 16]>;

impl Place {
    #[inline]
    fn new(bucket: usize, place: usize) -> Self {
        Self { bucket: bucket as u32, place: place as u8 }
    }
}

/// Buckets by which the row becomes longer when entries are pushed behind its end.
const TAIL_BUCKETS: usize = 4;

/// Bytes that an entry takes, the places that are kept free included.
pub(super) const ENTRY_BYTES: usize = 11;
