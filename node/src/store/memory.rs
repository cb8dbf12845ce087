//! How much memory is in use, by whom, and how much of the one limit is left. Making room is left to eviction.

use crate::sync::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

/// The account of all memory: what is resident counts against the limit; what of it is live is told beside.
#[derive(Debug)]
pub struct Memory {
    limit: AtomicUsize,
    /// The limit less all parts. Below zero, somebody has to leave.
    free: AtomicI64,
    parts: [AtomicI64; PARTS],
    /// How far below zero `free` may sink by what was granted last. Written by eviction.
    granted: AtomicI64,
    /// Bytes of items, of those resident in the arena.
    live: AtomicI64,
    peak: AtomicUsize,
    evicted_keys: AtomicU64,
    expired_keys: AtomicU64,
    moved_bytes: AtomicU64,
}

/// Who uses memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Pages of segments.
    Arena,
    /// Pages of tables.
    Index,
    /// Collections.
    Heap,
    /// Connection buffers.
    Buffers,
    /// The process itself: code, stacks, and what the allocator keeps; as far as it is not one of the others.
    Process,
}

/// The parts of the memory in use, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// The limit.
    pub limit: usize,
    /// What is in use, with all overheads: live items, tables, collections, buffers, the process itself.
    pub used: usize,
    /// Live items, tables and collections.
    pub data: usize,
    /// Live items: key, value and their few bytes.
    pub items: usize,
    /// Tables of the index.
    pub index: usize,
    /// Collections: hashes, lists, sets, sorted sets.
    pub collections: usize,
    /// Connection buffers.
    pub buffers: usize,
    /// The process itself.
    pub process: usize,
    /// Memory resident for items, holes included.
    pub arena: usize,
    /// Highest `used` that was seen when somebody looked or made room.
    pub peak: usize,
    /// Keys evicted since the start.
    pub evicted_keys: u64,
    /// Keys reclaimed after their deadline since the start.
    pub expired_keys: u64,
    /// Bytes of items that were moved to close holes, since the start.
    pub moved_bytes: u64,
}

impl MemoryUse {
    /// All that counts against the limit.
    #[must_use]
    pub const fn resident(&self) -> usize {
        self.arena + self.index + self.collections + self.buffers + self.process
    }
}

impl Memory {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: AtomicUsize::new(limit),
            free: AtomicI64::new(signed(limit)),
            parts: std::array::from_fn(|_| AtomicI64::new(0)),
            granted: AtomicI64::new(0),
            live: AtomicI64::new(0),
            peak: AtomicUsize::new(0),
            evicted_keys: AtomicU64::new(0),
            expired_keys: AtomicU64::new(0),
            moved_bytes: AtomicU64::new(0),
        }
    }

    /// The limit in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes the limit. What is above it leaves in bounded steps: as writes come in, and in the background.
    pub fn set_limit(&self, limit: usize) {
        self.granted.store(0, Ordering::Relaxed);
        let before = self.limit.swap(limit, Ordering::Relaxed);
        self.free.fetch_add(signed(limit) - signed(before), Ordering::Relaxed);
        self.set_process(self.part(Part::Process).load(Ordering::Relaxed));
    }

    /// Counts bytes of connection buffers, negative when they are given back.
    pub fn count_buffers(&self, bytes: i64) {
        self.charge(Part::Buffers, bytes);
    }

    /// Tells what the process really has resident. What exceeds the parts known here counts as the process' own, up to
    /// half of the limit: below that the limit could hold nothing.
    pub fn observe_resident(&self, resident: usize) {
        let known: i64 = [Part::Arena, Part::Index, Part::Heap, Part::Buffers]
            .map(|part| self.part(part).load(Ordering::Relaxed))
            .iter()
            .sum();
        self.set_process(signed(resident) - known);
    }

    fn set_process(&self, bytes: i64) {
        let own = bytes.clamp(0, signed(self.limit() / 2));
        let before = self.part(Part::Process).swap(own, Ordering::Relaxed);
        self.free.fetch_sub(own - before, Ordering::Relaxed);
    }

    /// All bytes in use. Holes in segments are not: they are used next.
    #[must_use]
    #[inline]
    pub fn used(&self) -> usize {
        let limit = signed(self.limit());
        let used = limit - self.free.load(Ordering::Relaxed) - self.holes();
        usize::try_from(used).unwrap_or(0)
    }

    /// Bytes of connection buffers and of the process itself, which cannot be evicted.
    #[must_use]
    pub fn fixed(&self) -> usize {
        clamp(self.part(Part::Buffers)) + clamp(self.part(Part::Process))
    }

    /// Bytes of connection buffers.
    #[must_use]
    pub fn buffers(&self) -> usize {
        clamp(self.part(Part::Buffers))
    }

    /// The parts in use.
    #[must_use]
    pub fn snapshot(&self) -> MemoryUse {
        let [arena, index, collections, buffers, process] = self.parts.each_ref().map(clamp);
        let items = clamp(&self.live);
        MemoryUse {
            limit: self.limit(),
            used: items + index + collections + buffers + process,
            data: items + index + collections,
            items,
            index,
            collections,
            buffers,
            process,
            arena,
            peak: self.note_peak(),
            evicted_keys: self.evicted_keys.load(Ordering::Relaxed),
            expired_keys: self.expired_keys.load(Ordering::Relaxed),
            moved_bytes: self.moved_bytes.load(Ordering::Relaxed),
        }
    }

    /// Forgets how many keys left (CONFIG RESETSTAT).
    pub fn reset_counters(&self) {
        self.evicted_keys.store(0, Ordering::Relaxed);
        self.expired_keys.store(0, Ordering::Relaxed);
        self.moved_bytes.store(0, Ordering::Relaxed);
        self.peak.store(self.used(), Ordering::Relaxed);
    }

    /// What is left of the limit; negative if more is in use.
    #[inline]
    pub(super) fn free(&self) -> i64 {
        self.free.load(Ordering::Relaxed)
    }

    /// Lets a request take so many bytes though a debt is not paid yet: it has paid its share.
    pub(super) fn grant(&self, bytes: usize) {
        let free = self.free();
        if free < signed(bytes) {
            self.granted.store(free.saturating_sub(signed(bytes)), Ordering::Relaxed);
        }
    }

    /// Whether so many bytes more may be taken: they are free, or were granted, which holds once.
    pub(super) fn allows(&self, bytes: usize) -> bool {
        let left = self.free().saturating_sub(signed(bytes));
        left >= 0 || left >= self.granted.swap(0, Ordering::Relaxed)
    }

    /// How far the limit may be passed without the background evicting for it. What the allocator keeps of collections
    /// that left is resident for a while longer: evicting more would not bring it back, but empty the store bit by bit.
    pub(super) fn tolerance(&self) -> i64 {
        let process = self.part(Part::Process).load(Ordering::Relaxed);
        process.min(signed(self.limit() / TOLERATED_SHARE))
    }

    /// Resident bytes of segments that no live item takes.
    pub(super) fn holes(&self) -> i64 {
        self.part(Part::Arena).load(Ordering::Relaxed) - self.live.load(Ordering::Relaxed)
    }

    /// Counts bytes, negative when they are given back, whether the limit allows them or not.
    pub(super) fn charge(&self, part: Part, bytes: i64) {
        if bytes != 0 {
            self.part(part).fetch_add(bytes, Ordering::Relaxed);
            self.free.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// Counts bytes if the limit allows them. Others may do so at the same moment: the limit may be passed by what the
    /// workers take at once, a few pages.
    pub(super) fn try_charge(&self, part: Part, bytes: usize) -> bool {
        let fits = self.free() >= signed(bytes);
        if fits {
            self.charge(part, signed(bytes));
        }
        fits
    }

    /// Counts bytes of items that came to live, or ceased to.
    #[inline]
    pub(super) fn count_live(&self, bytes: i64) {
        if bytes != 0 {
            self.live.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Bytes of live items and collections.
    pub(super) fn data(&self) -> usize {
        clamp(&self.live) + clamp(self.part(Part::Heap))
    }

    pub(super) fn count_moved(&self, bytes: u64) {
        self.moved_bytes.fetch_add(bytes, Ordering::Relaxed);
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

    const fn part(&self, part: Part) -> &AtomicI64 {
        &self.parts[part as usize]
    }
}

/// Less than the two hundredths by which resident memory may pass the limit.
const TOLERATED_SHARE: usize = 128;

const PARTS: usize = Part::Process as usize + 1;

fn clamp(counter: &AtomicI64) -> usize {
    usize::try_from(counter.load(Ordering::Relaxed)).unwrap_or(0)
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
