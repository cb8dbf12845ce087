//! Making room in a shard: closing the holes of a segment, and evicting from it what ranks lowest. Which shard gives room
//! to whom is left to eviction.

use std::cell::RefCell;

use larder_proto::slot::Partition;
use larder_proto::time::{Deadline, Millis};

use super::arena::PAGE_BYTES;
use super::common::Common;
use super::eviction::Who;
use super::item::{Kind, Layout};
use super::ranking::{Evicted, Ranking, Worth};
use super::region::Limit;
use super::segment::SEGMENT_BYTES;
use super::shard::{Found, Shard};
use super::table::{ENTRY_BYTES, Tag};
use crate::sync;

/// Which large items leave for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Large {
    /// Those that rank among what left last.
    Ranked,
    /// Any: nothing else is left.
    Any,
}

/// An item that may leave.
#[derive(Clone, Copy, Default)]
struct Candidate {
    rank: f32,
    at: u32,
    bytes: u32,
    age: u16,
    /// It was used only once.
    once: bool,
    hash: u64,
}

impl Candidate {
    /// The lowest rank first, of equals the one used longest ago.
    fn before(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.total_cmp(&other.rank).then(other.age.cmp(&self.age))
    }
}

sync::thread_local! {
    /// The candidates of the segment that is being cleaned: some tens of thousands at most.
    // The checker's locals know no constant initializers.
    #[allow(clippy::missing_const_for_thread_local, reason = "as said above")]
    static CANDIDATES: RefCell<Vec<Candidate>> = RefCell::new(Vec::new());
}

impl Shard {
    /// Place for an item of ordinary size that the open segment has no room for.
    #[cold]
    pub(super) fn place_elsewhere(&mut self, common: &Common, bytes: usize) -> Option<u32> {
        let memory = &common.memory;
        // While there is room, holes may grow larger before it is worth closing them.
        let tight = memory.free() < (memory.limit() / TIGHT_SHARE) as i64;
        let hole_bytes_min = if tight { SEGMENT_BYTES / CLEAN_SHARE } else { SEGMENT_BYTES / ROOMY_SHARE };
        self.place_in_holes(common, bytes, hole_bytes_min)
            .or_else(|| self.region.append_to_new(bytes, Limit::Obey, memory))
            .or_else(|| self.place_of_others(common, bytes))
            .or_else(|| self.place_in_holes(common, bytes, bytes))
            .or_else(|| self.region.append(bytes, Limit::Pass, memory))
            .or_else(|| self.region.append_to_new(bytes, Limit::Pass, memory))
    }

    /// Place for a long item where addresses, not memory, have run out: others of this shard leave.
    #[cold]
    pub(super) fn place_among_large(&mut self, common: &Common, bytes: usize) -> Option<u32> {
        for _ in 0..ADDRESS_TRIES_MAX {
            if !self.give_pages(common, Large::Any, 1) {
                return None;
            }
            let place = self.region.append_to_new(bytes, Limit::Pass, &common.memory);
            if place.is_some() {
                return place;
            }
        }
        None
    }

    /// Gives back pages to whoever needs them: of closed segments, of holes, of items that leave. Whether it gave any, or
    /// removed what gives some.
    pub(super) fn give_pages(&mut self, common: &Common, large: Large, share: usize) -> bool {
        let memory = &common.memory;
        if self.region.release_closed(memory) || self.shrink_table(common) {
            return true;
        }
        if let Some((block, _)) = self.region.roomiest(SEGMENT_BYTES / CLEAN_SHARE) {
            self.compact(common, block);
            self.region.trim(block, memory);
            return true;
        }
        for _ in 0..self.region.ring.len() {
            let Some(block) = self.next_block(common) else { break };
            let Some(segment) = self.region.segment(block) else { break };
            let target = segment.touched - segment.live + (segment.touched / share).max(PAGE_BYTES);
            if self.evict_from(common, block, target, large) {
                self.compact(common, block);
                self.region.trim(block, memory);
                return true;
            }
        }
        self.close_small_holes(common)
    }

    /// Closes the holes of the segment that has the most, if that gives a page; whether it did.
    fn close_small_holes(&mut self, common: &Common) -> bool {
        let Some((block, _)) = self.region.roomiest(PAGE_BYTES) else { return false };
        self.compact(common, block);
        self.region.trim(block, &common.memory);
        true
    }

    /// Lets a table that became too large shrink on, which gives pages at its end; whether it did.
    fn shrink_table(&mut self, common: &Common) -> bool {
        let shrinks = self.table.needs_step();
        if shrinks {
            self.table_changes(common, |table| table.step(SHRINK_BUCKETS));
        }
        shrinks
    }

    /// Moves the live items of a segment together, so that what is free of it lies at its end.
    pub(super) fn compact(&mut self, common: &Common, block: u32) {
        let now = common.ranking.now();
        let Some(segment) = self.region.segment_mut(block) else { return };
        if segment.is_large() {
            return;
        }
        segment.forget_deadlines();
        let (base, end) = (segment.base, segment.base + segment.end);
        let (mut to, mut at, mut moved) = (base, base, 0);
        while at < end {
            let layout = Layout::read(self.region.bytes(), at);
            let length = layout.end - at;
            if !layout.dead && !self.discard_if_gone(common, &layout, at, now) {
                if to != at {
                    self.move_item(common, &layout, at, to);
                    moved += length as u64;
                }
                self.note_deadline(to as u32, layout.deadline);
                to += length;
            }
            at = layout.end;
        }
        if let Some(segment) = self.region.segment_mut(block) {
            segment.end = to - base;
            debug_assert_eq!(segment.end, segment.live, "what is left is live");
        }
        memory_moved(common, moved);
    }

    fn move_item(&mut self, common: &Common, layout: &Layout, at: usize, to: usize) {
        let bytes = self.region.bytes_mut();
        let tag = common.tag(layout.namespace, layout.key(bytes));
        bytes.copy_within(at..layout.end, to);
        if let Some(place) = self.table.find(tag, |other| other == at as u32) {
            self.table.set_at(place, to as u32);
        }
    }

    /// Closes the holes of the segment that has the most, if they are worth it, and goes on there.
    fn place_in_holes(&mut self, common: &Common, bytes: usize, bytes_min: usize) -> Option<u32> {
        let (block, _) = self.region.roomiest(bytes_min.max(bytes))?;
        self.compact(common, block);
        self.region.open = Some(block);
        self.region.append(bytes, Limit::Obey, &common.memory)
    }

    /// Lets the lowest ranking items of the next segment leave, and goes on there.
    fn place_of_others(&mut self, common: &Common, bytes: usize) -> Option<u32> {
        for _ in 0..self.region.ring.len().min(PLACE_TRIES_MAX) {
            let block = self.next_block(common)?;
            let touched = self.region.segment(block).map_or(0, |segment| segment.touched);
            if !self.evict_from(common, block, bytes.max(touched / CLEAN_SHARE), Large::Ranked) {
                continue;
            }
            if self.region.segment(block).is_some_and(|segment| !segment.is_large()) {
                self.compact(common, block);
                self.region.open = Some(block);
            }
            let memory = &common.memory;
            let place = self.region.append(bytes, Limit::Obey, memory);
            if let Some(at) = place.or_else(|| self.region.append_to_new(bytes, Limit::Obey, memory)) {
                return Some(at);
            }
        }
        None
    }

    /// The next segment of the ring from which something may leave.
    fn next_block(&mut self, common: &Common) -> Option<u32> {
        let who = common.eviction.get().who();
        for _ in 0..self.region.ring.len() {
            self.hand = (self.hand + 1) % self.region.ring.len();
            let block = self.region.ring[self.hand];
            let timed = || self.region.segment(block).is_some_and(|segment| segment.due != Deadline::NEVER);
            match who {
                Who::Nobody => return None,
                Who::WithDeadline if !timed() => {}
                Who::Anybody | Who::WithDeadline => return Some(block),
            }
        }
        None
    }

    /// Evicts the lowest ranking items of a segment until so much of it is free; whether anything left.
    fn evict_from(&mut self, common: &Common, block: u32, bytes_free: usize, large: Large) -> bool {
        CANDIDATES.with(|candidates| {
            let candidates = &mut *candidates.borrow_mut();
            candidates.clear();
            let gone = self.gather(common, block, candidates);
            let Some(segment) = self.region.segment(block) else { return gone };
            let wanted = bytes_free.saturating_sub(segment.touched - segment.live);
            if segment.is_large() && large == Large::Ranked {
                // A block of one item goes as a whole or not at all: only if its item ranks among those that leave.
                let threshold = common.ranking.threshold();
                candidates.retain(|candidate| candidate.rank <= threshold);
            }
            self.evict_lowest(common, candidates, wanted) || gone
        })
    }

    /// The items of a segment that may leave, with their ranks. What nobody can read any more leaves at once; whether
    /// there was any.
    fn gather(&mut self, common: &Common, block: u32, candidates: &mut Vec<Candidate>) -> bool {
        let (now, eviction) = (common.ranking.now(), common.eviction.get());
        let Some(segment) = self.region.segment(block) else { return false };
        let (mut at, end) = (segment.base, segment.base + segment.end);
        let (mut gone, mut timed) = (false, false);
        while at < end {
            let layout = Layout::read(self.region.bytes(), at);
            let has_deadline = layout.deadline != Deadline::NEVER;
            let may_leave = eviction.who() == Who::Anybody || has_deadline;
            timed |= has_deadline && !layout.dead;
            if layout.dead {
            } else if self.discard_if_gone(common, &layout, at, now) {
                gone = true;
            } else if may_leave {
                let hash = common.hash(layout.namespace.place(), layout.key(self.region.bytes()));
                self.homes.prefetch(Tag::of_hash(hash));
                candidates.push(Candidate { at: at as u32, hash, ..Candidate::default() });
                // Their lines of the table arrive from memory several at a time, while more items are read.
                if let Some(arrived) = candidates.len().checked_sub(FETCHED_AHEAD + 1) {
                    self.assess(common, &mut candidates[arrived]);
                }
            }
            at = layout.end;
        }
        let rest = candidates.len().saturating_sub(FETCHED_AHEAD);
        candidates[rest..].iter_mut().for_each(|candidate| self.assess(common, candidate));
        if !timed && let Some(segment) = self.region.segment_mut(block) {
            // Those that had a deadline left or lost it: nobody has to look here for one again.
            segment.forget_deadlines();
        }
        gone
    }

    /// Finds out how a candidate ranks.
    fn assess(&self, common: &Common, candidate: &mut Candidate) {
        let layout = Layout::read(self.region.bytes(), candidate.at as usize);
        let Some(worth) = self.worth(&layout, candidate.at as usize, candidate.hash) else { return };
        candidate.rank = common.ranking.rank(common.eviction.get().order(), &worth);
        candidate.age = common.ranking.age(worth.usage);
        candidate.once = Ranking::uses(worth.usage) <= 1;
        // A collection makes room where it lay on the heap.
        candidate.bytes = u32::try_from(worth.bytes - ENTRY_BYTES).unwrap_or(u32::MAX);
    }

    fn worth(&self, layout: &Layout, at: usize, hash: u64) -> Option<Worth> {
        let place = self.table.find(Tag::of_hash(hash), |other| other == at as u32)?;
        let on_heap = match layout.kind {
            Kind::Object => self.object(layout).map_or(0, super::value::Value::heap_bytes),
            _ => 0,
        };
        let bytes = layout.end - at + ENTRY_BYTES + on_heap;
        Some(Worth { usage: self.table.usage(place), bytes, deadline: layout.deadline, hash })
    }

    fn evict_lowest(&mut self, common: &Common, candidates: &mut [Candidate], bytes: usize) -> bool {
        let total: usize = candidates.iter().map(|candidate| candidate.bytes as usize).sum();
        let mut rest = candidates;
        let (mut freed, mut once, mut keys, mut weighted) = (0, 0, 0, 0.0_f32);
        let mut highest = f32::NEG_INFINITY;
        while freed < bytes && !rest.is_empty() {
            // About as many as are needed, so that few have to be put into order.
            let mean = (total / (rest.len() + keys)).max(1);
            let some = ((bytes - freed) / mean + 1).min(rest.len());
            if some < rest.len() {
                rest.select_nth_unstable_by(some, Candidate::before);
            }
            let (lowest, others) = rest.split_at_mut(some);
            lowest.sort_unstable_by(Candidate::before);
            for candidate in lowest {
                if freed >= bytes {
                    break;
                }
                freed += candidate.bytes as usize;
                keys += 1;
                weighted += candidate.rank * candidate.bytes as f32;
                highest = candidate.rank;
                once += if candidate.once { candidate.bytes as usize } else { 0 };
                self.evict(common, candidate);
            }
            rest = others;
        }
        if keys > 0 {
            common.memory.count_evicted(keys as u64);
            common.ranking.set_threshold(highest);
            let (bytes, once) = (freed, once as f32 / freed as f32);
            common.note_evicted(&Evicted { rank: weighted / freed as f32, bytes, once });
        }
        keys > 0
    }

    fn evict(&mut self, common: &Common, candidate: &Candidate) {
        let at = candidate.at;
        let layout = Layout::read(self.region.bytes(), at as usize);
        if let Some(worth) = self.worth(&layout, at as usize, candidate.hash) {
            common.ranking.remember(&worth);
        }
        self.remove_at(common, &layout, at);
    }

    fn remove_at(&mut self, common: &Common, layout: &Layout, at: u32) {
        let key = layout.key(self.region.bytes());
        let (tag, partition) = (common.tag(layout.namespace, key), Partition::of(key));
        if let Some(place) = self.table.find(tag, |other| other == at) {
            self.discard(common, &Found { partition, place, layout: *layout });
        }
    }

    /// Removes an item that is past its deadline or of a flushed database; whether it was.
    pub(super) fn discard_if_gone(
        &mut self,
        common: &Common,
        layout: &Layout,
        at: usize,
        now: Millis,
    ) -> bool {
        let expired = layout.deadline.passed(now);
        let flushed = self.is_flushed(layout);
        if !expired && !flushed {
            return false;
        }
        if !flushed {
            common.memory.count_expired(1);
            common.lag.note(layout.deadline, now);
        }
        self.remove_at(common, layout, at as u32);
        true
    }
}

fn memory_moved(common: &Common, bytes: u64) {
    if bytes > 0 {
        common.memory.count_moved(bytes);
    }
}

/// What part of a segment is made free when it is cleaned at the limit. Less would keep more of what is worth little for
/// a while longer; more would move fewer items for each that leaves.
pub(super) const CLEAN_SHARE: usize = 16;

/// What part of a segment its holes must come to before they are closed while there is room.
const ROOMY_SHARE: usize = 4;

/// The limit counts as reached once less than this part of it is free.
const TIGHT_SHARE: usize = 64;

/// Buckets that a table moves in one step to give pages.
const SHRINK_BUCKETS: usize = 4_096;

/// Segments that leave at most for one long item.
const ADDRESS_TRIES_MAX: usize = 4_096;

/// Segments looked at for one item.
const PLACE_TRIES_MAX: usize = 8;

/// Candidates whose lines of the table are on their way from memory at the same time.
const FETCHED_AHEAD: usize = 8;
