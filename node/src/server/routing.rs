//! Where a client's request is carried out: here at once, at another node, in parts, or not before something changes.

use std::rc::Rc;

use larder_proto::resp::{ArgRange, Version};
use larder_proto::slot::{Partition, Slot};
use larder_proto::topology::NodeId;
use smallvec::SmallVec;

use super::admission::memory;
use super::calls::{Call, Manner, kept_frame, written_frame};
use super::clustered::Clustered;
use super::dispatch::{Dispatch, Stall};
use super::hands::Hands;
use super::merge::{Merge, has_keyspace};
use super::messages::Errand;
use super::node::Shared;
use super::part::{Part, State};
use super::pending::Pending;
use super::placing::{Placing, Target, no_place, target_of};
use super::region::Place;
use super::runs::Held;
use super::split::{divide, divide_whole};
use super::transactions::exec_partitions;
use crate::commands::cluster::{Endpoint, moved, single_slot};
use crate::commands::error::CommandError;
use crate::commands::perform::{Ending, Request};
use crate::commands::ports::{Change, Custody, Node, Ticket, WriteId};
use crate::commands::scan::ClusterCursor;
use crate::commands::session::{QueuedCommand, Replies, Session};
use crate::commands::spec::{Flags, Keys, Run, Whole};
use crate::limits::{
    KEPT_FRAME_BYTES_MAX, PENDING_BYTES_MAX, REPLY_BYTES_SOFT_MAX, UNREACHED_TIME_MAX, UNSENT_SHARE,
};

/// What becomes of an admitted request.
pub(super) enum Way {
    /// It is carried out here.
    Here,
    /// It is on its way, and its reply will come.
    Gone,
    /// It is tried again when something has changed.
    Stall(Stall),
    /// It is a transaction whose watches are lost.
    Discarded,
    /// It cannot be carried out.
    Failed(CommandError),
}

impl Dispatch<'_> {
    /// Decides where a request goes, and sends it there.
    #[inline]
    pub(super) fn way(&mut self, request: &Request<'_>, session: &mut Session) -> Way {
        match self.clustered {
            None => Way::Here,
            Some(clustered) => self.way_among(clustered, request, session),
        }
    }

    fn way_among(&mut self, clustered: &Clustered, request: &Request<'_>, session: &mut Session) -> Way {
        let region = &*clustered.region;
        self.version = region.version();
        if let Some(whole) = request.spec.whole() {
            return self.ask_all(clustered, whole, request, session);
        }
        let target = match (request.spec.run, request.spec.keys) {
            (Run::Session(_) | Run::Container(_), Keys::None) => {
                return self.way_of_own(clustered, request, session);
            }
            (_, Keys::At(position)) => {
                let key = request.words[position].of(request.frame);
                target_of(region, std::iter::once(Partition::of(key)))
            }
            (Run::Exec, _) => target_of(region, exec_partitions(session).into_iter()),
            _ => target_of(region, request.partitions().as_slice().iter().copied()),
        };
        match self.after_others(clustered) {
            Way::Here => {}
            other => return other,
        }
        if session.endpoint == Endpoint::Cluster
            && let Some(way) = self.way_elsewhere(clustered, target, request, session)
        {
            return way;
        }
        let is_exec = matches!(request.spec.run, Run::Exec);
        match target {
            _ if is_exec && self.watches_are_lost(clustered, target, session) => Way::Discarded,
            Target::Here => self.stay(clustered, request, session),
            Target::Waiting if self.impatient => Way::Failed(no_place(region)),
            Target::Waiting => Way::Stall(Stall::Place),
            Target::At(node) => self.send(clustered, node, request, session),
            Target::Several => self.send_parts(clustered, request, session),
        }
    }

    /// What concerns the connection or the node is told here; who serves what, once this node can know.
    fn way_of_own(&mut self, clustered: &Clustered, request: &Request<'_>, session: &Session) -> Way {
        if request.spec.flags.has(Flags::OWNERS) && session.endpoint == Endpoint::Cluster && !self.impatient {
            let view = self.shared.membership().view();
            // Who owns nothing is not waited for: others know more.
            if view.is_some_and(|view| !view.serving && view.owns_any()) {
                return Way::Stall(Stall::Place);
            }
            self.placed = true;
        }
        self.after_others(clustered)
    }

    /// Where a client that knows the cluster is told to go, if it is wrong here. While the owner is about to change, or has
    /// just changed, it is served as any other: it cannot know yet, and whom it would be sent to need not either.
    fn way_elsewhere(
        &mut self,
        clustered: &Clustered,
        target: Target,
        request: &Request<'_>,
        session: &Session,
    ) -> Option<Way> {
        let slot = match slot_of(request, session) {
            Ok(slot) => slot?,
            Err(error) => return Some(Way::Failed(error)),
        };
        let Target::At(node) = target else { return None };
        let transaction = &session.transaction;
        // Whoever repeats a transaction elsewhere repeats it without its watches.
        let is_watching = !transaction.watched.is_empty() || !transaction.watched_away.is_empty();
        let is_held = is_watching && (matches!(request.spec.run, Run::Exec) || transaction.queue.is_some());
        if is_held || clustered.region.moved_lately(slot.partition()) {
            return None;
        }
        let is_up = clustered.peers.is_up(self.worker, node);
        if !is_up && self.waited < UNREACHED_TIME_MAX {
            return Some(Way::Stall(Stall::Place));
        }
        self.placed |= is_up;
        let view = self.shared.membership().view()?;
        Some(Way::Failed(moved(&view.topology, slot, node)))
    }

    /// Why a command cannot be queued: a client that knows the cluster is told at once that it is wrong here.
    #[cold]
    pub(super) fn way_of_queued(&mut self, request: &Request<'_>, session: &Session) -> Option<Way> {
        let clustered = self.clustered?;
        let target = target_of(&*clustered.region, request.partitions().as_slice().iter().copied());
        self.way_elsewhere(clustered, target, request, session)
    }

    /// Nothing runs before what has to be placed again, nor where too much waits. Asked after places were looked at: they
    /// may have changed since requests before this one were sent.
    fn after_others(&self, clustered: &Clustered) -> Way {
        let pending = self.link.pending.borrow();
        let Some(pending) = pending.as_ref().filter(|pending| !pending.is_empty()) else { return Way::Here };
        let version = clustered.region.version();
        if pending.has_again() || !version.is_multiple_of(2) || pending.version != version {
            Way::Stall(Stall::Again)
        } else if pending.is_full(pending_bytes_max(self.shared)) {
            Way::Stall(Stall::Room)
        } else {
            Way::Here
        }
    }

    /// Makes room for a request that is carried out here, and gives a write its number.
    fn stay(&mut self, clustered: &Clustered, request: &Request<'_>, session: &Session) -> Way {
        if let Err(error) = memory(self.shared, session, request, self.now, self.random) {
            return Way::Failed(error);
        }
        // What changes one partition needs no number: its effects have some.
        let writes = request.spec.writes() && !matches!(request.spec.keys, Keys::At(_));
        self.write = (writes || matches!(request.spec.run, Run::Exec)).then(|| clustered.number());
        self.custody.begin(self.write);
        Way::Here
    }

    fn send(
        &mut self,
        clustered: &Clustered,
        node: NodeId,
        request: &Request<'_>,
        session: &mut Session,
    ) -> Way {
        if !clustered.peers.is_ready(self.worker, node) {
            return if self.impatient {
                Way::Failed(no_place(&*clustered.region))
            } else {
                Way::Stall(Stall::Place)
            };
        }
        match request.spec.run {
            Run::Exec => return self.send_exec(clustered, session),
            Run::Session(_) => return self.send_watch(clustered, node, request, session),
            _ => {}
        }
        self.keep(|pending, silent| pending.push(Part::again(call_of(request, session)), silent), session);
        self.place(clustered);
        Way::Gone
    }

    /// Asks every node for what it serves.
    fn ask_all(
        &mut self,
        clustered: &Clustered,
        whole: Whole,
        request: &Request<'_>,
        session: &Session,
    ) -> Way {
        match self.after_others(clustered) {
            Way::Here => {}
            other => return other,
        }
        let version = session.version;
        let merge = match whole {
            Whole::All => Merge::All,
            Whole::Chain => Merge::Chain,
            Whole::Scan => Merge::Scan,
            Whole::Pick => Merge::Pick { chance: self.random.u64(..), version },
            Whole::Sum => Merge::Size { database: session.database.number() },
            Whole::Text => {
                let text = self.shared.info(&names(request), session.endpoint);
                if !has_keyspace(&text) {
                    return Way::Here;
                }
                Merge::Text { text, version }
            }
        };
        let mut call = Call { errand: Errand::Whole, ..call_of(request, session) };
        let region = &*clustered.region;
        // Who knows the cluster asks each node for its own part, and puts the answers together.
        let own_part = session.endpoint == Endpoint::Cluster;
        let meant = |partition: &Partition| !own_part || !matches!(region.place(*partition), Place::At(_));
        call.partitions = match whole {
            Whole::Scan => {
                let Some(first) = first_partition(request) else {
                    return Way::Failed(CommandError::InvalidCursor);
                };
                let next = Partition::all().skip(first.index()).find(meant);
                if let Some(next) = next.filter(|next| *next != first) {
                    call.frame = scan_from(request, next);
                }
                next.into_iter().collect()
            }
            _ => Partition::all().filter(meant).collect(),
        };
        if call.partitions.is_empty() {
            return self.tell_of_nothing(whole, session);
        }
        let parts = divide_whole(&call, region);
        self.keep(|pending, silent| pending.push_many(merge, parts, silent), session);
        self.place(clustered);
        Way::Gone
    }

    /// Replies for a node that serves nothing, to a client that asks each node for its own part.
    fn tell_of_nothing(&mut self, whole: Whole, session: &Session) -> Way {
        let reply: &[u8] = match (whole, session.version) {
            (Whole::Text, _) => return Way::Here,
            (Whole::All, _) => b"+OK\r\n",
            (Whole::Chain, _) => b"*0\r\n",
            (Whole::Sum, _) => b":0\r\n",
            (Whole::Scan, _) => b"*2\r\n$1\r\n0\r\n*0\r\n",
            (Whole::Pick, Version::Resp2) => b"$-1\r\n",
            (Whole::Pick, Version::Resp3) => b"_\r\n",
        };
        let ready = |pending: &mut Pending, silent: bool| {
            if !silent {
                pending.push_ready(reply);
            }
        };
        self.keep(ready, session);
        Way::Gone
    }

    fn send_parts(&mut self, clustered: &Clustered, request: &Request<'_>, session: &Session) -> Way {
        match divide(request, Manner::of(session), &*clustered.region) {
            Some((merge, parts)) => {
                self.keep(|pending, silent| pending.push_many(merge, parts, silent), session);
                self.place(clustered);
                Way::Gone
            }
            None => Way::Failed(CommandError::CrossSlot),
        }
    }

    /// Takes the reply of a request that was carried out here and may not leave yet. `None` if it may leave at once.
    pub(super) fn conclude(
        &mut self,
        clustered: &Clustered,
        ending: Ending,
        (request, session): (&Request<'_>, &Session),
        reply: &[u8],
    ) -> Option<Conclusion> {
        let write = self.write.take();
        let is_placed = !matches!(ending, Ending::Elsewhere | Ending::Wait | Ending::Over(_));
        self.placed |= is_placed && request.spec.keys != Keys::None;
        let mut before = None;
        let state = match ending {
            Ending::After(ticket) if !session.hasty => State::Ticket(ticket),
            Ending::Free | Ending::After(_) => {
                write.iter().for_each(|id| clustered.numbers.borrow_mut().answered(id));
                return None;
            }
            Ending::Elsewhere | Ending::Wait => {
                write.iter().for_each(|id| clustered.numbers.borrow_mut().answered(id));
                return Some(Conclusion::NotYet);
            }
            Ending::Over(change) => {
                before = change.filter(|_| write.is_none());
                State::Again { tried: None }
            }
        };
        self.keep_reply(state, (write, before), (request, session), reply);
        Some(Conclusion::Kept)
    }

    fn keep_reply(
        &mut self,
        state: State,
        (write, before): (Option<WriteId>, Option<Change>),
        (request, session): (&Request<'_>, &Session),
        reply: &[u8],
    ) {
        let state = match state {
            State::Ticket(ticket) if self.is_held_together(request, session, write) => {
                return self.hold(ticket, (request, session), reply);
            }
            state => state,
        };
        // A transaction is gone from the session by now. A read fails for nothing: it is kept, however large it is.
        let bytes_max = if request.spec.writes() { KEPT_FRAME_BYTES_MAX } else { PENDING_BYTES_MAX };
        let is_kept = request.frame.len() <= bytes_max && !matches!(request.spec.run, Run::Exec);
        let call = is_kept.then(|| Rc::new(call_of(request, session)));
        let mut part = Part::new(call, write, state);
        part.before = before;
        part.reply.extend_from_slice(reply);
        if part.is_again() {
            part.fail(true);
        }
        self.keep(|pending, silent| pending.push(part, silent), session);
    }

    /// Whether the reply may wait together with others of its batch.
    fn is_held_together(&self, request: &Request<'_>, session: &Session, write: Option<WriteId>) -> bool {
        write.is_none()
            && matches!(request.spec.keys, Keys::At(_))
            && session.replies == Replies::On
            && request.frame.len() <= KEPT_FRAME_BYTES_MAX
    }

    fn hold(&mut self, ticket: Ticket, (request, session): (&Request<'_>, &Session), reply: &[u8]) {
        let Some(clustered) = self.clustered else { return };
        let (manner, writes) = (Manner::of(session), request.spec.writes());
        let held = Held { manner, ticket, frame: request.frame, words: request.words, reply, writes };
        let joins = std::mem::replace(&mut self.holding, true);
        let runs = &mut clustered.runs.borrow_mut();
        self.keep(|pending, _| pending.push_held(&held, joins, runs), session);
    }

    pub(super) fn keep(&mut self, push: impl FnOnce(&mut Pending, bool), session: &Session) {
        let Some(clustered) = self.clustered else { return };
        clustered.list(self.link);
        let mut pending = self.link.pending.borrow_mut();
        let pending = pending.get_or_insert_default();
        if pending.is_empty() {
            pending.version = self.version;
        }
        push(pending, session.replies != Replies::On);
        self.queueing = true;
        self.placed = true;
    }

    pub(super) fn place(&mut self, clustered: &Clustered) {
        let hands = Hands {
            shared: self.shared,
            statistics: self.statistics,
            random: self.random,
            custody: &mut self.custody,
            spare: &mut clustered.spare.borrow_mut(),
            now: self.now,
        };
        let patience = self.shared.tunables.retry_time();
        let (worker, link) = (self.worker, self.link);
        let mut placing = Placing { worker, clustered, link, hands, patience, now: self.moment };
        placing.place_all();
        self.moment = placing.now;
    }
}

/// What became of a request that was carried out here.
pub(super) enum Conclusion {
    /// Its reply is kept until it may leave.
    Kept,
    /// It was not carried out after all.
    NotYet,
}

/// Bytes of requests and replies of a connection that may wait: fewer while memory is short.
pub(super) fn pending_bytes_max(shared: &Shared) -> usize {
    let memory = shared.store.memory();
    let is_roomy = memory.buffers() < memory.limit() / UNSENT_SHARE;
    if is_roomy { PENDING_BYTES_MAX } else { REPLY_BYTES_SOFT_MAX }
}

/// The words behind the command's name, in lower case.
fn names(request: &Request<'_>) -> Vec<String> {
    let name = |word: &ArgRange| String::from_utf8_lossy(word.of(request.frame)).to_ascii_lowercase();
    request.words.iter().skip(request.name_words).map(name).collect()
}

/// Where a scan goes on.
fn first_partition(request: &Request<'_>) -> Option<Partition> {
    let cursor = request.words.get(request.name_words)?.of(request.frame);
    ClusterCursor::unpack(std::str::from_utf8(cursor).ok()?.parse().ok()?).map(|cursor| cursor.first)
}

/// The same step of a scan, begun at another partition.
fn scan_from(request: &Request<'_>, first: Partition) -> Box<[u8]> {
    let cursor = ClusterCursor::at(first).pack().to_string();
    let word = |at: usize| {
        if at == request.name_words { cursor.as_bytes() } else { request.words[at].of(request.frame) }
    };
    written_frame(request.words.len(), (0..request.words.len()).map(word))
}

fn call_of(request: &Request<'_>, session: &Session) -> Call {
    Call {
        errand: Errand::Request,
        frame: kept_frame(request.frame, request.words),
        partitions: request.partitions().as_slice().into(),
        manner: Manner::of(session),
        writes: request.spec.writes(),
        watched: None,
    }
}

/// The slot of a request's keys; of EXEC, that of all its commands.
fn slot_of(request: &Request<'_>, session: &Session) -> Result<Option<Slot>, CommandError> {
    let queued = session.transaction.queue.iter().flat_map(|queue| &queue.commands);
    let of_queue = matches!(request.spec.run, Run::Exec).then(|| queued.map(QueuedCommand::request));
    let queued_slots = of_queue.into_iter().flatten().flat_map(|request| slots(&request));
    single_slot(slots(request).into_iter().chain(queued_slots))
}

fn slots(request: &Request<'_>) -> SmallVec<[Slot; 4]> {
    request.keys().map(Slot::of).collect()
}
