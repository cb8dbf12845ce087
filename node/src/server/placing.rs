//! Finding the node that serves a request, and handing it over: here or there, or piece by piece. What cannot be placed is
//! tried again later, in the order of the connection's requests.

use std::rc::Rc;
use std::time::Duration;

use larder_proto::resp::RequestParser;
use larder_proto::slot::Partition;
use larder_proto::time::Millis;
use larder_proto::topology::NodeId;
use tokio::time::Instant;

use super::calls::Call;
use super::clustered::Clustered;
use super::connection::Link;
use super::hands::Hands;
use super::merge::Merge;
use super::messages::Errand;
use super::part::{Part, Reply, State};
use super::peers::Flight;
use super::pending::Address;
use super::region::{Place, Region};
use super::split::{divide, divide_whole};
use super::worker::WorkerState;
use crate::commands::error::CommandError;
use crate::commands::perform::{Ending, Request};
use crate::commands::ports::{Change, WriteId};
use crate::commands::session::Session;
use crate::limits::{RETRY_PAUSE, request_limits};
use crate::store::Watch;

/// Where all partitions of a request are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Here,
    At(NodeId),
    Waiting,
    Several,
}

/// Where all of these partitions are served; here, if there are none.
pub(super) fn target_of(region: &dyn Region, partitions: impl Iterator<Item = Partition>) -> Target {
    let (mut first, mut several) = (None, false);
    for partition in partitions {
        match (region.place(partition), first) {
            (Place::Waiting, _) => return Target::Waiting,
            (place, None) => first = Some(place),
            (place, Some(first)) => several |= place != first,
        }
    }
    match first {
        _ if several => Target::Several,
        Some(Place::At(node)) => Target::At(node),
        _ => Target::Here,
    }
}

/// Places the parts of one connection.
pub(super) struct Placing<'p> {
    pub(super) worker: &'p Rc<WorkerState>,
    pub(super) clustered: &'p Clustered,
    pub(super) link: &'p Rc<Link>,
    pub(super) hands: Hands<'p>,
    /// How long a request may wait for a place.
    pub(super) patience: Duration,
    /// The moment, once it was asked for: one for all requests of a batch.
    pub(super) now: Option<Instant>,
}

/// A part that is to be placed, taken out of its slot.
struct Taken {
    address: Address,
    call: Rc<Call>,
    id: Option<WriteId>,
    before: Option<Change>,
    uncertain: bool,
    since: Instant,
}

impl Placing<'_> {
    /// Places all parts that are to be placed, in their order, until there is one that cannot be.
    pub(super) fn place_all(&mut self) {
        while self.may_place()
            && let Some(taken) = self.take()
        {
            if !self.place(&taken) {
                return;
            }
        }
    }

    /// Whether another part may be sent now. Places may have changed since those before it were: what is on its way to a node
    /// that no longer serves it must not be overtaken by what its next owner is sent.
    fn may_place(&self) -> bool {
        let region = &*self.clustered.region;
        let mut pending = self.link.pending.borrow_mut();
        let Some(pending) = pending.as_mut() else { return false };
        pending.sweep(region);
        !pending.awaits_moved() && (pending.version.is_multiple_of(2) || !pending.has_sent())
    }

    /// Whether places are those of before the place of a part was looked up, as far as that matters to parts before it.
    fn is_current(&self) -> bool {
        let pending = self.link.pending.borrow();
        let version = self.clustered.region.version();
        pending.as_ref().is_none_or(|pending| !pending.has_sent() || pending.version == version)
    }

    /// The first part that is due.
    fn take(&mut self) -> Option<Taken> {
        let now = &mut self.now;
        let mut pending = self.link.pending.borrow_mut();
        let pending = pending.as_mut()?;
        let unanswered = pending.awaited_round();
        let (address, part) = pending.first_again()?;
        if unanswered.is_some_and(|round| part.was_sent_in(round)) {
            return None;
        }
        let State::Again { tried } = part.state else { return None };
        let version = self.clustered.region.version();
        if tried.is_some_and(|(then, at)| then == version && moment(now) < at + RETRY_PAUSE) {
            return None;
        }
        let since = *part.since.get_or_insert_with(|| moment(now));
        Some(Taken {
            address,
            call: Rc::clone(part.call.as_ref()?),
            id: part.id,
            before: part.before,
            uncertain: part.uncertain,
            since,
        })
    }

    /// Whether the part has a place now.
    fn place(&mut self, taken: &Taken) -> bool {
        if moment(&mut self.now).duration_since(taken.since) >= self.patience {
            let error = if taken.uncertain {
                CommandError::OutcomeUnknown
            } else {
                no_place(&*self.clustered.region)
            };
            return self.end(taken, &error);
        }
        let region = &*self.clustered.region;
        let target = target_of(region, taken.call.partitions().iter().copied());
        if !self.is_current() {
            return true;
        }
        let placed = match target {
            Target::Waiting => false,
            Target::Here => return self.run_here(taken),
            Target::At(node) => self.send(taken, node),
            Target::Several => return self.divide(taken),
        };
        if !placed {
            self.note_try(taken, false);
        }
        placed
    }

    fn run_here(&mut self, taken: &Taken) -> bool {
        let id = self.id_of(taken);
        let call = &taken.call;
        let (mut frame, mut reply, mut missing) = (call.frame.clone(), Vec::new(), Vec::new());
        let ending = match call.errand {
            Errand::Request => self.hands.carry_out(&mut frame, &call.manner, id, &mut reply),
            Errand::Whole => {
                let manner = (&call.manner, id);
                let carried_out =
                    self.hands.carry_out_whole(&mut frame, manner, call.partitions(), &mut reply);
                missing = carried_out.1;
                carried_out.0
            }
            Errand::Exec => {
                let mut broken = call.watched.map(|_| broken_session(self.hands.now));
                self.hands.carry_out_exec(&frame, (&call.manner, id), broken.as_mut(), &mut reply)
            }
            // Its keys came here meanwhile. The watch is known to be of another node, and discards the transaction.
            Errand::Watch => {
                reply.extend_from_slice(b"+OK\r\n");
                Ending::Free
            }
        };
        let state = match ending {
            Ending::Free => State::Done,
            Ending::After(_) if taken.call.manner.hasty => State::Done,
            Ending::After(ticket) => State::Ticket(ticket),
            Ending::Elsewhere | Ending::Wait => {
                self.note_try(taken, false);
                return false;
            }
            Ending::Over(_) => {
                self.note_try(taken, id.is_some());
                return false;
            }
        };
        self.change(taken, |part| {
            part.state = state;
            part.take_reply(&reply);
        });
        if let Some(pending) = self.link.pending.borrow_mut().as_mut() {
            if !missing.is_empty() {
                pending.ask_for(taken.address, missing.into());
            }
            pending.go_on(taken.address);
        }
        true
    }

    fn send(&self, taken: &Taken, node: NodeId) -> bool {
        if !self.clustered.peers.is_ready(self.worker, node) {
            return false;
        }
        let to = (node, self.clustered.peers.link(node));
        if let Some(watched) = taken.call.watched.filter(|watched| *watched != to) {
            // What is watched there is of no use to anybody any more.
            self.clustered.peers.unwatch(watched.0, taken.call.manner.client);
            if taken.call.errand == Errand::Watch {
                return self.watch_in_vain(taken);
            }
        }
        let id = self.id_of(taken);
        let mut pending = self.link.pending.borrow_mut();
        let round = pending.as_mut().map_or(0, |pending| pending.round_of(taken.address));
        drop(pending);
        let bits = taken.call.bits();
        let flight = Flight { link: Rc::clone(self.link), address: taken.address };
        let sent = self.clustered.peers.send(node, &taken.call.forward(id, round, &bits, to), flight);
        if let Some(flight) = sent {
            self.change(taken, |part| part.state = State::Sent { node, flight, moved: None });
        }
        sent.is_some()
    }

    /// The keys of a watch are another node's than it was asked for: that is known of it, and discards the transaction.
    fn watch_in_vain(&self, taken: &Taken) -> bool {
        self.change(taken, |part| {
            part.reply = Reply::from_slice(b"+OK\r\n");
            part.state = State::Done;
        });
        true
    }

    /// The number of a write: the one that it has, or a new one.
    fn id_of(&self, taken: &Taken) -> Option<WriteId> {
        if !taken.call.writes {
            return None;
        }
        if let Some(id) = taken.id {
            return Some(self.clustered.numbers.borrow().again(id));
        }
        let id = WriteId { before: taken.before, ..self.clustered.number() };
        self.change(taken, |part| part.id = Some(id));
        Some(id)
    }

    /// Divides a request among the nodes that have its keys.
    fn divide(&mut self, taken: &Taken) -> bool {
        if taken.uncertain {
            return self.end(taken, &CommandError::OutcomeUnknown);
        }
        let region = &*self.clustered.region;
        let parts = match taken.call.errand {
            // What it becomes is known to its slot already.
            Errand::Whole => Some((Merge::All, divide_whole(&taken.call, region))),
            Errand::Request => {
                parsed(&taken.call, self.hands.shared, |request| divide(request, taken.call.manner, region))
                    .flatten()
            }
            Errand::Exec | Errand::Watch => None,
        };
        let Some((merge, mut parts)) = parts else {
            return self.end(taken, &CommandError::CrossSlot);
        };
        parts.iter_mut().for_each(|part| part.since = Some(taken.since));
        if let Some(pending) = self.link.pending.borrow_mut().as_mut() {
            if let Some(id) = &taken.id {
                self.clustered.numbers.borrow_mut().answered(id);
            }
            pending.divided(taken.address, merge, parts);
        }
        true
    }

    fn end(&self, taken: &Taken, error: &CommandError) -> bool {
        self.hands.shared.statistics.count_error(error.code());
        self.change(taken, |part| {
            part.reply = Part::refuse(error);
            part.state = State::Done;
        });
        true
    }

    fn note_try(&mut self, taken: &Taken, uncertain: bool) {
        let now = moment(&mut self.now);
        let tried = Some((self.clustered.region.version(), now));
        self.change(taken, |part| {
            part.uncertain |= uncertain;
            part.state = State::Again { tried };
        });
    }

    fn change(&self, taken: &Taken, change: impl FnOnce(&mut Part)) {
        if let Some(pending) = self.link.pending.borrow_mut().as_mut() {
            pending.change(taken.address, change);
        }
    }
}

/// The moment, looked at once.
fn moment(now: &mut Option<Instant>) -> Instant {
    *now.get_or_insert_with(Instant::now)
}

/// A session whose watched keys are lost.
pub(super) fn broken_session(now: Millis) -> Session {
    let mut session = Session::new(0, true, now);
    session.transaction.watch = Watch::touched();
    session
}

/// What a client is told when nobody serves its keys for too long.
pub(super) fn no_place(region: &dyn Region) -> CommandError {
    CommandError::ClusterDown(match region.own() {
        None => {
            "this node has not joined its cluster yet: try again, or ask another node; larder status tells more"
        }
        Some(_) => {
            "no node serves the keys of the request: too few nodes are up, or this one is cut off from the others; \
             nothing was changed, try again; larder status tells more"
        }
    })
}

/// Reads the words of a request that was kept.
pub(super) fn parsed<T>(
    call: &Call,
    shared: &super::node::Shared,
    then: impl FnOnce(&Request<'_>) -> T,
) -> Option<T> {
    let (mut frame, mut parser) = (call.frame.clone(), RequestParser::new());
    parser.parse(&mut frame, &request_limits(shared.tunables.value_bytes_max())).ok()?;
    let words = parser.arguments();
    let found = words.first().and_then(|name| shared.commands.find(name.of(&frame)));
    let row = shared.commands.resolve(found, &frame, words).ok()?;
    Some(then(&Request::new(row, &frame, words)))
}
