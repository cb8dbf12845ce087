//! Until when the collections of each type stay compact, as one value, and the same to be changed while the node runs.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::hash::HashLimits;
use super::list::ListLimits;
use super::set::SetLimits;
use super::sorted_set::SortedSetLimits;

/// Until when collections stay compact. Those that have left their compact form when a limit changes stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectionLimits {
    /// Of hashes.
    pub hash: HashLimits,
    /// Of lists.
    pub list: ListLimits,
    /// Of sets.
    pub set: SetLimits,
    /// Of sorted sets.
    pub sorted_set: SortedSetLimits,
}

/// The limits in force. Each number is read and written by itself: whoever reads during a change may see some of the new
/// ones with some of the old.
#[derive(Debug)]
pub(in crate::store) struct LiveCollectionLimits {
    hash_entries_max: AtomicUsize,
    hash_value_bytes_max: AtomicUsize,
    list_bytes_max: AtomicUsize,
    list_entries_max: AtomicUsize,
    set_integers_max: AtomicUsize,
    set_entries_max: AtomicUsize,
    set_value_bytes_max: AtomicUsize,
    sorted_set_entries_max: AtomicUsize,
    sorted_set_member_bytes_max: AtomicUsize,
}

impl LiveCollectionLimits {
    pub(in crate::store) const fn new(limits: CollectionLimits) -> Self {
        Self {
            hash_entries_max: AtomicUsize::new(limits.hash.entries_max),
            hash_value_bytes_max: AtomicUsize::new(limits.hash.value_bytes_max),
            list_bytes_max: AtomicUsize::new(limits.list.bytes_max),
            list_entries_max: AtomicUsize::new(limits.list.entries_max),
            set_integers_max: AtomicUsize::new(limits.set.integers_max),
            set_entries_max: AtomicUsize::new(limits.set.entries_max),
            set_value_bytes_max: AtomicUsize::new(limits.set.value_bytes_max),
            sorted_set_entries_max: AtomicUsize::new(limits.sorted_set.entries_max),
            sorted_set_member_bytes_max: AtomicUsize::new(limits.sorted_set.member_bytes_max),
        }
    }

    pub(in crate::store) fn get(&self) -> CollectionLimits {
        CollectionLimits {
            hash: HashLimits {
                entries_max: self.hash_entries_max.load(Ordering::Relaxed),
                value_bytes_max: self.hash_value_bytes_max.load(Ordering::Relaxed),
            },
            list: ListLimits {
                bytes_max: self.list_bytes_max.load(Ordering::Relaxed),
                entries_max: self.list_entries_max.load(Ordering::Relaxed),
            },
            set: SetLimits {
                integers_max: self.set_integers_max.load(Ordering::Relaxed),
                entries_max: self.set_entries_max.load(Ordering::Relaxed),
                value_bytes_max: self.set_value_bytes_max.load(Ordering::Relaxed),
            },
            sorted_set: SortedSetLimits {
                entries_max: self.sorted_set_entries_max.load(Ordering::Relaxed),
                member_bytes_max: self.sorted_set_member_bytes_max.load(Ordering::Relaxed),
            },
        }
    }

    pub(in crate::store) fn set(&self, limits: CollectionLimits) {
        self.hash_entries_max.store(limits.hash.entries_max, Ordering::Relaxed);
        self.hash_value_bytes_max.store(limits.hash.value_bytes_max, Ordering::Relaxed);
        self.list_bytes_max.store(limits.list.bytes_max, Ordering::Relaxed);
        self.list_entries_max.store(limits.list.entries_max, Ordering::Relaxed);
        self.set_integers_max.store(limits.set.integers_max, Ordering::Relaxed);
        self.set_entries_max.store(limits.set.entries_max, Ordering::Relaxed);
        self.set_value_bytes_max.store(limits.set.value_bytes_max, Ordering::Relaxed);
        self.sorted_set_entries_max.store(limits.sorted_set.entries_max, Ordering::Relaxed);
        self.sorted_set_member_bytes_max.store(limits.sorted_set.member_bytes_max, Ordering::Relaxed);
    }
}
