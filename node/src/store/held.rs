//! The partitions that one request holds locked.

use larder_proto::slot::Partition;
use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::engine::Book;
use super::index::{Lookup, ReadTable, Readable, WriteTable};
use super::item::Item;

/// Partitions locked together, ascending. Whoever holds some takes no other.
pub(super) enum Held<'s> {
    Read(SmallVec<[(Partition, ReadTable<'s>); 1]>),
    Write(SmallVec<[Locked<'s>; 1]>),
}

/// A partition locked for writing.
pub(super) struct Locked<'s> {
    pub(super) partition: Partition,
    pub(super) table: WriteTable<'s>,
    pub(super) book: MutexGuard<'s, Book>,
}

impl<'s> Held<'s> {
    /// The item, if the key's partition is held.
    #[inline]
    pub(super) fn get(&self, lookup: &Lookup<'_>) -> Option<&Item> {
        match self {
            Self::Read(tables) => {
                let at = place(tables.len(), lookup.key, |at| tables[at].0)?;
                tables[at].1.get(lookup)
            }
            Self::Write(locked) => {
                let at = place(locked.len(), lookup.key, |at| locked[at].partition)?;
                locked[at].table.get(lookup)
            }
        }
    }

    /// The key's partition, if it is held for writing.
    #[inline]
    pub(super) fn locked(&mut self, key: &[u8]) -> Option<&mut Locked<'s>> {
        let Self::Write(locked) = self else { return None };
        let at = place(locked.len(), key, |at| locked[at].partition)?;
        locked.get_mut(at)
    }
}

/// Where the key's partition stands among those held. With a single one it is that: dispatch locked it for this key.
#[inline]
fn place(held: usize, key: &[u8], partition_at: impl Fn(usize) -> Partition) -> Option<usize> {
    if held == 1 {
        debug_assert_eq!(partition_at(0), Partition::of(key), "the row's key positions miss a key");
        return Some(0);
    }
    let wanted = Partition::of(key);
    let (mut low, mut high) = (0, held);
    while low < high {
        let middle = low.midpoint(high);
        match partition_at(middle).cmp(&wanted) {
            std::cmp::Ordering::Equal => return Some(middle),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    None
}
