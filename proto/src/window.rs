//! Calls counted in a sliding window: the one arithmetic of rate limits, for nodes and for gateways that count
//! themselves. Time is handed in as milliseconds since 1970; where a window is kept, and under which key, is left to
//! others. The script that gateways give to a plain Redis says the same in Lua and is tested against this.
//!
//! The period is divided into [`PARTS`], and a part is counted until it has left the window as a whole: the part whose
//! last millisecond is `end` is counted while `end + period > now`. So never more calls are let through within any
//! period than are allowed; a call may keep its place for one part too long.
//!
//! A window is stored as a string, numbers with their lowest byte first:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `F5 4C 57 01`: a mark, and the version of the layout |
//! | 8 | the period in milliseconds, 1 to [`PERIOD_MS_MAX`]; a part has a 32nd of it, rounded up |
//! | 8 | the number of the newest part: milliseconds since 1970 divided by those of a part |
//! | 4 each | what was counted in the newest part, the one before, and so on; at most 33, the last one not 0 |
//!
//! Where it might be read in more ways than one:
//!
//! - **Clocks** of two nodes differ, and a worker's may be a moment behind another's. Time in a window does not go
//!   back: if its newest part lies ahead, that counts as the present until the clock has come there. If it lies ahead
//!   by more than a period, and more than ten seconds, the clock was set back: then everything counts as called now.
//!   Nothing is ever forgotten for a clock, since the limit is there to protect a backend.
//! - **Another limit** applies from the next call on to what is counted already; a lower one may leave it above.
//! - **Another period** takes over what can be told of the calls so far: a part counts as called in its last
//!   millisecond.
//! - **A cost that never fits**, being above the limit, is told to wait until nothing is counted.
//! - **Counts** stop at 4,294,967,295 for a part; no number is above 2^52, so that a Lua of doubles counts exactly.

/// Calls counted in a period that ends now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// From 1 to [`PERIOD_MS_MAX`].
    period_ms: u64,
    /// The number of the newest part.
    newest: u64,
    /// What was counted in it, in the part before, and so on; nothing before 1970.
    counts: [u32; COUNTED_PARTS],
}

/// What is asked of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// So many calls may be counted in any period.
    pub calls: u32,
    /// The period in milliseconds, 1 to [`PERIOD_MS_MAX`]; what lies outside is cut to that.
    pub period_ms: u64,
    /// So many calls at once.
    pub cost: u32,
    /// What is done to the count.
    pub mode: Mode,
}

/// What is done to the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The cost is counted if it fits.
    Count,
    /// Nothing is counted.
    Check,
    /// The cost is counted in any case.
    Force,
}

/// What a window answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whether the cost fitted before anything was counted.
    pub allowed: bool,
    /// How many calls fit still.
    pub remaining: u32,
    /// Milliseconds until the cost fits if nothing else is counted, at least 1; 0 if it fitted.
    pub retry_after_ms: u64,
    /// Whether the window is another than before, and has to be stored.
    pub has_changed: bool,
}

impl Window {
    /// Nothing was counted yet.
    pub const fn new(period_ms: u64, now_ms: u64) -> Self {
        let period_ms = bounded(period_ms, 1, PERIOD_MS_MAX);
        let now_ms = bounded(now_ms, 0, MOMENT_MS_MAX);
        Self { period_ms, newest: now_ms / part_ms(period_ms), counts: [0; COUNTED_PARTS] }
    }

    /// Reads what [`Window::write`] wrote; none if it is something else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (period, rest) = bytes.strip_prefix(&MARK)?.split_first_chunk()?;
        let (newest, rest) = rest.split_first_chunk()?;
        let (period_ms, newest) = (u64::from_le_bytes(*period), u64::from_le_bytes(*newest));
        let (stored, odd) = rest.as_chunks();
        if !(1..=PERIOD_MS_MAX).contains(&period_ms) || newest > MOMENT_MS_MAX / part_ms(period_ms) {
            return None;
        }
        let is_of_our_time = stored.len() as u64 <= newest.saturating_add(1);
        if stored.is_empty() || stored.len() > COUNTED_PARTS || !odd.is_empty() || !is_of_our_time {
            return None;
        }
        let mut counts = [0; COUNTED_PARTS];
        counts.iter_mut().zip(stored).for_each(|(count, bytes)| *count = u32::from_le_bytes(*bytes));
        Some(Self { period_ms, newest, counts })
    }

    /// Writes the window for [`Window::read`] to the beginning of a buffer; what was written.
    pub fn write<'a>(&self, buffer: &'a mut [u8; BYTES_MAX]) -> &'a [u8] {
        let parts = self.counts.iter().rposition(|count| *count > 0).map_or(1, |last| last + 1);
        let counts = self.counts[..parts].iter().flat_map(|count| count.to_le_bytes());
        let numbers = [self.period_ms, self.newest].into_iter().flat_map(u64::to_le_bytes);
        let bytes = MARK.into_iter().chain(numbers).chain(counts);
        buffer.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        &buffer[..HEAD_BYTES + COUNT_BYTES * parts]
    }

    /// Brings the window to this moment and to this period, counts, and answers.
    pub fn take(&mut self, ask: Ask, now_ms: u64) -> Taken {
        let now_ms = now_ms.min(MOMENT_MS_MAX);
        let is_set_back = self.bring_to(ask.period_ms, now_ms);
        let (calls, cost) = (u64::from(ask.calls), u64::from(ask.cost));
        let allowed = self.used() + cost <= calls;
        let is_counted = ask.cost > 0
            && match ask.mode {
                Mode::Count => allowed,
                Mode::Check => false,
                Mode::Force => true,
            };
        if is_counted {
            self.counts[0] = self.counts[0].saturating_add(ask.cost);
        }
        let remaining = calls.saturating_sub(self.used());
        Taken {
            allowed,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            retry_after_ms: if allowed { 0 } else { self.room_at(calls, cost) - now_ms },
            has_changed: is_counted || is_set_back,
        }
    }

    /// The moment at which nothing is counted any more, even if something was counted just now: until then a window
    /// is kept.
    pub const fn over_at(&self) -> u64 {
        self.left_at(self.newest)
    }

    /// Counts anew at a later moment, or over another period; whether the clock was set back, so that the window has
    /// to be stored even if nothing is counted.
    fn bring_to(&mut self, period_ms: u64, now_ms: u64) -> bool {
        let part = part_ms(self.period_ms);
        let newest_at = self.newest * part;
        let is_set_back = newest_at > now_ms + self.period_ms.max(AHEAD_MS_MAX);
        let present = if is_set_back { now_ms } else { newest_at.max(now_ms) };
        let mut window = Self::new(period_ms, present);
        for (number, count) in self.counted() {
            let end = (number + 1) * part - 1;
            window.count(if is_set_back { present } else { end.min(present) }, count, present);
        }
        *self = window;
        is_set_back
    }

    /// Counts calls made at a moment, unless that has left the window.
    fn count(&mut self, at_ms: u64, calls: u32, now_ms: u64) {
        let number = at_ms / part_ms(self.period_ms);
        if self.left_at(number) <= now_ms {
            return;
        }
        let age = usize::try_from(self.newest - number).unwrap_or(usize::MAX);
        if let Some(count) = self.counts.get_mut(age) {
            *count = count.saturating_add(calls);
        }
    }

    /// The numbers of the parts in which something was counted and how much, newest first.
    fn counted(&self) -> impl DoubleEndedIterator<Item = (u64, u32)> {
        let all = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        all.map(|(age, count)| (self.newest - age as u64, *count))
    }

    fn used(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// The first moment at which this cost fits, if nothing is counted until then. A cost that never fits: when nothing is
    /// counted any more.
    fn room_at(&self, calls: u64, cost: u64) -> u64 {
        let mut used = self.used();
        for (number, count) in self.counted().rev() {
            used -= u64::from(count);
            if used + cost <= calls {
                return self.left_at(number);
            }
        }
        self.over_at()
    }

    /// The first moment at which this part is counted no longer.
    const fn left_at(&self, number: u64) -> u64 {
        (number + 1) * part_ms(self.period_ms) - 1 + self.period_ms
    }
}

/// Milliseconds of a part.
pub const fn part_ms(period_ms: u64) -> u64 {
    period_ms.div_ceil(PARTS)
}

const fn bounded(number: u64, min: u64, max: u64) -> u64 {
    if number < min {
        min
    } else if number > max {
        max
    } else {
        number
    }
}

/// Parts of a period.
pub const PARTS: u64 = 32;

/// The longest period: 366 days.
pub const PERIOD_MS_MAX: u64 = 366 * 24 * 60 * 60 * 1_000;

/// The most calls of a limit, and the highest cost, that may be asked for on the wire: the reference's integers.
pub const COUNT_MAX: u32 = i32::MAX as u32;

/// The longest stored window.
pub const BYTES_MAX: usize = HEAD_BYTES + COUNT_BYTES * COUNTED_PARTS;

/// The parts of a period, and the one that has left it in part.
const COUNTED_PARTS: usize = PARTS as usize + 1;

/// How far the newest part may lie ahead, whatever the period.
const AHEAD_MS_MAX: u64 = 10_000;

/// The last moment there is, far from the end of any number's range.
const MOMENT_MS_MAX: u64 = 1 << 52;

const MARK: [u8; 4] = [0xF5, b'L', b'W', 1];
const HEAD_BYTES: usize = MARK.len() + 16;
const COUNT_BYTES: usize = 4;

#[cfg(test)]
mod tests;
