//! Watches over the requests of one worker: whether this node serves what they name, what they changed, which copies have
//! to have it before their replies leave. When streams are sent is left to the tasks that send them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use larder_proto::effect::{Effect, EffectSink, Stamp, encode};
use larder_proto::slot::Partition;
use larder_proto::topology::Epoch;
use smallvec::SmallVec;

use super::cell::Kept;
use super::core::Core;
use super::feed::Feed;
use super::messages::{Effects, frame, kind};
use super::ports::Place;
use super::remembered::Known;
use crate::commands::ports::{Change, Custody, Entry, Left, Ticket, WriteId};
use crate::limits::REMEMBERED_REPLY_BYTES_MAX;
#[cfg(feature = "sabotage")]
use crate::sabotage::{Rule, is_broken};
use crate::store::Access;

/// The custody of one worker.
pub struct Recorder {
    core: Arc<Core>,
    /// The number of the request at hand.
    id: Option<WriteId>,
    /// Whether the request at hand may change anything.
    is_write: bool,
    /// Whether its effects go anywhere.
    is_recording: bool,
    /// Effects of the request at hand, encoded.
    effects: Vec<u8>,
    /// The last effect of the request at hand, whether it goes anywhere or not.
    changed: Option<(Partition, u64)>,
    /// Of which partitions they are, in the order in which they happened.
    runs: SmallVec<[Run; 4]>,
    /// A frame that is being written.
    frame: Vec<u8>,
    /// Feeds that were added to and whose senders are not woken yet.
    touched: SmallVec<[Arc<Feed>; 4]>,
    /// Whether turns are told of. If not, senders are woken at once.
    has_turns: bool,
    /// When the turn began; zero before its first request.
    turn_began_ns: u64,
    /// When the request at hand entered.
    entered_ns: u64,
    /// When the one before left.
    left_ns: u64,
}

/// Effects of one partition that follow upon each other.
#[derive(Clone, Debug)]
struct Run {
    partition: Partition,
    /// Number of the first, and of the last.
    sequence: u64,
    last: u64,
    /// Among the bytes of all.
    bytes: Range<usize>,
}

impl Recorder {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            id: None,
            is_write: false,
            is_recording: false,
            effects: Vec::new(),
            changed: None,
            runs: SmallVec::new(),
            frame: Vec::new(),
            touched: SmallVec::new(),
            has_turns: false,
            turn_began_ns: 0,
            entered_ns: 0,
            left_ns: 0,
        }
    }

    /// Why a request cannot run, if it cannot.
    fn refusal(&mut self, partitions: &[Partition]) -> Option<Entry> {
        let mut waits = false;
        for &partition in partitions {
            match self.core.part(partition).place() {
                Place::Here => {}
                Place::At(_) => return Some(Entry::Elsewhere),
                Place::Waiting => waits = true,
            }
        }
        if self.turn_began_ns == 0 {
            self.turn_began_ns = self.core.clock.monotonic_ns();
        }
        // Looked at exactly when the request leaves; here it only saves what would be done for nothing.
        let is_over = self.core.lease.until_ns() <= self.turn_began_ns;
        #[cfg(feature = "sabotage")]
        let is_over = is_over && !is_broken(Rule::Lease);
        waits |= is_over;
        waits.then_some(Entry::Wait)
    }

    /// Whether every copy of the partitions can be told more.
    fn has_room(&self, partitions: &[Partition]) -> bool {
        partitions.iter().all(|&partition| {
            let cell = self.core.part(partition).cell.lock();
            cell.slots.iter().all(|slot| slot.feed.has_room())
        })
    }

    /// What is known of the write that is at hand. One that some of its partitions know and others do not was cut in half.
    fn known(&self, id: &WriteId, partitions: &[Partition]) -> Known {
        let mut known = None;
        for &partition in partitions {
            let this = self.core.part(partition).cell.lock().known(id);
            known = match (known, this) {
                (None, this) => Some(this),
                (Some(Known::New), Known::New) => Some(Known::New),
                (Some(Known::Reply(reply)), Known::Reply(_)) => Some(Known::Reply(reply)),
                _ => Some(Known::Unknown),
            };
        }
        known.unwrap_or(Known::New)
    }

    /// Whether what may have been carried out before without a number is here.
    fn kept(&self, id: &WriteId, partitions: &[Partition]) -> Kept {
        match (id.before, partitions) {
            (None, _) => Kept::No,
            (Some(change), &[partition]) => self.core.part(partition).cell.lock().kept(change),
            (Some(_), _) => Kept::Unknown,
        }
    }

    /// Tells the copies of one partition what became of it, and notes what the reply has to wait for.
    fn tell(&mut self, partition: Partition, runs: &[Run], reply: &[u8], ticket: &mut Ticket) {
        let core = &*self.core;
        let part = core.part(partition);
        let mut cell = part.cell.lock();
        // What would not be remembered is not sent either: once for each partition and copy it would be much.
        let reply = if reply.len() <= REMEMBERED_REPLY_BYTES_MAX { reply } else { &[] };
        if cell.is_fed() {
            let write = self.id.map(|id| (id, reply));
            write_frame((partition, cell.term), (&self.effects, runs), write, &mut self.frame);
            for slot in cell.slots.iter_mut().filter(|slot| slot.is_fed()) {
                slot.note(core.append(&slot.feed, &self.frame));
                if !self.touched.iter().any(|feed| feed.number == slot.feed.number) {
                    self.touched.push(Arc::clone(&slot.feed));
                }
            }
        }
        if let Some(id) = &self.id {
            let bytes = cell.remembered.note(id, reply, core.is_short_of_memory());
            core.count_remembered(bytes);
        }
        let last = runs.last().map_or(0, |run| run.last);
        part.is_unsettled.store(!cell.add_marks((partition, last), ticket), Ordering::Relaxed);
    }

    /// Notes what the reply of something that only read has to wait for.
    fn look(&self, partition: Partition, ticket: &mut Ticket) {
        let part = self.core.part(partition);
        if part.is_unsettled.load(Ordering::Relaxed) {
            let cell = part.cell.lock();
            // Nobody changes anything meanwhile: the partition is locked, for reading at least. Rejections lock the cell.
            part.is_unsettled.store(!cell.add_marks((partition, 0), ticket), Ordering::Relaxed);
        }
    }

    fn forget(&mut self) {
        self.effects.clear();
        self.changed = None;
        self.runs.clear();
        if self.effects.capacity() > BUFFER_BYTES_KEPT {
            self.effects = Vec::new();
        }
        if self.frame.capacity() > BUFFER_BYTES_KEPT {
            self.frame = Vec::new();
        }
    }

    fn wake_senders(&mut self) {
        self.touched.drain(..).for_each(|feed| feed.wake_sender());
    }
}

/// Writes what a request did to one partition as a frame, in the place of what `to` holds.
fn write_frame(
    (partition, term): (Partition, Epoch),
    (effects, runs): (&[u8], &[Run]),
    write: Option<(WriteId, &[u8])>,
    to: &mut Vec<u8>,
) {
    let joined: Vec<u8>;
    let effects = match runs {
        [] => &[],
        [run] => &effects[run.bytes.clone()],
        runs => {
            joined = runs.iter().flat_map(|run| &effects[run.bytes.clone()]).copied().collect();
            &joined
        }
    };
    let message = Effects {
        partition: partition.index() as u64,
        term,
        sequence: runs.first().map_or(0, |run| run.sequence),
        effects,
        write,
    };
    to.clear();
    frame(to, kind::EFFECTS, |to| message.encode(to));
}

impl EffectSink for Recorder {
    #[inline]
    fn effect(&mut self, stamp: Stamp, effect: &Effect<'_>) {
        self.changed = Some((stamp.partition, stamp.sequence));
        if !self.is_recording {
            return;
        }
        let start = self.effects.len();
        encode(stamp.database, effect, &mut self.effects);
        let end = self.effects.len();
        match self.runs.last_mut() {
            Some(run) if run.partition == stamp.partition => {
                (run.bytes.end, run.last) = (end, stamp.sequence);
            }
            _ => {
                let (partition, sequence) = (stamp.partition, stamp.sequence);
                self.runs.push(Run { partition, sequence, last: sequence, bytes: start..end });
            }
        }
    }
}

impl Custody for Recorder {
    fn begin(&mut self, id: Option<WriteId>) {
        self.id = id;
    }

    fn serves(&self, partition: Partition) -> bool {
        self.core.part(partition).place() == Place::Here
    }

    fn enter(&mut self, partitions: &[Partition], access: Access) -> Entry {
        self.forget();
        self.is_write = false;
        self.is_recording = false;
        if let Some(refusal) = self.refusal(partitions) {
            return refusal;
        }
        self.entered_ns = self.core.clock.monotonic_ns();
        if access == Access::Read {
            return Entry::Go;
        }
        if let Some(id) = self.id {
            match self.known(&id, partitions) {
                Known::New => match self.kept(&id, partitions) {
                    Kept::No => {}
                    Kept::Yes => return Entry::Remembered(Bytes::new()),
                    Kept::Unknown => return Entry::Unknown,
                },
                Known::Reply(reply) => return Entry::Remembered(reply),
                Known::Unknown => return Entry::Unknown,
            }
        }
        if self.core.has_full_feeds() && !self.has_room(partitions) {
            return Entry::Wait;
        }
        self.is_write = true;
        let is_fed = |partition: &Partition| self.core.part(*partition).is_fed.load(Ordering::Relaxed);
        self.is_recording = partitions.iter().any(is_fed);
        Entry::Go
    }

    fn leave(&mut self, partitions: &[Partition], reply: &[u8]) -> Left {
        let mut ticket = Ticket::default();
        self.is_recording = false;
        let mut runs = std::mem::take(&mut self.runs);
        if runs.len() > 1 {
            runs.sort_by_key(|run| run.partition);
        }
        let mut rest = runs.as_slice();
        for &partition in partitions {
            let own = rest.iter().take_while(|run| run.partition == partition).count();
            let (own, others) = rest.split_at(own);
            rest = others;
            if !own.is_empty() || (self.is_write && self.id.is_some()) {
                self.tell(partition, own, reply, &mut ticket);
            } else {
                self.look(partition, &mut ticket);
            }
        }
        debug_assert!(rest.is_empty(), "effects on a partition that is not held");
        self.runs = runs;
        let change = self.changed.take();
        self.forget();
        if !self.has_turns {
            self.wake_senders();
        }
        // After everything else, and with the partitions locked: a process that was stopped before this does not answer
        // what it read too late.
        let now_ns = self.core.clock.monotonic_ns();
        self.left_ns = now_ns;
        if now_ns >= self.core.lease.until_ns() {
            let ran_ns = now_ns.saturating_sub(self.entered_ns);
            let change = change.map(|(partition, sequence)| Change {
                term: self.core.part(partition).cell.lock().term.0,
                sequence,
            });
            return if ran_ns > self.core.long_ns { Left::TooLong } else { Left::Over(change) };
        }
        if ticket.0.is_empty() { Left::Free } else { Left::After(ticket) }
    }

    fn left_ns(&self) -> Option<u64> {
        Some(self.left_ns)
    }

    fn end_turn(&mut self) {
        self.has_turns = true;
        self.turn_began_ns = 0;
        self.wake_senders();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.wake_senders();
    }
}

/// Capacity up to which buffers are kept.
const BUFFER_BYTES_KEPT: usize = 64 * 1024;
