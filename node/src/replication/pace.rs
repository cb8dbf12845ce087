//! How fast copies at one node are filled: as fast as that node takes it in, as long as what clients write does not have to wait
//! for it. What is sent to fill copies travels in one stream with what clients write, so how long it takes until it is
//! acknowledged is how long a client waits: if that grows, less is sent ahead. And no node copies all the time: where cores are
//! few, clients would wait for one. Decisions only; who sends asks it.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;

use crate::limits::{
    FILL_AHEAD_BYTES_MAX, FILL_AHEAD_BYTES_MIN, FILL_DELAY_MAX, FILL_REST_MIN, FILL_REST_STEP_MAX,
    FILL_RESTS, FILL_STEP_BYTES, FILL_STEP_BYTES_MIN, FILL_STEP_TIME_MAX,
};

/// What is under way to one run of one node, and how much may be.
#[derive(Debug)]
pub(super) struct Pace(Mutex<UnderWay>);

#[derive(Debug)]
struct UnderWay {
    /// Whose positions these are.
    feed: u64,
    /// What was sent and is not known to be acknowledged, in the order of positions.
    pieces: VecDeque<Piece>,
    bytes: usize,
    /// Bytes that may be under way.
    ahead: usize,
    /// The shortest time that an acknowledgement took.
    least_ns: u64,
    /// What was sent before this says nothing new: less has been sent since.
    slowed_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    position: u64,
    bytes: usize,
    sent_ns: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(UnderWay {
            feed: 0,
            pieces: VecDeque::new(),
            bytes: 0,
            ahead: FILL_AHEAD_BYTES_MIN,
            least_ns: u64::MAX,
            slowed_ns: 0,
        }))
    }
}

impl Pace {
    /// So many bytes were sent on a feed, as the message at this position.
    pub(super) fn sent(&self, (feed, position): (u64, u64), bytes: usize, now_ns: u64) {
        let mut under_way = self.0.lock();
        under_way.turn_to(feed);
        under_way.bytes += bytes;
        under_way.pieces.push_back(Piece { position, bytes, sent_ns: now_ns });
    }

    /// Whether more may be sent on a feed of which so many messages are acknowledged.
    pub(super) fn has_room(&self, (feed, acknowledged): (u64, u64), now_ns: u64) -> bool {
        let mut under_way = self.0.lock();
        under_way.turn_to(feed);
        while let Some(piece) = under_way.pieces.pop_front_if(|piece| piece.position <= acknowledged) {
            under_way.bytes -= piece.bytes;
            under_way.judge(piece, now_ns);
        }
        under_way.bytes < under_way.ahead
    }
}

impl UnderWay {
    /// What another feed had under way is lost or arrived: nobody waits for it.
    fn turn_to(&mut self, feed: u64) {
        if self.feed != feed {
            (self.feed, self.bytes, self.least_ns) = (feed, 0, u64::MAX);
            self.pieces.clear();
        }
    }

    /// More is sent ahead, little by little, while acknowledgements come in time; half as much if one does not.
    fn judge(&mut self, piece: Piece, now_ns: u64) {
        let took_ns = now_ns.saturating_sub(piece.sent_ns);
        self.least_ns = self.least_ns.min(took_ns);
        let is_late = took_ns > 2 * self.least_ns + FILL_DELAY_MAX.as_nanos() as u64;
        if !is_late {
            self.ahead = (self.ahead + piece.bytes / GROWTH).min(FILL_AHEAD_BYTES_MAX);
        } else if piece.sent_ns >= self.slowed_ns {
            self.ahead = (self.ahead / 2).max(FILL_AHEAD_BYTES_MIN);
            self.slowed_ns = now_ns;
        }
    }
}

/// When this node, whatever it fills, copies nothing.
#[derive(Debug, Default)]
pub(super) struct Rests(Mutex<Due>);

#[derive(Debug, Default)]
struct Due {
    /// Rest that is due and was not taken.
    owed_ns: u64,
    until_ns: u64,
}

impl Rests {
    /// Notes how long a step took. What counts of one that took very long, perhaps since the process was stopped, is bounded.
    pub(super) fn note(&self, took_ns: u64, now_ns: u64) {
        let mut due = self.0.lock();
        due.owed_ns += took_ns.min(FILL_REST_STEP_MAX.as_nanos() as u64) * FILL_RESTS;
        if due.owed_ns >= FILL_REST_MIN.as_nanos() as u64 {
            due.until_ns = due.until_ns.max(now_ns) + due.owed_ns;
            due.owed_ns = 0;
        }
    }

    /// How much is left of a rest.
    pub(super) fn left(&self, now_ns: u64) -> Option<Duration> {
        let left_ns = self.0.lock().until_ns.saturating_sub(now_ns);
        (left_ns > 0).then(|| Duration::from_nanos(left_ns))
    }
}

/// How large the steps of one fill are: as large as they may be, as long as none holds its lock for too long.
#[derive(Debug)]
pub(super) struct Steps {
    bytes: usize,
}

impl Default for Steps {
    fn default() -> Self {
        Self { bytes: FILL_STEP_BYTES }
    }
}

impl Steps {
    /// Bytes of the next step.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Notes how long a step took.
    pub(super) fn note(&mut self, took_ns: u64) {
        let is_late = took_ns > FILL_STEP_TIME_MAX.as_nanos() as u64;
        let bytes = if is_late { self.bytes / 2 } else { self.bytes + FILL_STEP_BYTES_MIN };
        self.bytes = bytes.clamp(FILL_STEP_BYTES_MIN, FILL_STEP_BYTES);
    }
}

/// Of what is acknowledged in time, such a part is sent ahead in addition.
const GROWTH: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Sends and acknowledges for some rounds, each taking so long; bytes that were under way in the last.
    fn rounds(pace: &Pace, (position, now_ns): (&mut u64, &mut u64), rounds: usize, took_ns: u64) -> usize {
        let mut sent = 0;
        for _ in 0..rounds {
            sent = 0;
            while pace.has_room((1, *position - sent as u64 / 1_024), *now_ns) {
                *position += 1;
                sent += 1_024;
                pace.sent((1, *position), 1_024, *now_ns);
            }
            *now_ns += took_ns;
            let _ = pace.has_room((1, *position), *now_ns);
        }
        sent
    }

    #[test]
    fn more_is_sent_ahead_while_it_comes_in_time_and_less_when_it_does_not() {
        let (pace, mut position, mut now_ns) = (Pace::default(), 0, 1);
        let at = (&mut position, &mut now_ns);
        assert_eq!(rounds(&pace, (at.0, at.1), 1, MS / 2), FILL_AHEAD_BYTES_MIN);
        assert_eq!(rounds(&pace, (at.0, at.1), 30, MS / 2), FILL_AHEAD_BYTES_MAX);
        // In each round half as much.
        assert_eq!(rounds(&pace, (at.0, at.1), 2, 10 * MS), FILL_AHEAD_BYTES_MAX / 2);
        assert_eq!(rounds(&pace, (at.0, at.1), 30, 10 * MS), FILL_AHEAD_BYTES_MIN);
        assert!(rounds(&pace, (at.0, at.1), 2, MS) > FILL_AHEAD_BYTES_MIN);
    }

    #[test]
    fn what_a_lost_feed_had_under_way_is_not_waited_for() {
        let pace = Pace::default();
        pace.sent((1, 5), FILL_AHEAD_BYTES_MIN, 1);
        assert!(!pace.has_room((1, 4), 2) && pace.has_room((2, 0), 2));
    }

    #[test]
    fn as_long_as_it_copies_and_twice_a_node_rests() {
        let rests = Rests::default();
        rests.note(MS / 4, 10 * MS);
        assert_eq!(rests.left(10 * MS), None);
        rests.note(MS / 2, 11 * MS);
        assert_eq!(rests.left(11 * MS), Some(Duration::from_micros(1_500)));
        assert_eq!(rests.left(12 * MS), Some(Duration::from_micros(500)));
        assert_eq!(rests.left(13 * MS), None);
        rests.note(10_000 * MS, 20 * MS);
        rests.note(MS, 20 * MS);
        assert_eq!(rests.left(20 * MS), Some(FILL_REST_STEP_MAX * 2 + Duration::from_millis(2)));
    }

    #[test]
    fn a_step_that_takes_long_makes_the_next_one_smaller() {
        let mut steps = Steps::default();
        for _ in 0..20 {
            steps.note(MS);
        }
        assert_eq!(steps.bytes(), FILL_STEP_BYTES_MIN);
        for _ in 0..20 {
            steps.note(0);
        }
        assert_eq!(steps.bytes(), FILL_STEP_BYTES);
    }
}
