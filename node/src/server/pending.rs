//! The replies of one connection that may not leave yet, in the order of its requests: those that wait for copies, those
//! that are asked for at another node, and whatever is behind them. What is at the front and done leaves first.
//!
//! ```text
//!   Ticket ── settled ──────────────► Done ── at the front ──► sent
//!     └── lost ──► Again                ▲
//!   Sent ── answered ───────────────────┤
//!     └── refused, link broken, place changed ──► Again ── placed ──► Ticket, Sent
//! ```

use std::collections::VecDeque;

use larder_proto::slot::Partition;
use larder_proto::topology::NodeId;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::calls::{Call, partitions_of_bits};
use super::merge::{Merge, scan_step};
use super::messages::Verdict;
use super::numbers::Numbers;
use super::part::{Changed, Part, State};
use super::region::{Place, Region, Settled};
use super::runs::{Held, Run, Runs};
use crate::limits::{MOVED_TIME_MAX, PENDING_BYTES_MAX, PENDING_SLOTS_MAX, SCAN_STEPS_MAX};

/// The replies that wait, in order.
pub(super) struct Pending {
    slots: VecDeque<Slot>,
    /// The number of the slot at the front.
    first: u64,
    /// Bytes of requests and replies that are kept.
    bytes: usize,
    /// How many parts are to be tried again.
    again: usize,
    /// How many are on their way to other nodes.
    sent: usize,
    /// Bytes that a reply from there has, as far as those before tell.
    usual_bytes: usize,
    /// Parts may be on their way to a node that no longer serves them.
    moved: bool,
    /// The round in which parts are sent: see [`Pending::round_of`].
    round: u64,
    /// The version of the region under which all parts were placed.
    pub(super) version: u64,
    /// The connection runs nothing until something changes here.
    pub(super) stalled: bool,
    /// It stands in the worker's list of those that wait.
    pub(super) listed: bool,
    /// Bytes counted as memory in use.
    counted: usize,
}

/// One reply, or some that are ready.
struct Slot {
    /// The client wants no reply (CLIENT REPLY).
    silent: bool,
    what: What,
}

enum What {
    Ready(Vec<u8>),
    /// Carried out here, in one batch.
    Run(Run),
    One(Part),
    Many(Box<Many>),
}

/// A reply that is put together.
struct Many {
    merge: Merge,
    parts: Vec<Part>,
}

/// Where a part is: the number of its slot, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) slot: u64,
    pub(super) part: usize,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            slots: VecDeque::new(),
            first: 0,
            bytes: 0,
            again: 0,
            sent: 0,
            // Of a client that is not known yet some requests are sent ahead, no more.
            usual_bytes: PENDING_BYTES_MAX / FIRST_SENT,
            moved: false,
            round: 0,
            version: 0,
            stalled: false,
            listed: false,
            counted: 0,
        }
    }
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether so much waits that no more requests are run: so many bytes, those of replies that are on their way included.
    /// How many these will be nobody knows: about as many as those before them.
    pub(super) fn is_full(&self, bytes_max: usize) -> bool {
        self.slots.len() >= PENDING_SLOTS_MAX || self.bytes + self.sent * self.usual_bytes >= bytes_max
    }

    /// Whether parts have to be placed again before anything else may run.
    pub(super) const fn has_again(&self) -> bool {
        self.again > 0 || self.moved
    }

    /// Whether parts are on their way to other nodes.
    pub(super) const fn has_sent(&self) -> bool {
        self.sent > 0
    }

    /// Gives up what is on its way to a node that no longer serves it and has not answered for long enough. Whether
    /// answers are waited for still: nothing is placed before, so that requests stay in their order.
    pub(super) fn awaits_moved(&mut self) -> bool {
        if !self.moved {
            return false;
        }
        let now = Instant::now();
        let (mut change, mut waits) = (Changed::default(), false);
        for part in self.slots.iter_mut().flat_map(Slot::parts_mut) {
            let State::Sent { moved: Some(since), .. } = part.state else { continue };
            if now.duration_since(since) < MOVED_TIME_MAX {
                waits = true;
            } else {
                part.lose(&mut change);
            }
        }
        self.apply(change);
        self.moved = waits;
        waits
    }

    /// A reply that is ready, behind others that are not.
    pub(super) fn push_ready(&mut self, reply: &[u8]) {
        self.bytes += reply.len();
        if let Some(Slot { silent: false, what: What::Ready(ready) }) = self.slots.back_mut() {
            return ready.extend_from_slice(reply);
        }
        self.slots.push_back(Slot { silent: false, what: What::Ready(reply.to_vec()) });
    }

    pub(super) fn push(&mut self, part: Part, silent: bool) {
        self.bytes += part.bytes();
        self.again += usize::from(part.is_again());
        self.slots.push_back(Slot { silent, what: What::One(part) });
    }

    /// A reply that waits for copies; `joins` says that it is of the same batch as the last. Not for clients that want none.
    pub(super) fn push_held(&mut self, held: &Held<'_>, joins: bool, runs: &mut Runs) {
        if !joins || !matches!(self.slots.back(), Some(Slot { what: What::Run(run), .. }) if run.takes(held))
        {
            self.slots.push_back(Slot { silent: false, what: What::Run(runs.take()) });
        }
        if let Some(Slot { what: What::Run(run), .. }) = self.slots.back_mut() {
            let before = run.bytes();
            run.push(held);
            self.bytes += run.bytes() - before;
        }
    }

    /// Makes parts of a run of which one is lost.
    fn take_apart(&mut self, at: usize) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        let What::Run(run) = &slot.what else { return };
        let (before, parts) = (run.bytes(), run.parts());
        slot.what = What::Many(Box::new(Many { merge: Merge::Each, parts }));
        self.bytes = self.bytes + slot.bytes() - before;
    }

    pub(super) fn push_many(&mut self, merge: Merge, parts: Vec<Part>, silent: bool) {
        self.bytes += parts.iter().map(Part::bytes).sum::<usize>();
        self.again += parts.iter().filter(|part| part.is_again()).count();
        self.slots.push_back(Slot { silent, what: What::Many(Box::new(Many { merge, parts })) });
    }

    /// Takes in what became of a part that was sent. One that was placed anew since is not meant.
    pub(super) fn answer(
        &mut self,
        address: Address,
        from: (NodeId, u64),
        (verdict, missing, reply): (Verdict, &[u8], &[u8]),
    ) {
        let is_meant =
            |state: &State| matches!(state, State::Sent { node, flight, .. } if (*node, *flight) == from);
        let (mut meant, mut told_bytes) = (false, None);
        self.change(address, |part| {
            meant = is_meant(&part.state);
            match verdict {
                _ if !meant => {}
                Verdict::Done => {
                    part.take_reply(reply);
                    part.state = State::Done;
                    told_bytes = Some(reply.len());
                }
                Verdict::Refused => part.fail(false),
                Verdict::Lost => part.fail(true),
            }
        });
        if let Some(bytes) = told_bytes {
            self.usual_bytes = bytes.max(self.usual_bytes - self.usual_bytes / 4);
        }
        if meant && !missing.is_empty() {
            self.ask_for(address, partitions_of_bits(missing).collect());
        }
        if meant {
            self.go_on(address);
        }
    }

    /// After a step of a scan that found nothing, the next one is asked for at once: it may be many until one finds something.
    pub(super) fn go_on(&mut self, address: Address) {
        let Some(slot) = self.slot_mut(address.slot) else { return };
        let What::Many(many) = &mut slot.what else { return };
        let Many { merge: Merge::Scan, parts } = &mut **many else { return };
        let Some(part) = parts.get(address.part).filter(|_| parts.len() < SCAN_STEPS_MAX) else { return };
        let next = match scan_step(&part.reply) {
            Some((cursor @ 1.., (0, _))) => part.call.as_ref().and_then(|call| call.at_cursor(cursor)),
            _ => None,
        };
        if let Some(call) = next {
            let next = Part::again(call);
            let bytes = next.bytes();
            parts.push(next);
            self.bytes += bytes;
            self.again += 1;
        }
    }

    /// The link to the node is gone, and what was on it may have been carried out or not.
    pub(super) fn broken(&mut self, address: Address, from: (NodeId, u64)) {
        self.answer(address, from, (Verdict::Lost, &[], &[]));
    }

    /// Places have changed: what waits for copies of what is lost is tried again, and what is on its way to a node that no
    /// longer serves it soon.
    pub(super) fn sweep(&mut self, region: &dyn Region) {
        let version = region.version();
        if self.version == version {
            return;
        }
        self.version = version;
        for at in 0..self.slots.len() {
            if matches!(&self.slots[at].what, What::Run(run) if run.is_lost(region)) {
                self.take_apart(at);
            }
        }
        let mut change = Changed::default();
        for part in self.slots.iter_mut().flat_map(Slot::parts_mut) {
            match &mut part.state {
                State::Ticket(ticket) if region.settled(&ticket.0) == Settled::Lost => part.lose(&mut change),
                State::Sent { node, moved, .. } => {
                    let is_there = |partition: &Partition| region.place(*partition) == Place::At(*node);
                    let all_there =
                        part.call.as_ref().is_none_or(|call| call.partitions().iter().all(is_there));
                    *moved = if all_there { None } else { moved.or_else(|| Some(Instant::now())) };
                    self.moved |= moved.is_some();
                }
                State::Ticket(_) | State::Again { .. } | State::Done => {}
            }
        }
        self.apply(change);
    }

    /// Writes the replies at the front that are done.
    pub(super) fn drain(
        &mut self,
        region: &dyn Region,
        (numbers, runs): (&mut Numbers, &mut Runs),
        to: &mut Vec<u8>,
    ) {
        while let Some(slot) = self.slots.front_mut() {
            if let What::Run(run) = &mut slot.what {
                match run.poll(region) {
                    Settled::No => break,
                    Settled::Lost => self.take_apart(0),
                    Settled::Yes => {
                        let Some(Slot { what: What::Run(run), .. }) = self.slots.pop_front() else { break };
                        self.first += 1;
                        self.bytes -= run.bytes();
                        to.extend_from_slice(run.replies());
                        runs.give(run);
                    }
                }
                continue;
            }
            let mut change = Changed::default();
            let waiting = slot.parts_mut().map(|part| part.poll(region, &mut change)).filter(|done| !done);
            let done = waiting.count() == 0;
            self.apply(change);
            if !done {
                break;
            }
            let Some(slot) = self.slots.pop_front() else { break };
            self.first += 1;
            self.bytes -= slot.bytes();
            slot.parts().iter().filter_map(|part| part.id.as_ref()).for_each(|id| numbers.answered(id));
            if !slot.silent {
                slot.write(to);
            }
        }
    }

    /// The first part that is to be placed again.
    pub(super) fn first_again(&mut self) -> Option<(Address, &mut Part)> {
        if self.again == 0 {
            return None;
        }
        let first = self.first;
        self.slots.iter_mut().enumerate().find_map(|(place, slot)| {
            let found = slot.parts_mut().enumerate().find(|(_, part)| part.is_again());
            found.map(|(part, found)| (Address { slot: first + place as u64, part }, found))
        })
    }

    /// The round that has parts which are not answered yet. A node that has refused something of a round refuses what else comes
    /// of it, so that nothing overtakes what was refused. So nothing is sent again before all of its round is answered.
    pub(super) fn awaited_round(&self) -> Option<u64> {
        (self.sent > 0).then_some(self.round)
    }

    /// The round in which a part is sent: the next one, if it was sent in this.
    pub(super) fn round_of(&mut self, address: Address) -> u64 {
        let round = self.round;
        let next = match self.part_mut(address) {
            Some(part) => {
                let next = round + u64::from(part.round == Some(round));
                part.round = Some(next);
                next
            }
            None => round,
        };
        self.round = next;
        next
    }

    /// Changes one part, and counts what that changes.
    pub(super) fn change(&mut self, address: Address, change: impl FnOnce(&mut Part)) {
        let Some(part) = self.part_mut(address) else { return };
        let before = (part.bytes(), part.is_again(), part.is_sent());
        change(part);
        let after = (part.bytes(), part.is_again(), part.is_sent());
        self.bytes = self.bytes + after.0 - before.0;
        self.again = self.again + usize::from(after.1) - usize::from(before.1);
        self.sent = self.sent + usize::from(after.2) - usize::from(before.2);
    }

    /// Puts several parts in the place of one whose keys have come to lie on several nodes.
    pub(super) fn divided(&mut self, address: Address, merge: Merge, mut parts: Vec<Part>) {
        let round = self.part_mut(address).and_then(|part| part.round);
        parts.iter_mut().for_each(|part| part.round = round);
        let Some(slot) = self.slot_mut(address.slot) else { return };
        let before = slot.bytes();
        let again_before = slot.parts().iter().filter(|part| part.is_again()).count();
        match &mut slot.what {
            What::One(_) => slot.what = What::Many(Box::new(Many { merge, parts })),
            What::Many(many) if address.part < many.parts.len() => {
                let places = std::mem::take(&mut many.parts[address.part].places);
                let parts = parts.into_iter().map(|part| part.within(&places));
                many.parts.splice(address.part..=address.part, parts);
            }
            What::Many(_) | What::Ready(_) | What::Run(_) => {}
        }
        let after = slot.bytes();
        let again_after = slot.parts().iter().filter(|part| part.is_again()).count();
        self.bytes = self.bytes + after - before;
        self.again = self.again + again_after - again_before;
    }

    /// Forgets all: the client is gone.
    pub(super) fn clear(&mut self, numbers: &mut Numbers) {
        let ids = self.slots.iter().flat_map(|slot| slot.parts().iter().filter_map(|part| part.id.as_ref()));
        ids.for_each(|id| numbers.answered(id));
        let (counted, listed) = (self.counted, self.listed);
        *self = Self { counted, listed, ..Self::default() };
    }

    /// By how much the memory in use has changed since it was asked last.
    pub(super) fn growth(&mut self) -> i64 {
        let bytes = self.bytes + self.slots.capacity() * size_of::<Slot>();
        let growth = bytes as i64 - self.counted as i64;
        self.counted = bytes;
        growth
    }

    /// A node serves only some of the partitions that it was asked for: somebody else is asked for the others.
    pub(super) fn ask_for(&mut self, address: Address, missing: SmallVec<[Partition; 2]>) {
        let Some(slot) = self.slot_mut(address.slot) else { return };
        let What::Many(many) = &mut slot.what else { return };
        let Some(call) = many.parts.get(address.part).and_then(|part| part.call.as_ref()) else { return };
        let part = Part::again(Call { partitions: missing, ..(**call).clone() });
        let bytes = part.bytes();
        many.parts.push(part);
        self.bytes += bytes;
        self.again += 1;
    }

    const fn apply(&mut self, change: Changed) {
        self.again += change.again;
        self.sent -= change.sent;
        self.bytes = self.bytes + change.after - change.before;
    }

    fn slot_mut(&mut self, slot: u64) -> Option<&mut Slot> {
        let place = usize::try_from(slot.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(place)
    }

    fn part_mut(&mut self, address: Address) -> Option<&mut Part> {
        self.slot_mut(address.slot)?.parts_mut().nth(address.part)
    }
}

impl Slot {
    fn parts_mut(&mut self) -> std::slice::IterMut<'_, Part> {
        match &mut self.what {
            What::Ready(_) | What::Run(_) => [].iter_mut(),
            What::One(part) => std::slice::from_mut(part).iter_mut(),
            What::Many(many) => many.parts.iter_mut(),
        }
    }

    fn parts(&self) -> &[Part] {
        match &self.what {
            What::Ready(_) | What::Run(_) => &[],
            What::One(part) => std::slice::from_ref(part),
            What::Many(many) => &many.parts,
        }
    }

    fn bytes(&self) -> usize {
        match &self.what {
            What::Ready(reply) => reply.len(),
            What::Run(run) => run.bytes(),
            What::One(_) | What::Many(_) => self.parts().iter().map(Part::bytes).sum(),
        }
    }

    fn write(&self, to: &mut Vec<u8>) {
        match &self.what {
            What::Ready(reply) => to.extend_from_slice(reply),
            What::Run(run) => to.extend_from_slice(run.replies()),
            What::One(part) => to.extend_from_slice(&part.reply),
            What::Many(many) => {
                let replies: Vec<(&[u8], &[u32])> =
                    many.parts.iter().map(|part| (&*part.reply, &*part.places)).collect();
                let changes = many.parts.iter().any(|part| part.id.is_some());
                many.merge.write(&replies, changes, to);
            }
        }
    }
}

/// Requests that are sent ahead before the first reply tells how large replies are.
const FIRST_SENT: usize = 16;
