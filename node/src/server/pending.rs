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
use std::rc::Rc;

use larder_proto::resp::Out;
use larder_proto::slot::Partition;
use larder_proto::topology::NodeId;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::calls::{Call, partitions_of_bits};
use super::merge::{Merge, scan_step};
use super::messages::Verdict;
use super::numbers::Numbers;
use super::region::{Place, Region, Settled};
use crate::commands::error::CommandError;
use crate::commands::ports::{Ticket, WriteId};
use crate::limits::{MOVED_TIME_MAX, PENDING_BYTES_MAX, PENDING_SLOTS_MAX, SCAN_STEPS_MAX};

/// The replies that wait, in order.
#[derive(Default)]
pub(super) struct Pending {
    slots: VecDeque<Slot>,
    /// The number of the slot at the front.
    first: u64,
    /// Bytes of requests and replies that are kept.
    bytes: usize,
    /// How many parts are to be tried again.
    again: usize,
    /// Parts may be on their way to a node that no longer serves them.
    moved: bool,
    /// How often parts were tried again.
    pub(super) round: u64,
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
    One(Part),
    Many(Box<Many>),
}

/// A reply that is put together.
struct Many {
    merge: Merge,
    parts: Vec<Part>,
}

/// One request to one node, or a part of one.
pub(super) struct Part {
    /// What to send again, if it was kept.
    pub(super) call: Option<Rc<Call>>,
    pub(super) id: Option<WriteId>,
    pub(super) state: State,
    pub(super) reply: Reply,
    /// Which of the keys of the whole request it has, for the order of values.
    pub(super) places: Vec<u32>,
    /// When it was first refused.
    pub(super) since: Option<Instant>,
    /// It may have been carried out once: a later refusal does not change that.
    pub(super) uncertain: bool,
}

/// What losing some parts changes.
#[derive(Clone, Copy, Default)]
struct Change {
    again: usize,
    /// Bytes of these parts before and after.
    before: usize,
    after: usize,
}

/// Most replies are short.
pub(super) type Reply = SmallVec<[u8; 24]>;

/// Where a part stands.
pub(super) enum State {
    /// Carried out here; the reply waits for this.
    Ticket(Ticket),
    /// On its way to a node, under this number.
    Sent {
        node: NodeId,
        flight: u64,
        /// Since when somebody else serves it: an answer may be on its way still.
        moved: Option<Instant>,
    },
    /// To be placed again.
    Again {
        /// The version under which it was tried last, and when.
        tried: Option<(u64, Instant)>,
    },
    Done,
}

/// Where a part is: the number of its slot, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) slot: u64,
    pub(super) part: usize,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether so much waits that no more requests are run.
    pub(super) fn is_full(&self) -> bool {
        self.slots.len() >= PENDING_SLOTS_MAX || self.bytes >= PENDING_BYTES_MAX
    }

    /// Whether parts have to be placed again before anything else may run.
    pub(super) const fn has_again(&self) -> bool {
        self.again > 0 || self.moved
    }

    /// Gives up what is on its way to a node that no longer serves it and has not answered for long enough. Whether
    /// answers are waited for still: nothing is placed before, so that requests stay in their order.
    pub(super) fn awaits_moved(&mut self, now: Instant) -> bool {
        if !self.moved {
            return false;
        }
        let (mut change, mut waits) = (Change::default(), false);
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
        let mut meant = false;
        self.change(address, |part| {
            meant = is_meant(&part.state);
            match verdict {
                _ if !meant => {}
                Verdict::Done => {
                    part.reply = Reply::from_slice(reply);
                    part.state = State::Done;
                }
                Verdict::Refused => part.fail(false),
                Verdict::Lost => part.fail(true),
            }
        });
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
        let mut change = Change::default();
        for part in self.slots.iter_mut().flat_map(Slot::parts_mut) {
            match &mut part.state {
                State::Ticket(ticket) if region.settled(ticket) == Settled::Lost => part.lose(&mut change),
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

    /// Writes the replies at the front that are done. Whether any was written.
    pub(super) fn drain(&mut self, region: &dyn Region, numbers: &mut Numbers, to: &mut Vec<u8>) {
        while let Some(slot) = self.slots.front_mut() {
            let mut change = Change::default();
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

    /// Changes one part, and counts what that changes.
    pub(super) fn change(&mut self, address: Address, change: impl FnOnce(&mut Part)) {
        let Some(part) = self.part_mut(address) else { return };
        let before = (part.bytes(), part.is_again());
        change(part);
        let after = (part.bytes(), part.is_again());
        self.bytes = self.bytes + after.0 - before.0;
        self.again = self.again + usize::from(after.1) - usize::from(before.1);
    }

    /// Puts several parts in the place of one whose keys have come to lie on several nodes.
    pub(super) fn divided(&mut self, address: Address, merge: Merge, parts: Vec<Part>) {
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
            What::Many(_) | What::Ready(_) => {}
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

    const fn apply(&mut self, change: Change) {
        self.again += change.again;
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
            What::Ready(_) => [].iter_mut(),
            What::One(part) => std::slice::from_mut(part).iter_mut(),
            What::Many(many) => many.parts.iter_mut(),
        }
    }

    fn parts(&self) -> &[Part] {
        match &self.what {
            What::Ready(_) => &[],
            What::One(part) => std::slice::from_ref(part),
            What::Many(many) => &many.parts,
        }
    }

    fn bytes(&self) -> usize {
        match &self.what {
            What::Ready(reply) => reply.len(),
            What::One(_) | What::Many(_) => self.parts().iter().map(Part::bytes).sum(),
        }
    }

    fn write(&self, to: &mut Vec<u8>) {
        match &self.what {
            What::Ready(reply) => to.extend_from_slice(reply),
            What::One(part) => to.extend_from_slice(&part.reply),
            What::Many(many) => {
                let replies: Vec<(&[u8], &[u32])> =
                    many.parts.iter().map(|part| (&*part.reply, &*part.places)).collect();
                many.merge.write(&replies, to);
            }
        }
    }
}

impl Part {
    /// One that is to be placed.
    pub(super) fn again(call: Call) -> Self {
        Self::new(Some(Rc::new(call)), None, State::Again { tried: None })
    }

    pub(super) fn new(call: Option<Rc<Call>>, id: Option<WriteId>, state: State) -> Self {
        Self { call, id, state, reply: Reply::new(), places: Vec::new(), since: None, uncertain: false }
    }

    /// Ends with an error.
    pub(super) fn refuse(error: &CommandError) -> Reply {
        let mut reply = Vec::new();
        Out::new(&mut reply, Default::default()).error(error.code().word(), &error.to_string());
        Reply::from_vec(reply)
    }

    fn bytes(&self) -> usize {
        let call = self.call.as_ref().map_or(0, |call| call.bytes());
        call + self.reply.len() + self.places.len() * size_of::<u32>() + size_of::<Self>()
    }

    pub(super) const fn is_again(&self) -> bool {
        matches!(self.state, State::Again { .. })
    }

    /// Whether it is done; one whose ticket is lost is tried again.
    fn poll(&mut self, region: &dyn Region, change: &mut Change) -> bool {
        if let State::Ticket(ticket) = &self.state {
            match region.settled(ticket) {
                Settled::No => {}
                Settled::Yes => self.state = State::Done,
                Settled::Lost => self.lose(change),
            }
        }
        matches!(self.state, State::Done)
    }

    fn lose(&mut self, change: &mut Change) {
        change.before += self.bytes();
        self.fail(true);
        change.after += self.bytes();
        change.again += usize::from(self.is_again());
    }

    /// It has to be placed again, or cannot be. A request that changes nothing may be carried out as often as you like.
    pub(super) fn fail(&mut self, uncertain: bool) {
        self.uncertain |= uncertain && self.id.is_some();
        self.reply = Reply::new();
        if self.call.is_some() {
            self.state = State::Again { tried: None };
        } else {
            let error = if self.uncertain { CommandError::OutcomeUnknown } else { CommandError::TryAgain };
            self.reply = Self::refuse(&error);
            self.state = State::Done;
        }
    }

    /// A part of a part: its places are places among those of the whole.
    fn within(mut self, places: &[u32]) -> Self {
        if !places.is_empty() {
            self.places.iter_mut().for_each(|place| *place = places[*place as usize]);
        }
        self
    }
}
