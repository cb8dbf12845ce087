//! Where a table lies, told to those who do not hold its lock, so that they can have a line of it fetched. What they are
//! told may be out of date; then a line is fetched for nothing.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use super::{Bucket, Table, Tag};
use crate::store::arena::prefetch_address;

/// The address of the first bucket, and the number of homes. Written under the table's lock.
#[derive(Debug, Default)]
pub(in crate::store) struct Homes {
    first: AtomicUsize,
    homes: AtomicU32,
}

impl Homes {
    /// Notes where the table is now.
    #[inline]
    pub(in crate::store) fn note(&self, table: &Table) {
        let first = table.buckets.as_slice().as_ptr().addr();
        let homes = table.layout.homes();
        if self.first.load(Relaxed) != first || self.homes.load(Relaxed) != homes {
            self.first.store(first, Relaxed);
            self.homes.store(homes, Relaxed);
        }
    }

    /// Asks for the bucket where the search for a tag begins.
    #[inline]
    pub(in crate::store) fn prefetch(&self, tag: Tag) {
        let home = (u64::from(tag.number()) * u64::from(self.homes.load(Relaxed))) >> Tag::BITS;
        prefetch_address(self.first.load(Relaxed).wrapping_add(home as usize * size_of::<Bucket>()));
    }
}
