//! Calls counted in a sliding window. Time is handed in; where the window is kept is left to the command.
//!
//! The period is divided into 32 parts, and a part is counted until it has left the window as a whole. So never more
//! calls are let through within any period than are allowed; a call may keep its place for one part too long.
//!
//! A window is stored as a string, numbers with their lowest byte first:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `F5 4C 57 01`: a mark, and the version of the layout |
//! | 8 | the period in milliseconds; a part has a 32nd of it, rounded up |
//! | 8 | the number of the newest part: milliseconds since 1970 divided by those of a part |
//! | 4 each | what was counted in the newest part, the one before, and so on; at most 33, the last one not 0 |
//!
//! Clocks of two nodes differ, and a worker's may be a moment behind another's. Time in a window does not go back: if its
//! newest part lies ahead, that counts as the present until the clock has come there. If it lies ahead by more than a
//! period, and more than ten seconds, the clock was set back: then everything counts as called now.

use smallvec::SmallVec;

/// Calls counted in a period that ends now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    period_ms: u64,
    /// The number of the newest part.
    newest: u64,
    /// What was counted in it, in the part before, and so on.
    counts: [u32; COUNTED_PARTS],
}

impl Window {
    /// Nothing was counted yet.
    pub(super) const fn new(period_ms: u64, now_ms: u64) -> Self {
        Self { period_ms, newest: now_ms / part_ms(period_ms), counts: [0; COUNTED_PARTS] }
    }

    /// Reads what [`Window::write`] wrote; none if it is something else.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (period, rest) = bytes.strip_prefix(&MARK)?.split_first_chunk()?;
        let (newest, rest) = rest.split_first_chunk()?;
        let period_ms = u64::from_le_bytes(*period);
        let (stored, odd) = rest.as_chunks();
        if period_ms == 0 || stored.is_empty() || stored.len() > COUNTED_PARTS || !odd.is_empty() {
            return None;
        }
        let mut counts = [0; COUNTED_PARTS];
        counts.iter_mut().zip(stored).for_each(|(count, bytes)| *count = u32::from_le_bytes(*bytes));
        Some(Self { period_ms, newest: u64::from_le_bytes(*newest), counts })
    }

    pub(super) fn write(&self) -> SmallVec<[u8; BYTES_MAX]> {
        let mut bytes = SmallVec::from_slice(&MARK);
        bytes.extend_from_slice(&self.period_ms.to_le_bytes());
        bytes.extend_from_slice(&self.newest.to_le_bytes());
        let length = self.counts.iter().rposition(|count| *count > 0).map_or(1, |last| last + 1);
        self.counts[..length].iter().for_each(|count| bytes.extend_from_slice(&count.to_le_bytes()));
        bytes
    }

    /// The same window at a later moment, or over another period, as far as it was counted; and whether the clock was set
    /// back, so that it has to be stored even if nothing is counted.
    pub(super) fn at(&self, period_ms: u64, now_ms: u64) -> (Self, bool) {
        let part = part_ms(self.period_ms);
        let newest_at = self.newest.saturating_mul(part);
        let is_set_back = newest_at > now_ms.saturating_add(self.period_ms.max(AHEAD_MS_MAX));
        let present = if is_set_back { now_ms } else { newest_at.max(now_ms) };
        let mut window = Self::new(period_ms, present);
        for (age, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let end = self.newest.saturating_sub(age as u64).saturating_add(1).saturating_mul(part) - 1;
            window.count(if is_set_back { present } else { end.min(present) }, *count, present);
        }
        (window, is_set_back)
    }

    /// What is counted.
    pub(super) fn used(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// Counts so many calls as made now.
    pub(super) fn add(&mut self, cost: u64) {
        self.counts[0] = self.counts[0].saturating_add(u32::try_from(cost).unwrap_or(u32::MAX));
    }

    /// The first moment at which this cost fits, if nothing is counted until then. A cost that never fits: when nothing is
    /// counted any more.
    pub(super) fn room_at(&self, calls: u64, cost: u64) -> u64 {
        let mut used = self.used();
        for (age, count) in self.counts.iter().enumerate().rev() {
            used -= u64::from(*count);
            if used + cost <= calls {
                return self.left_at(self.newest.saturating_sub(age as u64));
            }
        }
        self.over_at()
    }

    /// When nothing is counted any more, even if something was counted just now.
    pub(super) const fn over_at(&self) -> u64 {
        self.left_at(self.newest)
    }

    /// The first moment at which this part is counted no longer.
    const fn left_at(&self, part: u64) -> u64 {
        let end = part.saturating_add(1).saturating_mul(part_ms(self.period_ms)) - 1;
        end.saturating_add(self.period_ms)
    }

    /// Counts calls made at a moment, unless that has left the window.
    fn count(&mut self, at_ms: u64, calls: u32, now_ms: u64) {
        let part = at_ms / part_ms(self.period_ms);
        let age = usize::try_from(self.newest.saturating_sub(part)).unwrap_or(usize::MAX);
        if self.left_at(part) > now_ms
            && let Some(count) = self.counts.get_mut(age)
        {
            *count = count.saturating_add(calls);
        }
    }
}

/// Milliseconds of a part.
pub(super) const fn part_ms(period_ms: u64) -> u64 {
    period_ms.div_ceil(PARTS)
}

/// Parts of a period.
const PARTS: u64 = 32;

/// The parts of a period, and the one that has left it in part.
const COUNTED_PARTS: usize = PARTS as usize + 1;

/// How far the newest part may lie ahead, whatever the period.
const AHEAD_MS_MAX: u64 = 10_000;

const MARK: [u8; 4] = [0xF5, b'L', b'W', 1];
const BYTES_MAX: usize = MARK.len() + 16 + 4 * COUNTED_PARTS;
// What makes room for a command allows for this much beside its words.
const _: () = assert!(BYTES_MAX < crate::limits::ITEM_OVERHEAD_BYTES);
