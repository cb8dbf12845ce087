//! The addresses of one shard, and the segments in them: finding place for an item, taking and giving pages. Which items
//! leave is left to eviction and expiry.

use std::io;

use super::arena::{Arena, PAGE_BYTES, pages};
use super::blocks::Blocks;
use super::item::{self, Layout};
use super::memory::{Memory, Part};
use super::segment::{SEGMENT_BYTES, SHARED_ITEM_BYTES_MAX, Segment};

/// Segments and the addresses they lie in.
#[derive(Debug)]
pub(super) struct Region {
    arena: Arena,
    blocks: Blocks,
    /// By block number; `None` where no segment begins.
    segments: Vec<Option<Segment>>,
    /// Block numbers of all segments, in the order in which they are looked at.
    pub(super) ring: Vec<u32>,
    /// The segment to which items are appended.
    pub(super) open: Option<u32>,
    /// Segments that were closed and whose pages are still to be given back, a few at a time.
    closed: Vec<Segment>,
}

/// Whether pages may be taken that the limit does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Obey,
    Pass,
}

impl Region {
    /// Reserves addresses: so many ordinary segments, a power of two.
    ///
    /// # Errors
    /// The kernel does not give them.
    pub(super) fn new(segments: usize) -> io::Result<Self> {
        let arena = Arena::reserve(segments * SEGMENT_BYTES)?;
        let mut blocks = Blocks::new(segments.ilog2());
        // Offset 0 means "nothing" in the table, so the first block stays out of use.
        blocks.take(0);
        Ok(Self { arena, blocks, segments: Vec::new(), ring: Vec::new(), open: None, closed: Vec::new() })
    }

    /// The bytes of all segments; items are named by their offset.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.arena
    }

    #[inline]
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.arena
    }

    /// The segment with this block number.
    pub(super) fn segment(&self, block: u32) -> Option<&Segment> {
        self.segments.get(block as usize)?.as_ref()
    }

    pub(super) fn segment_mut(&mut self, block: u32) -> Option<&mut Segment> {
        self.segments.get_mut(block as usize)?.as_mut()
    }

    /// The segment in which an item lies: a long item begins where its block does.
    pub(super) fn segment_of(&mut self, at: u32) -> Option<&mut Segment> {
        self.segment_mut(at / SEGMENT_BYTES as u32)
    }

    /// Place for an item in the open segment, or in one that has room.
    pub(super) fn append(&mut self, bytes: usize, limit: Limit, memory: &Memory) -> Option<u32> {
        self.append_to(self.open?, bytes, limit, memory)
    }

    /// Opens a new segment and finds place there. A long item gets a block of its own.
    pub(super) fn append_to_new(&mut self, bytes: usize, limit: Limit, memory: &Memory) -> Option<u32> {
        if limit == Limit::Obey && memory.free() < pages(bytes) as i64 {
            return None;
        }
        let (large, order) = (bytes > SHARED_ITEM_BYTES_MAX, order_of(bytes));
        let block = self.blocks.take(order)?;
        let at = block as usize;
        if self.segments.len() <= at {
            self.segments.resize_with(at + 1, || None);
        }
        self.segments[at] = Some(Segment::new(at * SEGMENT_BYTES, order, large));
        self.ring.push(block);
        if !large {
            self.open = Some(block);
        }
        let place = self.append_to(block, bytes, limit, memory);
        if place.is_none() && large {
            // Others took the pages meanwhile. Nothing would ever be put into the block of one item again.
            self.close(block, memory);
        }
        place
    }

    fn append_to(&mut self, block: u32, bytes: usize, limit: Limit, memory: &Memory) -> Option<u32> {
        let segment = self.segment_mut(block)?;
        if segment.end + bytes > segment.bytes() {
            return None;
        }
        let missing = segment.missing(bytes);
        match limit {
            Limit::Obey if missing > 0 && !memory.try_charge(Part::Arena, missing) => return None,
            Limit::Pass => memory.charge(Part::Arena, missing as i64),
            Limit::Obey => {}
        }
        segment.touched += missing;
        let at = segment.base + segment.end;
        segment.end += bytes;
        segment.live += bytes;
        memory.count_live(bytes as i64);
        Some(at as u32)
    }

    /// Marks an item as dead.
    pub(super) fn kill(&mut self, at: u32, memory: &Memory) {
        let length = Layout::read(&self.arena, at as usize).end - at as usize;
        item::kill(&mut self.arena, at as usize);
        self.count_dead(at, length, memory);
    }

    /// Counts bytes of a segment that ceased to be live. Of a segment without live items all pages are free again.
    fn count_dead(&mut self, at: u32, bytes: usize, memory: &Memory) {
        memory.count_live(-(bytes as i64));
        let Some(segment) = self.segment_of(at) else { return };
        segment.live -= bytes;
        if segment.live > 0 {
            return;
        }
        segment.end = 0;
        segment.forget_deadlines();
        if segment.is_large() {
            self.close(at / SEGMENT_BYTES as u32, memory);
        }
    }

    /// Makes the rest of an item that shrank a hole.
    pub(super) fn cut(&mut self, at: u32, bytes: usize, rest: usize, memory: &Memory) {
        if rest == 0 {
            return;
        }
        let end = at as usize + bytes;
        item::write_hole(&mut self.arena[end..end + rest]);
        self.count_dead(at, rest, memory);
    }

    /// Lets an item grow into the hole or the free end behind it, without telling its header; whether there was room.
    pub(super) fn grow(&mut self, at: u32, bytes: usize, more: usize, memory: &Memory) -> bool {
        let end = at as usize + bytes;
        let Some(segment) = self.segment_of(at) else { return false };
        let filled = segment.base + segment.end;
        if end < filled {
            return self.grow_into_hole(at, end, more, memory);
        }
        let missing = segment.missing(more);
        if segment.end + more > segment.bytes() || !memory.try_charge(Part::Arena, missing) {
            return false;
        }
        segment.touched += missing;
        segment.end += more;
        segment.live += more;
        memory.count_live(more as i64);
        true
    }

    fn grow_into_hole(&mut self, at: u32, end: usize, more: usize, memory: &Memory) -> bool {
        let hole = Layout::read(&self.arena, end);
        if hole.kind != item::Kind::Hole || hole.end - end < more {
            return false;
        }
        item::write_hole(&mut self.arena[end + more..hole.end]);
        if let Some(segment) = self.segment_of(at) {
            segment.live += more;
        }
        memory.count_live(more as i64);
        true
    }

    /// Gives back the pages behind the last item of a segment; the segment itself if nothing is in it.
    pub(super) fn trim(&mut self, block: u32, memory: &Memory) {
        let Some(segment) = self.segment_mut(block) else { return };
        if segment.end == 0 {
            return self.close(block, memory);
        }
        let tail = segment.tail();
        segment.touched -= tail.len();
        memory.charge(Part::Arena, -(tail.len() as i64));
        self.arena.release(tail);
    }

    /// Takes a segment out of use. Pages and addresses of a large one are given back by [`Region::release_closed`].
    pub(super) fn close(&mut self, block: u32, memory: &Memory) {
        let Some(segment) = self.segments.get_mut(block as usize).and_then(Option::take) else { return };
        self.ring.retain(|&other| other != block);
        if self.open == Some(block) {
            self.open = None;
        }
        self.closed.push(segment);
        if self.closed.last().is_some_and(|segment| segment.touched <= RELEASE_BYTES_MAX) {
            self.release_closed(memory);
        }
    }

    /// Gives back some pages of the segment closed last; whether there was one.
    pub(super) fn release_closed(&mut self, memory: &Memory) -> bool {
        let Some(segment) = self.closed.last_mut() else { return false };
        let kept = segment.touched.saturating_sub(RELEASE_BYTES_MAX);
        let pages = segment.base + kept..segment.base + segment.touched;
        segment.touched = kept;
        memory.charge(Part::Arena, -(pages.len() as i64));
        self.arena.release(pages);
        if kept == 0 {
            let (block, order) = ((segment.base / SEGMENT_BYTES) as u32, segment.order);
            self.blocks.give(block, order);
            self.closed.pop();
        }
        true
    }

    /// Whether pages of closed segments are still to be given back.
    pub(super) const fn has_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    /// The ordinary segment with the most room for new items in what is resident, if it has
    /// at least so much; and how much.
    pub(super) fn roomiest(&self, bytes_min: usize) -> Option<(u32, usize)> {
        let rooms = self.ring.iter().filter_map(|&block| {
            let segment = self.segment(block)?;
            let room = segment.touched.saturating_sub(segment.live);
            (!segment.is_large() && room >= bytes_min).then_some((block, room))
        });
        rooms.max_by_key(|&(_, room)| room)
    }

    /// No item of the region ceases to exist before.
    pub(super) fn due(&self) -> larder_proto::time::Deadline {
        let dues = self.ring.iter().filter_map(|&block| self.segment(block)).map(|segment| segment.due);
        dues.min().unwrap_or(larder_proto::time::Deadline::NEVER)
    }

    /// Bytes resident, counted afresh.
    #[cfg(any(test, feature = "recount"))]
    pub(super) fn touched(&self) -> usize {
        let open = self.ring.iter().filter_map(|&block| self.segment(block));
        open.chain(&self.closed).map(|segment| segment.touched).sum()
    }
}

/// Bytes given back in one step: the kernel takes a tenth of a microsecond for each page.
const RELEASE_BYTES_MAX: usize = 2 << 20;

/// How many times an ordinary segment has to be doubled for so many bytes.
fn order_of(bytes: usize) -> u32 {
    bytes.div_ceil(SEGMENT_BYTES).next_power_of_two().ilog2()
}

const _: () = assert!(SEGMENT_BYTES.is_multiple_of(PAGE_BYTES));
