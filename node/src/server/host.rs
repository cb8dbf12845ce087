//! Serves what another node forwards: carries it out where its keys are, and answers once the copies have what it did.
//! Whatever this node does not serve is refused, and everything behind it of the same client, until the client tries again:
//! so the requests of a client stay in their order.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use larder_proto::slot::Partition;
use larder_proto::time::Millis;
use smallvec::SmallVec;

use super::calls::{Manner, bits_of, partitions_of_bits};
use super::clustered::Clustered;
use super::hands::Hands;
use super::messages::{Answer, Errand, FAREWELL, FORWARD, Forward, REPLY, UNWATCH, Verdict, decode_farewell};
use super::placing::broken_session;
use super::region::Settled;
use super::worker::WorkerState;
use crate::commands::perform::{Ending, end_watches};
use crate::commands::ports::Ticket;
use crate::commands::session::Session;
use crate::limits::{
    FORWARD_BYTES_MAX, FRAMES_PER_TURN, LINK_BUFFER_BYTES_KEPT, LOOK_AHEAD_MIN, PEER_WAITING_BYTES_MAX,
    PEER_WAITING_MAX, READ_AHEAD_MAX, REFUSED_CLIENTS_MAX, WATCHING_CLIENTS_MAX,
};
use crate::link::{Frame, FrameError, FrameReader, FrameWriter, Link, LinkError};
use crate::store::{Database, Hint};

/// One link from another node.
pub(super) struct Host {
    worker: Rc<WorkerState>,
    writer: FrameWriter,
    /// Replies that wait for copies.
    waiting: VecDeque<Held>,
    /// Bytes of them.
    waiting_bytes: usize,
    /// Clients of which something was refused, and in which round.
    refused: BTreeMap<u64, u64>,
    /// Clients that watch keys here.
    watching: BTreeMap<u64, Session>,
    /// The partitions that the request at hand is about and that are not served here, as bits.
    missing: Vec<u8>,
    /// Where requests are unpacked and replies written.
    frame: Vec<u8>,
    reply: Vec<u8>,
    /// The moment of the requests at hand.
    now: Millis,
    /// Bytes of memory that the store was told of.
    counted_bytes: usize,
}

/// A reply that waits for copies.
struct Held {
    ticket: Ticket,
    id: u64,
    client: u64,
    round: u64,
    missing: Vec<u8>,
    reply: Box<[u8]>,
}

impl Drop for Host {
    fn drop(&mut self) {
        for session in self.watching.values() {
            end_watches(&self.worker.shared.store, &session.transaction);
        }
        self.worker.shared.store.memory().count_buffers(-(self.counted_bytes as i64));
    }
}

impl Held {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.missing.len() + self.reply.len()
    }
}

/// The second word of a request, which is its key in most. What is not one is fetched for nothing, which does no harm.
fn likely_key(frame: &[u8]) -> Option<&[u8]> {
    let rest = &frame[line_end(frame)?..];
    let (_, rest) = bulk(rest)?;
    Some(bulk(rest)?.0)
}

/// A bulk string at the front, and what is behind it.
fn bulk(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = line_end(bytes)?;
    let digits = bytes.get(1..start - 2)?;
    let length = digits.iter().fold(0_usize, |sum, digit| (sum * 10 + usize::from(digit & 15)) & 0xff_ffff);
    let (word, rest) = bytes[start..].split_at_checked(length)?;
    Some((word, rest.get(2..)?))
}

/// Where the line behind the first begins; a first line is short.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let at = bytes.iter().take(LINE_BYTES_MAX).position(|&byte| byte == b'\n')?;
    (at >= 2).then_some(at + 1)
}

/// Bytes of the head of an array or a bulk string that is looked through for a hint.
const LINE_BYTES_MAX: usize = 16;

/// Serves a link for requests until it ends or the node stops.
pub(super) async fn serve(worker: Rc<WorkerState>, link: Link) {
    let Some(clustered) = worker.clustered.as_ref() else { return };
    let listener = clustered.next_listener();
    let (mut reader, writer) = link.split();
    let mut host = Host {
        worker: Rc::clone(&worker),
        writer,
        waiting: VecDeque::new(),
        waiting_bytes: 0,
        refused: BTreeMap::new(),
        watching: BTreeMap::new(),
        missing: Vec::new(),
        frame: Vec::new(),
        reply: Vec::new(),
        now: worker.shared.clock.now(),
        counted_bytes: 0,
    };
    let error = poll_fn(|cx| {
        clustered.listen(listener, cx.waker());
        let polled = host.poll(clustered, &mut reader, cx);
        host.count_buffers(&reader);
        polled
    })
    .await;
    clustered.stop_listening(listener);
    tracing::debug!(%error, "a link from another node is down");
}

impl Host {
    fn poll(
        &mut self,
        clustered: &Clustered,
        reader: &mut FrameReader,
        cx: &mut Context<'_>,
    ) -> Poll<LinkError> {
        if let Err(error) = self.settle(clustered) {
            return Poll::Ready(error);
        }
        let mut turns = FRAMES_PER_TURN;
        let taken = self.take_what_came(clustered, reader, (&mut turns, cx));
        if turns < FRAMES_PER_TURN {
            // Also where the link has ended: copies wait for what was done.
            clustered.custody.borrow_mut().end_turn();
        }
        if let Err(error) = taken {
            return Poll::Ready(error);
        }
        if turns == 0 {
            cx.waker().wake_by_ref();
        }
        let had_room = self.has_room();
        if let Poll::Ready(Err(error)) = self.writer.poll_flush(cx) {
            return Poll::Ready(error);
        }
        if !had_room && self.has_room() {
            // What was full is sent: there is room to read on.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Whether more requests may be taken in.
    fn has_room(&self) -> bool {
        self.waiting.len() < PEER_WAITING_MAX
            && self.waiting_bytes < PEER_WAITING_BYTES_MAX
            && self.writer.queued_bytes() < FORWARD_BYTES_MAX
    }

    /// Lets go of buffers that one large request has left, and tells the store what memory the link takes.
    fn count_buffers(&mut self, reader: &FrameReader) {
        for buffer in [&mut self.frame, &mut self.reply] {
            if buffer.capacity() > LINK_BUFFER_BYTES_KEPT {
                *buffer = Vec::new();
            }
        }
        let own = self.frame.capacity() + self.reply.capacity() + self.waiting_bytes;
        let bytes = own + reader.buffer_bytes() + self.writer.buffer_bytes();
        if bytes != self.counted_bytes {
            let growth = bytes as i64 - self.counted_bytes as i64;
            self.worker.shared.store.memory().count_buffers(growth);
            self.counted_bytes = bytes;
        }
    }

    /// Answers what the copies have by now, and what was lost.
    fn settle(&mut self, clustered: &Clustered) -> Result<(), LinkError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut lost = Vec::new();
        waiting.retain(|held| match clustered.region.settled(&held.ticket.0) {
            Settled::No => true,
            Settled::Yes => {
                self.answer(held.id, Verdict::Done, (&held.missing, &held.reply));
                false
            }
            Settled::Lost => {
                lost.push((held.id, held.client, held.round));
                false
            }
        });
        self.waiting_bytes = waiting.iter().map(Held::bytes).sum();
        self.waiting = waiting;
        lost.into_iter().try_for_each(|who| self.refuse(who, Verdict::Lost))
    }

    /// Takes in what has come. The items of several requests are fetched from memory at the same time.
    fn take_some(&mut self, clustered: &Clustered, frames: &[Frame<'_>]) -> Result<(), LinkError> {
        self.now = self.worker.shared.clock.now();
        let store = &*self.worker.shared.store;
        let mut forwards: SmallVec<[Option<Forward<'_>>; 32]> = SmallVec::new();
        let mut hints: SmallVec<[Hint; 32]> = SmallVec::new();
        for frame in frames {
            let forward = match frame.kind {
                FORWARD => Some(Forward::decode(frame.payload).ok_or(FrameError::Message("request"))?),
                _ => None,
            };
            if let Some(forward) = forward.filter(|_| frames.len() >= LOOK_AHEAD_MIN)
                && let Some(database) = Database::new(forward.database.into())
            {
                hints.extend(likely_key(forward.frame).map(|key| store.hint(database, key)));
            }
            forwards.push(forward);
        }
        hints.iter().for_each(|hint| store.hint_item(hint));
        for (frame, forward) in frames.iter().zip(&forwards) {
            match forward {
                Some(forward) => self.carry_out(clustered, forward)?,
                None => self.take_in(frame.kind, frame.payload)?,
            }
        }
        Ok(())
    }

    fn take_in(&mut self, kind: u8, message: &[u8]) -> Result<(), LinkError> {
        match kind {
            FAREWELL => {
                let client = decode_farewell(message).ok_or(FrameError::Message("farewell"))?;
                self.refused.remove(&client);
                self.unwatch(client);
            }
            UNWATCH => self.unwatch(decode_farewell(message).ok_or(FrameError::Message("end of watches"))?),
            kind => return Err(FrameError::Kind(kind).into()),
        }
        Ok(())
    }

    fn carry_out(&mut self, clustered: &Clustered, forward: &Forward<'_>) -> Result<(), LinkError> {
        let manner = Manner::of_forward(forward).ok_or(FrameError::Message("number of a database"))?;
        let who = (forward.id, forward.client, forward.round);
        match self.refused.get(&forward.client) {
            Some(round) if forward.round <= *round => {
                self.answer(forward.id, Verdict::Refused, (&[], &[]));
                return Ok(());
            }
            // A client begins another round when all of the last is answered.
            Some(_) => drop(self.refused.remove(&forward.client)),
            None => {}
        }
        let mut reply = std::mem::take(&mut self.reply);
        reply.clear();
        self.missing.clear();
        let ending = self.run(clustered, forward, &manner, &mut reply);
        let missing = std::mem::take(&mut self.missing);
        match ending {
            Ending::Free => self.answer(forward.id, Verdict::Done, (&missing, &reply)),
            Ending::After(_) if forward.hasty => self.answer(forward.id, Verdict::Done, (&missing, &reply)),
            Ending::After(ticket) => {
                let (id, client, round) = who;
                let held = Held { ticket, id, client, round, missing, reply: reply.as_slice().into() };
                self.waiting_bytes += held.bytes();
                self.waiting.push_back(held);
            }
            Ending::Elsewhere | Ending::Wait => self.refuse(who, Verdict::Refused)?,
            Ending::Over(_) => self.refuse(who, Verdict::Lost)?,
        }
        self.reply = reply;
        Ok(())
    }

    fn run(
        &mut self,
        clustered: &Clustered,
        forward: &Forward<'_>,
        manner: &Manner,
        reply: &mut Vec<u8>,
    ) -> Ending {
        let worker = &*self.worker;
        let mut hands = Hands {
            shared: &worker.shared,
            statistics: &worker.statistics,
            random: &mut worker.random.borrow_mut(),
            custody: &mut **clustered.custody.borrow_mut(),
            spare: &mut clustered.spare.borrow_mut(),
            now: self.now,
        };
        self.frame.clear();
        self.frame.extend_from_slice(forward.frame);
        match forward.errand {
            Errand::Request => hands.carry_out(&mut self.frame, manner, forward.write, reply),
            Errand::Whole => {
                let wanted: Vec<Partition> = partitions_of_bits(forward.partitions).collect();
                let manner = (manner, forward.write);
                let (ending, missing) = hands.carry_out_whole(&mut self.frame, manner, &wanted, reply);
                self.missing = if missing.is_empty() { Vec::new() } else { bits_of(&missing) };
                ending
            }
            Errand::Exec => {
                let mut lost = None;
                let watching = forward.watched.then(|| {
                    let known = self.watching.get_mut(&forward.client);
                    // A session without watches is not the one in which the keys were watched.
                    let known = known.filter(|session| !forward.lost && session.transaction.is_watching());
                    known.unwrap_or_else(|| lost.insert(broken_session(hands.now)))
                });
                let ending = hands.carry_out_exec(forward.frame, (manner, forward.write), watching, reply);
                // Nothing is watched any more, unless it is to be tried again.
                let is_over = !matches!(ending, Ending::Elsewhere | Ending::Wait);
                if is_over && let Some(session) = self.watching.remove(&forward.client) {
                    end_watches(&worker.shared.store, &session.transaction);
                }
                ending
            }
            Errand::Watch => {
                if self.watching.len() >= WATCHING_CLIENTS_MAX {
                    reply.extend_from_slice(b"-ERR too many clients of one node watch keys of another\r\n");
                    return Ending::Free;
                }
                let new = || Session::new(forward.client, true, hands.now);
                let session = self.watching.entry(forward.client).or_insert_with(new);
                manner.put_on(session);
                hands.watch(&mut self.frame, session, reply)
            }
        }
    }

    /// Ends the watches of a client.
    fn unwatch(&mut self, client: u64) {
        if let Some(session) = self.watching.remove(&client) {
            end_watches(&self.worker.shared.store, &session.transaction);
        }
    }

    /// Takes in messages while there are any, room for their answers, and turns.
    fn take_what_came(
        &mut self,
        clustered: &Clustered,
        reader: &mut FrameReader,
        (turns, cx): (&mut usize, &mut Context<'_>),
    ) -> Result<(), LinkError> {
        while *turns > 0 && self.has_room() {
            let Poll::Ready(frames) = reader.poll_some_frames((*turns).min(READ_AHEAD_MAX), cx) else {
                break;
            };
            let frames = frames?;
            *turns -= frames.len();
            self.take_some(clustered, &frames)?;
        }
        Ok(())
    }

    /// Refuses a request, and whatever comes of this round of the client behind it.
    ///
    /// # Errors
    /// More clients were refused than are remembered: the link ends, since to forget one would carry out what it sent behind.
    fn refuse(&mut self, (id, client, round): (u64, u64, u64), verdict: Verdict) -> Result<(), LinkError> {
        if self.refused.len() >= REFUSED_CLIENTS_MAX && !self.refused.contains_key(&client) {
            return Err(LinkError::Closed);
        }
        let known = self.refused.entry(client).or_insert(round);
        *known = (*known).max(round);
        self.answer(id, verdict, (&[], &[]));
        Ok(())
    }

    fn answer(&mut self, id: u64, verdict: Verdict, (missing, reply): (&[u8], &[u8])) {
        self.writer.queue(REPLY, |to| Answer { id, verdict, missing, reply }.encode(to));
    }
}
