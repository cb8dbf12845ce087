//! The replies of a turn: connections of one worker that run one after the other write them into one buffer, and they
//! are sent together once all have run. What a client does not take is left to its connection.
//!
//! To send is to wake the client's machinery, which costs more than to answer some requests; a client with many
//! connections is woken once instead of once for each. Redis does the same.
//!
//! ```text
//!   connection runs ── replies ──► post ── turn over, full, or held for long enough ──► sockets
//!                                                                  └── not taken ──► outbox
//! ```

use std::rc::Rc;
use std::task::Waker;

use super::connection::Link;
use super::statistics::WorkerStatistics;
use crate::limits::{POST_HELD_NS_MAX, READ_BYTES, REPLY_BYTES_SOFT_MAX};

/// Replies of the connections that have run in this turn.
#[derive(Default)]
pub(super) struct Post {
    replies: Vec<u8>,
    letters: Vec<Letter>,
    /// When the first of them was handed in.
    since_ns: u64,
    /// The task that sends them when the turn is over.
    carrier: Option<Waker>,
}

/// The replies for one connection: from the end of the letter before to `end`.
struct Letter {
    link: Rc<Link>,
    end: usize,
}

impl Post {
    /// Who is woken to send what was handed in. Its turn comes after those of all connections that are ready.
    pub(super) fn carry_with(&mut self, carrier: &Waker) {
        if !self.carrier.as_ref().is_some_and(|known| known.will_wake(carrier)) {
            self.carrier = Some(carrier.clone());
        }
    }

    /// Has the carrier come when the turn is over.
    pub(super) fn call(&self) {
        self.carrier.iter().for_each(Waker::wake_by_ref);
    }

    /// Where the next connection writes its replies: behind those of others.
    pub(super) const fn desk(&mut self) -> &mut Vec<u8> {
        &mut self.replies
    }

    /// Takes the replies that were written since the last call, of the connection behind this link.
    pub(super) fn hand_in(&mut self, link: &Rc<Link>, now_ns: u64, statistics: &WorkerStatistics) {
        let start = self.letters.last().map_or(0, |letter| letter.end);
        let end = self.replies.len();
        if start == end {
            return;
        }
        let mut outbox = link.outbox.borrow_mut();
        if !outbox.is_empty() {
            outbox.keep(&self.replies[start..]);
            self.replies.truncate(start);
            return;
        }
        drop(outbox);
        if self.letters.is_empty() {
            self.since_ns = now_ns;
            self.call();
        }
        self.letters.push(Letter { link: Rc::clone(link), end });
        let held_long = now_ns.saturating_sub(self.since_ns) >= POST_HELD_NS_MAX;
        if held_long || self.replies.len() >= REPLY_BYTES_SOFT_MAX {
            self.deliver(statistics);
        }
    }

    /// Sends everything, as far as the clients take it.
    pub(super) fn deliver(&mut self, statistics: &WorkerStatistics) {
        let mut letters = std::mem::take(&mut self.letters);
        let (mut start, mut sent) = (0, 0);
        for Letter { link, end } in letters.drain(..) {
            sent += self.send(&link, start, end);
            start = end;
        }
        statistics.count_output(sent);
        self.letters = letters;
        self.replies.clear();
        if self.replies.capacity() > 2 * REPLY_BYTES_SOFT_MAX {
            self.replies.shrink_to(REPLY_BYTES_SOFT_MAX);
        }
    }

    /// Sends one letter; how much of it the client took. The rest goes to its outbox, and its connection is told.
    fn send(&mut self, link: &Link, start: usize, end: usize) -> usize {
        let mut outbox = link.outbox.borrow_mut();
        let letter = &self.replies[start..end];
        // After an error nothing more is taken; the connection meets it when it tries again.
        let sent = if outbox.is_empty() { link.write(letter).unwrap_or(0) } else { 0 };
        if sent == letter.len() {
            return sent;
        }
        let is_large = letter.len() - sent >= READ_BYTES;
        if is_large && end == self.replies.len() && outbox.is_empty() {
            outbox.take_over(&mut self.replies, start + sent);
        } else {
            outbox.keep(&letter[sent..]);
        }
        link.card.wake();
        sent
    }
}
