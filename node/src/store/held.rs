//! The shards that one request holds locked.

use larder_proto::slot::Partition;
use smallvec::SmallVec;

use super::engine::{Access, Store};
use super::shard::Shard;
use crate::sync::{RwLockReadGuard, RwLockWriteGuard};

/// Shards locked together, ascending. Whoever holds some takes no other.
pub(super) enum Held<'s> {
    /// By number.
    Read(SmallVec<[(usize, RwLockReadGuard<'s, Shard>); 1]>),
    /// By number.
    Write(SmallVec<[(usize, RwLockWriteGuard<'s, Shard>); 1]>),
}

impl<'s> Held<'s> {
    /// Locks the shards of these partitions, which are ascending.
    #[inline]
    pub(super) fn new(store: &'s Store, partitions: &[Partition], access: Access) -> Self {
        let mut last = None;
        let shards = partitions.iter().map(|&partition| store.shard_of(partition));
        let shards = shards.filter(|&shard| last.replace(shard) != Some(shard));
        match access {
            Access::Read => Self::Read(shards.map(|at| (at, store.shards[at].read())).collect()),
            Access::Write => Self::Write(shards.map(|at| (at, store.shards[at].write())).collect()),
        }
    }

    /// Locks the shard of one partition.
    #[inline]
    pub(super) fn one(store: &'s Store, partition: Partition, access: Access) -> Self {
        let at = store.shard_of(partition);
        match access {
            Access::Read => Self::Read(SmallVec::from_buf([(at, store.shards[at].read())])),
            Access::Write => Self::Write(SmallVec::from_buf([(at, store.shards[at].write())])),
        }
    }

    /// The shard with this number, if it is held.
    #[inline]
    pub(super) fn shard(&self, number: usize) -> Option<&Shard> {
        match self {
            Self::Read(held) => Some(&held[place(held.len(), number, |at| held[at].0)?].1),
            Self::Write(held) => Some(&held[place(held.len(), number, |at| held[at].0)?].1),
        }
    }

    /// The shard with this number, if it is held for writing.
    #[inline]
    pub(super) fn shard_mut(&mut self, number: usize) -> Option<&mut Shard> {
        let Self::Write(held) = self else { return None };
        let at = place(held.len(), number, |at| held[at].0)?;
        Some(&mut held[at].1)
    }

    /// All shards that are held for writing.
    pub(super) fn shards_mut(&mut self) -> impl Iterator<Item = (usize, &mut Shard)> {
        let held: &mut [_] = if let Self::Write(held) = self { held } else { &mut [] };
        held.iter_mut().map(|(at, shard)| (*at, &mut **shard))
    }
}

/// Where a shard stands among those held.
#[inline]
fn place(held: usize, number: usize, number_at: impl Fn(usize) -> usize) -> Option<usize> {
    let (mut low, mut high) = (0, held);
    while low < high {
        let middle = low.midpoint(high);
        match number_at(middle).cmp(&number) {
            std::cmp::Ordering::Equal => return Some(middle),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    None
}
