//! Reclaims what nobody can read any more: keys past their deadline, keys of flushed databases, pages of closed segments,
//! pieces of large collections. Runs in the background, in bounded steps; when to run is left to the caller.

use larder_proto::time::{Deadline, Millis};

use super::common::{Common, ExpiryLag};
use super::engine::Store;
use super::item::Layout;
use super::memory::Part;
use super::shard::Shard;

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Keys reclaimed.
    pub keys: usize,
    /// Whether there is more to do now.
    pub more: bool,
}

impl Store {
    /// Number of parts that are swept one after the other.
    #[must_use]
    pub const fn sweep_parts(&self) -> usize {
        self.shards.len()
    }

    /// Reclaims in one part what can be reclaimed, some hundreds of microseconds long at most.
    pub fn sweep(&self, part: usize, now: Millis) -> Swept {
        let Some(shard) = self.shards.get(part) else { return Swept::default() };
        if !shard.read().needs_sweep(now) {
            return Swept::default();
        }
        let mut shard = shard.write();
        let swept = shard.sweep(&self.common, now);
        let removed = shard.take_removed();
        drop(shard);
        self.common.drop_later(removed);
        swept
    }

    /// Drops a piece of the collections that were removed; whether there is more.
    pub fn drop_removed(&self) -> bool {
        self.drop_piece() && !self.common.removed.lock().is_empty()
    }

    /// Drops a piece of the collections that were removed; whether there was any.
    pub(super) fn drop_piece(&self) -> bool {
        let Some(mut value) = self.common.removed.lock().pop() else { return false };
        let before = value.heap_bytes();
        let done = value.drain_some(DROP_ELEMENTS);
        let after = if done { 0 } else { value.heap_bytes() };
        if !done {
            self.common.removed.lock().push(value);
        }
        self.common.memory.charge(Part::Heap, after as i64 - before as i64);
        true
    }

    /// Keeps the times of use in a piece of one part from being taken for later ones, as they would once enough time has
    /// passed; where the next piece begins, `None` after the last.
    pub fn refresh_usages(&self, part: usize, from: usize) -> Option<usize> {
        let shard = self.shards.get(part)?.read();
        shard.table.refresh(from, REFRESH_BUCKETS, |usage| self.common.ranking.refreshed(usage))
    }

    /// How late keys past their deadline were reclaimed.
    #[must_use]
    pub fn expiry_lag(&self) -> ExpiryLag {
        self.common.lag.get()
    }
}

impl Shard {
    fn needs_sweep(&self, now: Millis) -> bool {
        self.has_flushed()
            || self.region.has_closed()
            || self.table.needs_step()
            || self.region.due().passed(now)
    }

    fn sweep(&mut self, common: &Common, now: Millis) -> Swept {
        self.region.release_closed(&common.memory);
        self.table_changes(common, |table| table.step(TABLE_STEP));
        let mut swept = self.expire(common, now);
        if !swept.more && self.has_flushed() {
            swept.keys += self.purge(common, now);
        }
        swept.more = swept.more || self.needs_sweep(now);
        swept
    }

    /// Removes keys past their deadline, a bounded number.
    fn expire(&mut self, common: &Common, now: Millis) -> Swept {
        let (mut keys, mut spans) = (0, 0);
        for turn in (0..self.region.ring.len()).rev() {
            let Some(&block) = self.region.ring.get(turn) else { continue };
            while self.region.segment(block).is_some_and(|segment| segment.due.passed(now)) {
                // Where deadlines are moved on and on, spans are due in which nothing has expired.
                if keys >= EXPIRE_KEYS_MAX || spans >= EXPIRE_SPANS_MAX {
                    return Swept { keys, more: true };
                }
                keys += self.expire_span(common, block, now);
                spans += 1;
            }
        }
        Swept { keys, more: false }
    }

    /// Looks through one span of a segment that is due; how many keys it removed.
    fn expire_span(&mut self, common: &Common, block: u32, now: Millis) -> usize {
        let Some(segment) = self.region.segment_mut(block) else { return 0 };
        let base = segment.base;
        let Some(span) = segment.due_spans(now).next() else {
            segment.update_due();
            return 0;
        };
        if segment.is_large() {
            segment.forget_deadlines();
        }
        segment.forget_span(span.start);
        let (mut at, end, mut keys) = (base + span.start, base + span.end, 0);
        while at < end {
            let layout = Layout::read(self.region.bytes(), at);
            if !layout.dead && layout.deadline != Deadline::NEVER {
                if self.discard_if_gone(common, &layout, at, now) {
                    keys += 1;
                } else {
                    self.note_deadline(at as u32, layout.deadline);
                }
            }
            at = layout.end;
        }
        match self.region.segment_mut(block) {
            Some(segment) if segment.live == 0 => self.region.close(block, &common.memory),
            Some(segment) => segment.update_due(),
            None => {}
        }
        keys
    }

    /// Removes what flushes left in one segment, a bounded number of keys.
    fn purge(&mut self, common: &Common, now: Millis) -> usize {
        // From the last segment to the first: one that is closed meanwhile moves others to the front, so that some come
        // twice and none is passed over. What is written after a flush has nothing of it.
        let at = match self.purge_at {
            None => {
                self.purging = self.flushes;
                self.region.ring.len()
            }
            Some(at) => at.min(self.region.ring.len()),
        };
        let Some(turn) = at.checked_sub(1) else {
            self.purge_at = None;
            self.note_purged();
            return 0;
        };
        self.purge_at = Some(turn);
        let block = self.region.ring[turn];
        let Some(segment) = self.region.segment(block) else { return 0 };
        let (mut at, end, mut keys) = (segment.base, segment.base + segment.end, 0);
        while at < end {
            let layout = Layout::read(self.region.bytes(), at);
            if !layout.dead && self.discard_if_gone(common, &layout, at, now) {
                keys += 1;
            }
            if keys == EXPIRE_KEYS_MAX {
                // The segment comes again, from its beginning: what is dead is passed quickly.
                self.purge_at = Some(turn + 1);
                return keys;
            }
            at = layout.end;
        }
        if self.region.segment(block).is_some_and(|segment| segment.live == 0) {
            self.region.close(block, &common.memory);
        }
        keys
    }
}

/// Keys removed under one lock at most, but for those of the last span.
const EXPIRE_KEYS_MAX: usize = 1_000;

/// Spans looked through under one lock at most.
const EXPIRE_SPANS_MAX: usize = 32;

/// Elements of a large collection that are dropped in one step.
const DROP_ELEMENTS: usize = 1_000;

/// Buckets whose usages are looked through in one step.
const REFRESH_BUCKETS: usize = 4_096;

/// Buckets that a table which shrinks moves in one step.
const TABLE_STEP: usize = 512;
