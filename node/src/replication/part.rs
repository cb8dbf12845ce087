//! One partition as all threads see it: what a request looks at without a lock beside what is behind one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder_proto::topology::{Epoch, NodeId};
use parking_lot::Mutex;

use super::cell::{Cell, Role};
use super::ports::Place;

/// One partition. Lock order: the partition's own lock in the store, then the cell, then the queue of a feed.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Where it is served, as a number. Changes while the partition is locked for writing.
    place: AtomicU64,
    /// When it got its owner, on the node's monotonic clock.
    owned_since_ns: AtomicU64,
    /// The newest epoch under which its row is taken over here. Written by `adopt`, after the role.
    adopted: AtomicU64,
    /// Whether any copy is sent effects. Changes while the partition is locked for writing.
    pub(super) is_fed: AtomicBool,
    /// Whether replies may have to wait, of reads too.
    pub(super) is_unsettled: AtomicBool,
    /// Bytes that it held when they were looked at last, for reports.
    pub(super) bytes_seen: AtomicU64,
    pub(super) cell: Mutex<Cell>,
}

impl Part {
    /// Where it is served.
    #[inline]
    pub(super) fn place(&self) -> Place {
        match self.place.load(Ordering::Acquire) {
            WAITING => Place::Waiting,
            HERE => Place::Here,
            number => Place::At(NodeId(number - FIRST_NODE)),
        }
    }

    /// When it got its owner, in nanoseconds of the node's monotonic clock.
    pub(super) fn owned_since_ns(&self) -> u64 {
        self.owned_since_ns.load(Ordering::Relaxed)
    }

    /// Another node owns it from now on. Told before the new place is.
    pub(super) fn note_owner(&self, now_ns: u64) {
        self.owned_since_ns.store(now_ns, Ordering::Relaxed);
    }

    /// The newest epoch of which this node's role is known here, though other rows of it may be left to do.
    pub(super) fn adopted(&self) -> Epoch {
        Epoch(self.adopted.load(Ordering::Acquire))
    }

    /// Its row of this epoch is taken over.
    pub(super) fn note_adopted(&self, epoch: Epoch) {
        self.adopted.store(epoch.0, Ordering::Release);
    }

    /// Lets requests see what the cell says, which the caller has locked, as the partition.
    pub(super) fn publish(&self, cell: &Cell, owner: Option<NodeId>) {
        let place = match (cell.role, owner) {
            (Role::Serving, _) => HERE,
            (Role::Yielding, _) | (_, None) => WAITING,
            (Role::Absent | Role::Copy { .. }, Some(owner)) => owner.0.saturating_add(FIRST_NODE),
        };
        self.place.store(place, Ordering::Release);
        self.is_fed.store(cell.is_fed(), Ordering::Release);
        self.is_unsettled.store(!cell.is_settled(), Ordering::Release);
    }
}

const WAITING: u64 = 0;
const HERE: u64 = 1;
const FIRST_NODE: u64 = 2;
