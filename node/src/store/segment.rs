//! A segment: a run of addresses in which items stand one behind the other. Which items leave it is left to eviction and
//! expiry, where it lies to the region.

use std::ops::Range;

use larder_proto::time::{Deadline, Millis};

use super::arena::{PAGE_BYTES, pages};

/// What is known of a segment. All offsets count from its first byte.
#[derive(Debug)]
pub(super) struct Segment {
    /// The first byte, in the region.
    pub(super) base: usize,
    /// Addresses that belong to it: `2^order` blocks.
    pub(super) order: u32,
    /// It is the block of one long item.
    large: bool,
    /// Where the next item goes.
    pub(super) end: usize,
    /// Bytes of live items below `end`.
    pub(super) live: usize,
    /// Bytes that are resident, in whole pages.
    pub(super) touched: usize,
    /// No item here ceases to exist before.
    pub(super) due: Deadline,
    spans: Option<Box<Spans>>,
}

/// For each span of a segment: no deadline there is earlier, and where to begin to look.
#[derive(Clone, Debug)]
struct Spans {
    due: [Deadline; SPANS],
    /// Offset in the span of an item's first byte, at or before the first item with a deadline.
    first: [u16; SPANS],
}

impl Segment {
    pub(super) const fn new(base: usize, order: u32, large: bool) -> Self {
        Self { base, order, large, end: 0, live: 0, touched: 0, due: Deadline::NEVER, spans: None }
    }

    /// Addresses that belong to it, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        SEGMENT_BYTES << self.order
    }

    /// Whether it is the block of one large item.
    pub(super) const fn is_large(&self) -> bool {
        self.large
    }

    /// Pages to be touched before so many bytes more can be written.
    pub(super) const fn missing(&self, bytes: usize) -> usize {
        pages(self.end + bytes).saturating_sub(self.touched)
    }

    /// Pages behind the last item, as offsets in the region.
    pub(super) const fn tail(&self) -> Range<usize> {
        let end = pages(self.end);
        let start = if end < self.touched { end } else { self.touched };
        self.base + start..self.base + self.touched
    }

    /// Notes that an item with this deadline begins at `at`.
    pub(super) fn note_deadline(&mut self, at: usize, deadline: Deadline) {
        if deadline == Deadline::NEVER {
            return;
        }
        self.due = self.due.min(deadline);
        if self.is_large() {
            return;
        }
        let spans = self.spans.get_or_insert_with(Box::default);
        let span = at / SPAN_BYTES;
        spans.due[span] = spans.due[span].min(deadline);
        spans.first[span] = spans.first[span].min((at % SPAN_BYTES) as u16);
    }

    /// The spans in which an item may have ceased to exist: where to begin to look, where the span ends.
    pub(super) fn due_spans(&self, now: Millis) -> impl Iterator<Item = Range<usize>> {
        let whole = (self.spans.is_none() && self.due.passed(now)).then_some(0..self.end);
        let spans = self.spans.iter().flat_map(move |spans| {
            let due = (0..SPANS).filter(move |&span| spans.due[span].passed(now));
            due.map(|span| {
                let start = span * SPAN_BYTES;
                start + usize::from(spans.first[span])..(start + SPAN_BYTES).min(self.end)
            })
        });
        whole.into_iter().chain(spans)
    }

    /// Forgets the deadlines of a span, whose items will be noted again.
    pub(super) fn forget_span(&mut self, within: usize) {
        if let Some(spans) = &mut self.spans {
            spans.due[within / SPAN_BYTES] = Deadline::NEVER;
            spans.first[within / SPAN_BYTES] = NO_ITEM;
        }
    }

    /// Forgets all deadlines.
    pub(super) fn forget_deadlines(&mut self) {
        self.spans = None;
        self.due = Deadline::NEVER;
    }

    /// Looks up again when the next item ceases to exist. A large one's is known from its item alone.
    pub(super) fn update_due(&mut self) {
        if self.is_large() {
            return;
        }
        let next = self.spans.as_ref().and_then(|spans| spans.due.into_iter().min());
        self.due = next.unwrap_or(Deadline::NEVER);
        if self.due == Deadline::NEVER {
            self.spans = None;
        }
    }
}

impl Default for Spans {
    fn default() -> Self {
        Self { due: [Deadline::NEVER; SPANS], first: [NO_ITEM; SPANS] }
    }
}

/// Bytes of an ordinary segment. Closing the holes of one is the longest step of the store: half a megabyte of the
/// smallest items takes less than a millisecond.
pub(super) const SEGMENT_BYTES: usize = 512 << 10;

/// The longest item that shares a segment with others. A longer one gets a block of its own, so that no more than an
/// eighth of a segment lies unused at its end.
pub(super) const SHARED_ITEM_BYTES_MAX: usize = SEGMENT_BYTES / 8;

/// Deadlines are looked up span by span: reading the few hundred items of one takes about a microsecond.
const SPAN_BYTES: usize = 32 << 10;
const SPANS: usize = SEGMENT_BYTES / SPAN_BYTES;
const NO_ITEM: u16 = u16::MAX;

const _: () = assert!(SPAN_BYTES <= NO_ITEM as usize && SEGMENT_BYTES.is_multiple_of(PAGE_BYTES));
