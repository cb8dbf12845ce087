//! The right to serve, as far as a request has to look at it: until when, on this node's own clock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder_proto::topology::Epoch;
use parking_lot::Mutex;

/// This node's lease. It is granted under an epoch, and counts from when no row of that is left that takes from this node what it
/// serves.
#[derive(Debug, Default)]
pub(super) struct Lease {
    /// Nanoseconds of the monotonic clock.
    until_ns: AtomicU64,
    pending: Mutex<Pending>,
    /// Given back for good. Written with `pending` locked.
    given_back: AtomicBool,
}

#[derive(Debug, Default)]
struct Pending {
    /// The newest grant whose epoch is not adopted yet.
    grant: Option<(u64, Epoch)>,
    /// The epoch of which no row is left that takes from this node what it serves.
    adopted: Epoch,
}

impl Lease {
    /// Until when this node may serve.
    #[inline]
    pub(super) fn until_ns(&self) -> u64 {
        self.until_ns.load(Ordering::Acquire)
    }

    /// Takes note of a grant.
    pub(super) fn grant(&self, until_ns: u64, epoch: Epoch) {
        let mut pending = self.pending.lock();
        if self.given_back.load(Ordering::Relaxed) {
            return;
        }
        if pending.adopted >= epoch {
            self.until_ns.fetch_max(until_ns, Ordering::AcqRel);
        } else if pending.grant.is_none_or(|(known, _)| known < until_ns) {
            pending.grant = Some((until_ns, epoch));
        }
    }

    /// Gives the lease back for good: this node leaves, and others may serve from here on. No grant on its way counts.
    pub(super) fn give_back(&self) {
        let mut pending = self.pending.lock();
        pending.grant = None;
        self.given_back.store(true, Ordering::Relaxed);
        self.until_ns.store(0, Ordering::Release);
    }

    /// Takes note that no row of an epoch is left that takes from this node what it serves.
    pub(super) fn note_adopted(&self, adopted: Epoch) {
        let mut pending = self.pending.lock();
        pending.adopted = pending.adopted.max(adopted);
        if let Some((until_ns, _)) = pending.grant.take_if(|(_, epoch)| *epoch <= adopted) {
            self.until_ns.fetch_max(until_ns, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_counts_once_its_epoch_is_adopted() {
        let lease = Lease::default();
        lease.note_adopted(Epoch(1));
        lease.grant(10, Epoch(1));
        assert_eq!(lease.until_ns(), 10);
        lease.grant(20, Epoch(3));
        lease.note_adopted(Epoch(2));
        assert_eq!(lease.until_ns(), 10);
        lease.note_adopted(Epoch(3));
        assert_eq!(lease.until_ns(), 20);
        lease.grant(15, Epoch(1));
        assert_eq!(lease.until_ns(), 20);
    }

    #[test]
    fn a_lease_that_was_given_back_never_counts_again() {
        let lease = Lease::default();
        lease.note_adopted(Epoch(1));
        lease.grant(10, Epoch(1));
        lease.grant(20, Epoch(2));
        lease.give_back();
        assert_eq!(lease.until_ns(), 0);
        lease.note_adopted(Epoch(2));
        lease.grant(30, Epoch(2));
        assert_eq!(lease.until_ns(), 0);
    }
}
