//! What this node is to one partition, and what each copy has of it. Plain decisions: the topology and the messages that
//! come go in, what is to be done comes out. Locks, bytes and network are left to others.
//!
//! ```text
//!   Absent ─ copy added ► Copy ─ made owner ► Serving ─ asked to hand over ► Yielding ─ new owner applied ► Copy
//!      ▲                   │                                                    └─ refused ► Serving
//!      └──── dropped ──────┘
//! ```

use std::sync::Arc;

use larder_proto::slot::Partition;
use larder_proto::topology::{CopyState, Epoch, NodeId, Replica, Row};
use smallvec::SmallVec;

use super::feed::Feed;
use super::remembered::{Known, Remembered};
use crate::commands::ports::{Change, Mark, Ticket, WriteId};
#[cfg(feature = "sabotage")]
use crate::sabotage::{Rule, is_broken};

/// One partition. The role changes only while the partition is locked for writing.
#[derive(Debug, Default)]
pub(super) struct Cell {
    pub(super) role: Role,
    /// Of ownership: this node's own, or that of the owner whose copy it is.
    pub(super) term: Epoch,
    /// When the content that is held began empty.
    emptied: Epoch,
    /// The copies, while this node is the owner.
    pub(super) slots: SmallVec<[Slot; 2]>,
    /// The term in which everything was acknowledged when nothing more could come: replies of it may leave, though the
    /// partition is another's by now.
    pub(super) settled: Option<Epoch>,
    pub(super) remembered: Remembered,
    /// What this node held when it became the owner: of which term, and up to which effect.
    inherited: Option<Change>,
}

/// Whether a change of another term is part of what is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Yes,
    No,
    /// Too much has happened since.
    Unknown,
}

/// What this node is to a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing: it holds none of it.
    #[default]
    Absent,
    /// It holds a copy of what this node owns.
    Copy {
        owner: NodeId,
        /// Since when it is a copy.
        since: Epoch,
        following: Following,
    },
    /// It is the owner.
    Serving,
    /// It is the owner, and requests wait until it is known who is next.
    Yielding,
}

/// How a copy stands to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Following {
    /// Nothing is taken until the owner begins to fill it.
    Awaiting,
    /// It was in sync with the last owner. It goes on if the new one says that it counts the same.
    Continuing,
    /// Every effect is taken.
    Taking,
}

/// A copy, as its owner sees it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) node: NodeId,
    /// Since when it is a copy.
    pub(super) since: Epoch,
    pub(super) feed: Arc<Feed>,
    pub(super) stage: Stage,
    /// Position of the message with which it began, or went on under this owner. Rejections of earlier ones are old.
    from: u64,
    /// Position of the last message of the partition.
    pub(super) last: u64,
    /// It did not take a message: no reply leaves until it is no copy any more.
    pub(super) is_rejected: bool,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing is sent to it yet.
    Waiting,
    /// It gets every effect, and lacks keys.
    Fed,
    /// Replies wait for it.
    Required,
}

/// What a new topology asks for, beside what it changed in the cell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Adopted {
    /// What is held is to be thrown away.
    pub(super) clear: bool,
    /// Copies that are to be told who goes on, as places among the slots.
    pub(super) to_continue: SmallVec<[usize; 2]>,
    /// Copies that are to be filled.
    pub(super) to_fill: SmallVec<[(NodeId, Epoch); 2]>,
}

/// Whether a message is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Take,
    Reject,
}

impl Cell {
    /// Takes over what a topology says of the partition, of which so many effects are held.
    pub(super) fn adopt(
        &mut self,
        (row, held): (&Row, u64),
        own: NodeId,
        mut feed: impl FnMut(NodeId) -> Arc<Feed>,
    ) -> Adopted {
        let mut adopted = Adopted::default();
        if row.owner == Some(own) {
            if !(self.is_owner() && self.term == row.since) {
                // Whoever was in sync holds what counts, unless it was said since then that the row begins empty.
                adopted.clear =
                    self.role == Role::Absent || row.emptied == row.since || row.emptied != self.emptied;
                self.inherited = self.heritage(held).filter(|_| !adopted.clear);
                self.role = Role::Serving;
                self.slots.clear();
                self.settled = None;
            }
            self.change_slots(row, &mut feed, &mut adopted);
        } else {
            let role = row.copy(own).map_or(Role::Absent, |copy| self.copy_role(row, copy));
            adopted.clear = role == Role::Absent && self.role != Role::Absent;
            self.role = role;
            self.slots.clear();
        }
        (self.term, self.emptied) = (row.since, row.emptied);
        adopted
    }

    /// What is held of the last term, by an owner or a copy that lacks nothing.
    fn heritage(&self, held: u64) -> Option<Change> {
        let is_whole = match self.role {
            Role::Serving | Role::Yielding => true,
            Role::Copy { following, .. } => following != Following::Awaiting,
            Role::Absent => false,
        };
        is_whole.then_some(Change { term: self.term.0, sequence: held })
    }

    /// Whether a change that may have been lost with its owner is part of what this owner holds.
    pub(super) fn kept(&self, change: Change) -> Kept {
        if self.is_owner() && self.term.0 == change.term {
            return Kept::Yes;
        }
        match self.inherited.filter(|inherited| inherited.term == change.term) {
            Some(inherited) if change.sequence <= inherited.sequence => Kept::Yes,
            Some(_) => Kept::No,
            None => Kept::Unknown,
        }
    }

    /// The role of a copy in this row.
    fn copy_role(&self, row: &Row, copy: &Replica) -> Role {
        // Whoever has no owner has no copies either. If it had, nobody could be taken from.
        let owner = row.owner.unwrap_or(NodeId(u64::MAX));
        let following = match self.role {
            Role::Copy { owner: same, since, following } if since == copy.since => {
                let is_settled = same == owner && self.term == row.since;
                match (is_settled, copy.state, following) {
                    (true, _, following) => following,
                    (false, CopyState::InSync, Following::Taking | Following::Continuing) => {
                        Following::Continuing
                    }
                    (false, ..) => Following::Awaiting,
                }
            }
            // It has handed over: it holds everything.
            Role::Yielding if copy.state == CopyState::InSync => Following::Continuing,
            _ => Following::Awaiting,
        };
        Role::Copy { owner, since: copy.since, following }
    }

    fn change_slots(&mut self, row: &Row, feed: &mut impl FnMut(NodeId) -> Arc<Feed>, adopted: &mut Adopted) {
        self.slots.retain(|slot| row.copy(slot.node).is_some_and(|copy| copy.since == slot.since));
        for copy in &row.copies {
            let is_in_sync = copy.state == CopyState::InSync;
            match self.slots.iter_mut().find(|slot| slot.node == copy.node) {
                Some(slot) if is_in_sync => slot.stage = Stage::Required,
                Some(_) => {}
                None => {
                    let stage = if is_in_sync { Stage::Required } else { Stage::Waiting };
                    let (from, feed) = (u64::MAX, feed(copy.node));
                    let (node, since) = (copy.node, copy.since);
                    let (last, is_rejected) = (0, false);
                    self.slots.push(Slot { node, since, feed, stage, from, last, is_rejected });
                    if is_in_sync {
                        adopted.to_continue.push(self.slots.len() - 1);
                    } else {
                        adopted.to_fill.push((node, since));
                    }
                }
            }
        }
    }

    /// Whether this node is the owner.
    pub(super) fn is_owner(&self) -> bool {
        matches!(self.role, Role::Serving | Role::Yielding)
    }

    /// Whether any copy is sent effects.
    pub(super) fn is_fed(&self) -> bool {
        self.slots.iter().any(Slot::is_fed)
    }

    /// Whether a copy that replies wait for has not taken a message: none leaves until a newer topology says what is what.
    pub(super) fn is_refused(&self) -> bool {
        self.slots.iter().any(|slot| slot.is_rejected && slot.stage == Stage::Required)
    }

    /// The copy at this node that is one since then.
    pub(super) fn slot(&mut self, node: NodeId, since: Epoch) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.node == node && slot.since == since)
    }

    /// A copy has not taken the message at this position. Whether that is news.
    pub(super) fn reject(&mut self, feed: u64, position: u64) -> bool {
        let rejects =
            |slot: &&mut Slot| slot.feed.number == feed && position >= slot.from && !slot.is_rejected;
        match self.slots.iter_mut().find(rejects) {
            Some(slot) => {
                slot.is_rejected = true;
                true
            }
            None => false,
        }
    }

    /// Adds what a reply has to wait for, as the partition stands after the request's last effect. Whether it is nothing.
    pub(super) fn add_marks(&self, (partition, sequence): (Partition, u64), ticket: &mut Ticket) -> bool {
        let before = ticket.0.len();
        for slot in self.slots.iter().filter(|slot| slot.is_awaited()) {
            let (term, copy, position) = (self.term.0, slot.feed.number, slot.last);
            ticket.0.push(Mark { partition, term, copy, position, sequence });
        }
        ticket.0.len() == before && !self.is_refused()
    }

    /// Whether every copy that replies wait for has everything.
    pub(super) fn is_settled(&self) -> bool {
        !self.is_refused() && !self.slots.iter().any(Slot::is_awaited)
    }

    /// What became of a mark.
    pub(super) fn settled(&self, mark: &Mark) -> Option<bool> {
        if self.settled == Some(Epoch(mark.term)) {
            return Some(true);
        }
        if !self.is_owner() || self.term.0 != mark.term {
            return None;
        }
        #[cfg(feature = "sabotage")]
        if is_broken(Rule::InSync) {
            return Some(true);
        }
        let waits = |slot: &Slot| {
            let is_meant = slot.feed.number == mark.copy && slot.stage == Stage::Required;
            is_meant && slot.feed.acknowledged() < mark.position
        };
        Some(!self.is_refused() && !self.slots.iter().any(waits))
    }

    /// What is known of a write. Where the partition has begun empty since it was numbered, it may have been carried out before
    /// that: whoever saw it then would see it twice.
    pub(super) fn known(&self, id: &WriteId) -> Known {
        match self.remembered.find(id) {
            Known::New if self.emptied > id.since => Known::Unknown,
            known => known,
        }
    }

    /// Whether effects of this owner and term are taken.
    pub(super) fn judge(&self, from: NodeId, term: Epoch) -> Verdict {
        match self.role {
            Role::Copy { owner, following: Following::Taking, .. } if owner == from && self.term == term => {
                Verdict::Take
            }
            _ => Verdict::Reject,
        }
    }

    /// Whether this owner may begin to fill this copy.
    pub(super) fn judge_begin(&mut self, from: NodeId, term: Epoch, begun_since: Epoch) -> Verdict {
        match &mut self.role {
            Role::Copy { owner, since, following }
                if *owner == from && self.term == term && *since == begun_since =>
            {
                *following = Following::Taking;
                Verdict::Take
            }
            _ => Verdict::Reject,
        }
    }

    /// Whether this copy goes on under this owner, which counts as the copy does or not.
    pub(super) fn judge_continue(&mut self, from: NodeId, term: Epoch, counts_the_same: bool) -> Verdict {
        match &mut self.role {
            Role::Copy { owner, following, .. }
                if *owner == from
                    && self.term == term
                    && *following == Following::Continuing
                    && counts_the_same =>
            {
                *following = Following::Taking;
                Verdict::Take
            }
            _ => Verdict::Reject,
        }
    }

    /// Takes nothing more from the owner: an effect is missing.
    pub(super) fn stop_following(&mut self) {
        if let Role::Copy { following, .. } = &mut self.role {
            *following = Following::Awaiting;
        }
    }
}

impl Slot {
    /// Notes that a message of the partition has this position.
    pub(super) const fn note(&mut self, position: u64) {
        self.last = position;
    }

    /// Notes that the copy begins, or goes on, with the message at this position. No reply waits for it: it changes nothing.
    pub(super) const fn note_start(&mut self, position: u64) {
        self.from = position;
    }

    /// Whether it is sent effects.
    pub(super) fn is_fed(&self) -> bool {
        self.stage != Stage::Waiting
    }

    /// Whether replies have to wait for it.
    fn is_awaited(&self) -> bool {
        self.stage == Stage::Required && (self.is_rejected || self.feed.acknowledged() < self.last)
    }
}

#[cfg(test)]
mod tests {
    use larder_proto::topology::Incarnation;

    use super::*;

    const OWN: NodeId = NodeId(1);
    const OTHER: NodeId = NodeId(2);
    const THIRD: NodeId = NodeId(3);

    fn row(owner: NodeId, since: u64, copies: &[(NodeId, CopyState, u64)]) -> Row {
        let copy =
            |&(node, state, since): &(NodeId, CopyState, u64)| Replica { node, state, since: Epoch(since) };
        Row {
            owner: Some(owner),
            since: Epoch(since),
            emptied: Epoch(1),
            copies: copies.iter().map(copy).collect(),
        }
    }

    fn feed(node: NodeId) -> Arc<Feed> {
        Arc::new(Feed::new(node.0 * 10, node, Incarnation(0), 1_000))
    }

    fn append(cell: &mut Cell) {
        for slot in cell.slots.iter_mut().filter(|slot| slot.stage != Stage::Waiting) {
            slot.last = slot.feed.append(b"\x01\0\0\0\x03").position;
        }
    }

    fn marks(cell: &Cell) -> Vec<Mark> {
        let mut ticket = Ticket::default();
        cell.add_marks((Partition::of(b"k"), 0), &mut ticket);
        ticket.0.to_vec()
    }

    #[test]
    fn an_owner_that_begins_throws_away_what_is_older_and_one_that_was_in_sync_keeps_it() {
        let mut cell = Cell::default();
        assert!(cell.adopt((&row(OWN, 1, &[]), 0), OWN, feed).clear);
        assert!(!cell.adopt((&row(OWN, 1, &[]), 0), OWN, feed).clear);
        // A failover to a copy in sync, whatever was jumped over.
        let mut copy = Cell::default();
        copy.adopt((&row(OTHER, 1, &[(OWN, CopyState::Filling, 2)]), 0), OWN, feed);
        assert!(!copy.adopt((&row(OWN, 5, &[]), 0), OWN, feed).clear);
        // The row had to start empty.
        let mut copy = Cell::default();
        copy.adopt((&row(OTHER, 1, &[(OWN, CopyState::Filling, 2)]), 0), OWN, feed);
        assert!(copy.adopt((&Row { emptied: Epoch(5), ..row(OWN, 5, &[]) }, 0), OWN, feed).clear);
        // Dropped copies hold nothing.
        let mut copy = Cell::default();
        copy.adopt((&row(OTHER, 1, &[(OWN, CopyState::Filling, 2)]), 0), OWN, feed);
        assert!(copy.adopt((&row(OTHER, 1, &[]), 0), OWN, feed).clear);
        assert_eq!(copy.role, Role::Absent);
    }

    #[test]
    fn a_write_that_was_numbered_before_the_partition_began_empty_is_not_carried_out() {
        let mut cell = Cell::default();
        cell.adopt((&Row { emptied: Epoch(5), ..row(OWN, 5, &[]) }, 0), OWN, feed);
        let id = |since| WriteId { number: 1, since: Epoch(since), ..WriteId::default() };
        assert_eq!((cell.known(&id(4)), cell.known(&id(5))), (Known::Unknown, Known::New));
        cell.remembered.note(&id(4), b":1\r\n", false);
        assert!(matches!(cell.known(&id(4)), Known::Reply(_)));
    }

    #[test]
    fn replies_wait_for_required_copies_and_for_no_other() {
        let mut cell = Cell::default();
        let copies = [(OTHER, CopyState::InSync, 1), (THIRD, CopyState::Filling, 1)];
        let adopted = cell.adopt((&row(OWN, 1, &copies), 0), OWN, feed);
        assert_eq!(
            (adopted.to_continue.as_slice(), adopted.to_fill.as_slice()),
            (&[0][..], &[(THIRD, Epoch(1))][..])
        );
        append(&mut cell);
        let [mark] = marks(&cell)[..] else { panic!("one copy is required") };
        assert_eq!((mark.copy, mark.position, cell.settled(&mark)), (20, 1, Some(false)));
        cell.slots[0].feed.acknowledge(1).unwrap();
        assert_eq!((cell.settled(&mark), marks(&cell).len()), (Some(true), 0));
        // Dropped before it acknowledged: nothing waits for it any more.
        append(&mut cell);
        let mark = marks(&cell)[0];
        assert_eq!(cell.settled(&mark), Some(false));
        cell.adopt((&row(OWN, 1, &[]), 0), OWN, feed);
        assert_eq!(cell.settled(&mark), Some(true));
    }

    #[test]
    fn a_rejection_holds_replies_back_until_a_newer_topology_and_old_ones_count_for_nothing() {
        let mut cell = Cell::default();
        cell.adopt((&row(OWN, 1, &[(OTHER, CopyState::InSync, 1)]), 0), OWN, feed);
        let start = cell.slots[0].feed.append(b"\x01\0\0\0\x07").position;
        cell.slots[0].note_start(start);
        append(&mut cell);
        let mark = marks(&cell)[0];
        assert!(!cell.reject(20, start - 1) && !cell.reject(99, start));
        assert!(cell.reject(20, start + 1) && !cell.reject(20, start + 1));
        cell.slots[0].feed.acknowledge(2).unwrap();
        assert_eq!((cell.settled(&mark), cell.is_settled(), marks(&cell).len()), (Some(false), false, 1));
        // Filled anew since then: what it rejected before is no news.
        cell.adopt((&row(OWN, 1, &[(OTHER, CopyState::Filling, 9)]), 0), OWN, feed);
        assert_eq!((cell.settled(&mark), cell.is_settled()), (Some(true), true));
    }

    #[test]
    fn what_was_not_acknowledged_is_lost_with_the_ownership_unless_it_was_handed_over() {
        let mut cell = Cell::default();
        cell.adopt((&row(OWN, 1, &[(OTHER, CopyState::InSync, 1)]), 0), OWN, feed);
        append(&mut cell);
        let mark = marks(&cell)[0];
        cell.adopt((&row(OTHER, 2, &[]), 0), OWN, feed);
        assert_eq!((cell.settled(&mark), cell.role), (None, Role::Absent));
        let mut cell = Cell::default();
        cell.adopt((&row(OWN, 1, &[(OTHER, CopyState::InSync, 1)]), 0), OWN, feed);
        append(&mut cell);
        let mark = marks(&cell)[0];
        cell.slots[0].feed.acknowledge(1).unwrap();
        (cell.role, cell.settled) = (Role::Yielding, Some(Epoch(1)));
        cell.adopt((&row(OTHER, 2, &[(OWN, CopyState::InSync, 2)]), 0), OWN, feed);
        assert_eq!(cell.settled(&mark), Some(true));
        let following = Following::Continuing;
        assert_eq!(cell.role, Role::Copy { owner: OTHER, since: Epoch(2), following });
    }

    #[test]
    fn a_copy_takes_from_its_owner_in_its_term_alone() {
        let mut cell = Cell::default();
        let judge = |cell: &Cell, from, term| cell.judge(from, Epoch(term)) == Verdict::Take;
        cell.adopt((&row(OTHER, 3, &[(OWN, CopyState::Filling, 4)]), 0), OWN, feed);
        assert!(!judge(&cell, OTHER, 3));
        for (from, term, since) in [(THIRD, 3, 4), (OTHER, 2, 4), (OTHER, 3, 3)] {
            assert_eq!(cell.judge_begin(from, Epoch(term), Epoch(since)), Verdict::Reject);
        }
        assert_eq!(cell.judge_begin(OTHER, Epoch(3), Epoch(4)), Verdict::Take);
        assert!(judge(&cell, OTHER, 3) && !judge(&cell, THIRD, 3) && !judge(&cell, OTHER, 2));
        // In sync, then another owner: it goes on once that says that it counts the same.
        cell.adopt((&row(OTHER, 3, &[(OWN, CopyState::InSync, 4)]), 0), OWN, feed);
        cell.adopt((&row(THIRD, 6, &[(OWN, CopyState::InSync, 4)]), 0), OWN, feed);
        assert!(!judge(&cell, THIRD, 6) && !judge(&cell, OTHER, 3));
        assert_eq!(cell.judge_continue(THIRD, Epoch(6), false), Verdict::Reject);
        assert_eq!(cell.judge_continue(THIRD, Epoch(6), true), Verdict::Take);
        assert!(judge(&cell, THIRD, 6));
        cell.stop_following();
        assert!(!judge(&cell, THIRD, 6));
        // The owner takes nothing from anybody.
        cell.adopt((&row(OWN, 7, &[]), 0), OWN, feed);
        assert!(!judge(&cell, THIRD, 6) && cell.judge_begin(OTHER, Epoch(7), Epoch(7)) == Verdict::Reject);
    }

    #[test]
    fn a_change_of_the_term_before_was_kept_if_it_is_held() {
        let change = |term, sequence| Change { term, sequence };
        let mut cell = Cell::default();
        cell.adopt((&row(OTHER, 1, &[(OWN, CopyState::Filling, 2)]), 0), OWN, feed);
        cell.judge_begin(OTHER, Epoch(1), Epoch(2));
        assert_eq!(cell.kept(change(1, 5)), Kept::Unknown, "not the owner");
        cell.adopt((&row(OWN, 6, &[]), 70), OWN, feed);
        assert_eq!((cell.kept(change(1, 70)), cell.kept(change(1, 71))), (Kept::Yes, Kept::No));
        assert_eq!((cell.kept(change(6, 90)), cell.kept(change(2, 5))), (Kept::Yes, Kept::Unknown));
        cell.adopt((&Row { emptied: Epoch(8), ..row(OWN, 8, &[]) }, 90), OWN, feed);
        assert_eq!(cell.kept(change(6, 90)), Kept::Unknown, "began empty");
        // Whoever awaits to be filled holds an older state.
        let mut cell = Cell::default();
        cell.adopt((&row(OTHER, 1, &[(OWN, CopyState::Filling, 2)]), 0), OWN, feed);
        cell.adopt((&row(OWN, 6, &[]), 70), OWN, feed);
        assert_eq!(cell.kept(change(1, 70)), Kept::Unknown);
    }
}
