//! How much memory is in use, against the one limit. Making room is left to eviction.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

/// The count, exact to the byte as far as the program itself asks for memory: keys, values, tables, and the buffers
/// of connections.
#[derive(Debug, Default)]
pub struct Memory {
    limit: AtomicUsize,
    /// What the last request for which room was made above the limit may fill. Written by eviction.
    granted: AtomicUsize,
    data: AtomicI64,
    buffers: AtomicI64,
    peak: AtomicUsize,
    evicted_keys: AtomicU64,
    expired_keys: AtomicU64,
}

/// The parts of the memory in use, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// The limit.
    pub limit: usize,
    /// Keys, values, tables.
    pub data: usize,
    /// Connection buffers.
    pub buffers: usize,
    /// Highest sum of both that was seen when somebody looked or made room.
    pub peak: usize,
    /// Keys evicted since the start.
    pub evicted_keys: u64,
    /// Keys reclaimed after their deadline since the start.
    pub expired_keys: u64,
}

impl Memory {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: AtomicUsize::new(limit), ..Self::default() }
    }

    /// The limit in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes the limit. What is above it leaves in bounded steps: as writes come in, and in the background.
    pub fn set_limit(&self, limit: usize) {
        self.granted.store(0, Ordering::Relaxed);
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Counts bytes of connection buffers, negative when they are given back.
    pub fn count_buffers(&self, bytes: i64) {
        if bytes != 0 {
            self.buffers.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// All bytes in use.
    #[must_use]
    #[inline]
    pub fn used(&self) -> usize {
        clamp(&self.data) + clamp(&self.buffers)
    }

    /// Bytes of connection buffers, which cannot be evicted.
    #[must_use]
    pub fn buffers(&self) -> usize {
        clamp(&self.buffers)
    }

    /// What all bytes in use may come to: the limit. While the total is still above a limit that was lowered, the total
    /// for which a request was let pass after it had made room for itself.
    pub(super) fn ceiling(&self) -> usize {
        let limit = self.limit();
        if self.used() > limit { limit.max(self.granted.load(Ordering::Relaxed)) } else { limit }
    }

    pub(super) fn grant(&self, total: usize) {
        self.granted.store(total, Ordering::Relaxed);
    }

    /// The parts in use.
    #[must_use]
    pub fn snapshot(&self) -> MemoryUse {
        MemoryUse {
            limit: self.limit(),
            data: clamp(&self.data),
            buffers: clamp(&self.buffers),
            peak: self.note_peak(),
            evicted_keys: self.evicted_keys.load(Ordering::Relaxed),
            expired_keys: self.expired_keys.load(Ordering::Relaxed),
        }
    }

    /// Forgets how many keys left (CONFIG RESETSTAT).
    pub fn reset_counters(&self) {
        self.evicted_keys.store(0, Ordering::Relaxed);
        self.expired_keys.store(0, Ordering::Relaxed);
        self.peak.store(self.used(), Ordering::Relaxed);
    }

    pub(super) fn count_data(&self, bytes: i64) {
        if bytes != 0 {
            self.data.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    pub(super) fn count_evicted(&self, keys: u64) {
        self.evicted_keys.fetch_add(keys, Ordering::Relaxed);
    }

    pub(super) fn count_expired(&self, keys: u64) {
        self.expired_keys.fetch_add(keys, Ordering::Relaxed);
    }

    pub(super) fn note_peak(&self) -> usize {
        let used = self.used();
        self.peak.fetch_max(used, Ordering::Relaxed).max(used)
    }
}

fn clamp(counter: &AtomicI64) -> usize {
    usize::try_from(counter.load(Ordering::Relaxed)).unwrap_or(0)
}
