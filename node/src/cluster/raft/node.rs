//! One node's part in Raft: starting it, proposing, confirming that it leads, and who votes. What is proposed, and what to do
//! if another node leads, is left to the control loop.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use larder_proto::record;
use larder_proto::topology::NodeId;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{
    ChangeMembershipError, ClientWriteError, Fatal, ForwardReason, ForwardToLeader, InitializeError,
    LinearizableReadError, RaftError,
};
use openraft::impls::ProgressResponder;
use openraft::impls::leader_id_adv::LeaderId;
use openraft::raft::ClientWriteResponse;
use openraft::{BasicNode, ChangeMembers, Raft, RaftMetrics, ReadPolicy, ServerState};
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, watch};
use tokio_util::task::AbortOnDropHandle;

use super::applier::{Applier, Machine};
use super::committer::Closed;
use super::log::Log;
use super::network::{self, Ways, join_address};
use super::settings::RaftSettings;
use super::types::{Data, Types};
use crate::cluster::identity::StateDir;
use crate::cluster::rpc::{Peers, Refusal};

/// What a node starts with.
pub struct NodeParts<M> {
    /// Its number, as its state directory has it.
    pub node: NodeId,
    /// Where its log is.
    pub place: StateDir,
    /// How it calls the others.
    pub peers: Peers,
    /// The state that every cluster begins with.
    pub initial: M,
    /// How fast things happen.
    pub settings: RaftSettings,
}

/// A node that takes part in Raft. Clones are the same. It belongs to one thread, on which Raft's tasks run; it stops when
/// the last clone is dropped, or by [`Node::shutdown`].
pub struct Node<M: Machine>(Rc<Inner<M>>);

struct Inner<M: Machine> {
    raft: Raft<Types, Applier<M>>,
    states: watch::Receiver<Arc<M>>,
    /// Taken by whoever waits for the end.
    closed: RefCell<Option<Closed>>,
    /// Asks for a snapshot when the log has many bytes.
    _compaction: AbortOnDropHandle<()>,
}

/// What came of a proposal that was agreed upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed<A> {
    /// The place of its entry in the log.
    pub index: u64,
    /// What it came to.
    pub answer: A,
}

/// Why something did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RaftFault {
    /// This node does not lead, and nothing has been proposed. Who does, if that is known.
    NotLeader(Option<NodeId>),
    /// It led when it proposed, but it is not known whether the proposal will ever be agreed upon.
    Unknown(Option<NodeId>),
    /// Not enough nodes have answered of late to say that this one leads: it is cut off, or was elected just now. Nothing has
    /// been proposed.
    NoQuorum,
    /// Another change of who votes is under way, or the leader is too new; to be tried again.
    InProgress,
    /// It cannot be done: the text says why.
    Refused(String),
    /// Raft has stopped for good: the disk failed, or the node is being shut down. The text says why.
    Stopped(String),
}

/// How this node sees Raft.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftStatus {
    /// Grows with each election.
    pub term: u64,
    /// Who leads, as far as this node knows.
    pub leader: Option<NodeId>,
    /// Whether it is this node.
    pub leads: bool,
    /// The last entry of its log.
    pub last_index: u64,
    /// The last entry that it has applied.
    pub applied: u64,
    /// The last entry that its newest snapshot stands for.
    pub snapshot: u64,
    /// Who votes: of both halves, while [`RaftStatus::is_joint`].
    pub voters: BTreeSet<NodeId>,
    /// Whether a change of who votes has been begun and not ended: a majority of the old voters and one of the new ones are
    /// needed for everything. Whoever began it may be gone.
    pub is_joint: bool,
    /// Who only listens.
    pub learners: BTreeSet<NodeId>,
    /// Entries that each node is known to have, if this one leads.
    pub matching: BTreeMap<NodeId, u64>,
    /// Why it has stopped, if it has.
    pub stopped: Option<String>,
}

impl<M: Machine> Node<M> {
    /// Starts with what the directory holds. The state is there when this returns, as far as it was known to be agreed upon.
    ///
    /// # Errors
    /// The log cannot be read or written.
    pub async fn start(parts: NodeParts<M>) -> io::Result<Self> {
        let NodeParts { node, place, peers, initial, settings } = parts;
        let many_bytes = Rc::new(Notify::new());
        let opened = Log::open(&place, node, settings.log_bytes, Rc::clone(&many_bytes))?;
        let (applier, states) = Applier::new(initial, opened.snapshot, opened.writer)?;
        let config = settings.config().map_err(io::Error::other)?;
        let ways = Ways { own: node.0, peers };
        let raft =
            Raft::new(node.0, Arc::new(config), ways, opened.log, applier).await.map_err(io::Error::other)?;
        let compacted = raft.clone();
        let compaction = tokio::task::spawn_local(async move {
            loop {
                many_bytes.notified().await;
                // It fails only when Raft has stopped.
                let _ = compacted.trigger().snapshot().await;
            }
        });
        Ok(Self(Rc::new(Inner {
            raft,
            states,
            closed: RefCell::new(Some(opened.closed)),
            _compaction: AbortOnDropHandle::new(compaction),
        })))
    }

    /// Makes a cluster of which this node is the only member. Once in a cluster's life.
    ///
    /// # Errors
    /// [`RaftFault::Refused`] if the log is not empty.
    pub async fn initialize(&self, host: &str, port: u16) -> Result<(), RaftFault> {
        let members = BTreeMap::from([(*self.0.raft.node_id(), BasicNode::new(join_address(host, port)))]);
        self.0.raft.initialize(members).await.map_err(|error| match error {
            RaftError::APIError(
                error @ (InitializeError::NotAllowed(_) | InitializeError::NotInMembers(_)),
            ) => RaftFault::Refused(error.to_string()),
            RaftError::Fatal(error) => stopped(&error),
        })
    }

    /// Whether the log has anything in it: whether the node has been part of a cluster.
    ///
    /// # Errors
    /// Raft has stopped.
    pub async fn is_initialized(&self) -> Result<bool, RaftFault> {
        self.0.raft.is_initialized().await.map_err(|error| stopped(&error))
    }

    /// Proposes a change and waits until it is applied here, however long that takes: bounding the time is the caller's
    /// part, and giving up leaves open whether it will be applied.
    ///
    /// # Errors
    /// See [`RaftFault`].
    pub async fn propose(&self, change: &M::Change) -> Result<Proposed<M::Answer>, RaftFault> {
        let data = record::encode(change).map_err(|error| RaftFault::Refused(error.to_string()))?;
        let written = self.0.raft.client_write(Data(data)).await.map_err(write_fault)?;
        answered(written)
    }

    /// As [`Node::propose`], but only as the leader of this term: what a leader concludes from what it remembers must not be
    /// proposed by the same node as a later leader.
    ///
    /// # Errors
    /// See [`RaftFault`].
    pub async fn propose_in(&self, term: u64, change: &M::Change) -> Result<Proposed<M::Answer>, RaftFault> {
        let data = record::encode(change).map_err(|error| RaftFault::Refused(error.to_string()))?;
        let (responder, written) = ProgressResponder::complete_only();
        let leader = LeaderId { term, node_id: *self.0.raft.node_id() };
        let write = self.0.raft.write(Data(data)).with_leader(leader).responder(responder);
        write.await.map_err(|error| stopped(&error))?;
        let written = written.await.map_err(|_| RaftFault::Unknown(None))?;
        answered(written.map_err(|error| write_fault(RaftError::APIError(error)))?)
    }

    /// Proposes an entry that changes nothing; its place in the log.
    ///
    /// # Errors
    /// See [`RaftFault`].
    pub async fn propose_nothing(&self) -> Result<u64, RaftFault> {
        Ok(self.0.raft.write_blank().await.map_err(write_fault)?.log_id.index)
    }

    /// Makes sure that this node leads, by a round of answers from a quorum that began after this call, and that it has
    /// applied everything that was agreed upon before this call. How far it has applied.
    ///
    /// # Errors
    /// [`RaftFault::NotLeader`], [`RaftFault::NoQuorum`] after one election timeout, or [`RaftFault::Stopped`].
    pub async fn confirm_leadership(&self) -> Result<u64, RaftFault> {
        let confirmed = self.0.raft.ensure_linearizable(ReadPolicy::ReadIndex).await;
        confirmed.map(|id| id.index()).map_err(|error| match error {
            RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)) => not_leader(&forward),
            RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)) => RaftFault::NoQuorum,
            RaftError::Fatal(error) => stopped(&error),
        })
    }

    /// Adds a node that gets the log but does not vote, or does nothing if it is there already. Does not wait until it has
    /// caught up.
    ///
    /// # Errors
    /// See [`RaftFault`].
    pub async fn add_learner(&self, node: NodeId, host: &str, port: u16) -> Result<(), RaftFault> {
        if self.metrics(|metrics| metrics.membership_config.get_node(&node.0).is_some()) {
            return Ok(());
        }
        let address = BasicNode::new(join_address(host, port));
        self.0.raft.add_learner(node.0, address, false).await.map(nothing).map_err(write_fault)
    }

    /// Makes these nodes the voters; all have to be voters or learners. Who votes no longer learns from then on. It takes two
    /// steps: dropped between them, this leaves the voters joint, and is to be called again.
    ///
    /// # Errors
    /// See [`RaftFault`].
    pub async fn change_voters(&self, voters: &BTreeSet<NodeId>) -> Result<(), RaftFault> {
        let voters: BTreeSet<u64> = voters.iter().map(|node| node.0).collect();
        let change = ChangeMembers::ReplaceAllVoters(voters);
        self.0.raft.change_membership(change, true).await.map(nothing).map_err(write_fault)
    }

    /// Takes a node out, as voter and as learner. It hears nothing of this, and should be shut down.
    ///
    /// # Errors
    /// See [`RaftFault`]; [`RaftFault::Refused`] for the last voter.
    pub async fn remove(&self, node: NodeId) -> Result<(), RaftFault> {
        let id = BTreeSet::from([node.0]);
        let (is_voter, is_there) = self.metrics(|metrics| {
            let membership = metrics.membership_config.membership();
            (membership.voter_ids().any(|voter| voter == node.0), membership.get_node(&node.0).is_some())
        });
        let change = match (is_voter, is_there) {
            (true, _) => ChangeMembers::RemoveVoters(id),
            (false, true) => ChangeMembers::RemoveNodes(id),
            (false, false) => return Ok(()),
        };
        self.0.raft.change_membership(change, false).await.map(nothing).map_err(write_fault)
    }

    /// Asks a voter to take over the lead. Whether it does is seen in the status.
    ///
    /// # Errors
    /// Raft has stopped.
    pub async fn transfer_lead(&self, to: NodeId) -> Result<(), RaftFault> {
        self.0.raft.trigger().transfer_leader(to.0).await.map_err(|error| stopped(&error))
    }

    /// Makes a snapshot now, and lets go of the entries that it stands for, but for the newest.
    ///
    /// # Errors
    /// Raft has stopped.
    pub async fn compact(&self) -> Result<(), RaftFault> {
        self.0.raft.trigger().snapshot().await.map_err(|error| stopped(&error))
    }

    /// Answers a request of another node whose kind is at most [`super::KIND_MAX`].
    ///
    /// # Errors
    /// The request cannot be read, or Raft has stopped.
    pub async fn handle(&self, kind: u8, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        network::handle(&self.0.raft, kind, body).await
    }

    /// This node's number.
    #[must_use]
    pub fn id(&self) -> NodeId {
        NodeId(*self.0.raft.node_id())
    }

    /// Who leads, as far as this node knows. It may be the node itself, though it no longer does:
    /// [`Self::confirm_leadership`] makes sure.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.metrics(|metrics| metrics.current_leader.map(NodeId))
    }

    /// The newest state that this node has applied.
    #[must_use]
    pub fn state(&self) -> Arc<M> {
        Arc::clone(&self.0.states.borrow())
    }

    /// The same, and whenever it changes.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<Arc<M>> {
        self.0.states.clone()
    }

    /// How this node sees Raft.
    #[must_use]
    pub fn status(&self) -> RaftStatus {
        self.metrics(status)
    }

    /// The same, and whenever something of it may have changed.
    #[must_use]
    pub fn changes(&self) -> StatusChanges {
        StatusChanges(self.0.raft.metrics())
    }

    /// Stops taking part. Resolves when all is written and the log's file is closed.
    pub async fn shutdown(self) {
        if let Err(error) = self.0.raft.shutdown().await {
            tracing::error!(%error, "Raft did not stop in good order");
        }
        let closed = self.0.closed.borrow_mut().take();
        drop(self);
        if let Some(closed) = closed {
            // An error is the end, too.
            let _ = closed.await;
        }
    }

    fn metrics<R>(&self, look: impl FnOnce(&RaftMetrics<Types>) -> R) -> R {
        look(&self.0.raft.metrics().borrow_watched())
    }
}

impl<M: Machine> Clone for Node<M> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// Tells of changes of a [`RaftStatus`].
pub struct StatusChanges(openraft::alias::WatchReceiverOf<Types, RaftMetrics<Types>>);

impl StatusChanges {
    /// The newest status.
    #[must_use]
    pub fn status(&mut self) -> RaftStatus {
        status(&self.0.borrow_and_update())
    }

    /// Waits for the next change; false once Raft has stopped and nothing will change any more.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// Waits until another leads, or in another term, than this status says; false as [`StatusChanges::changed`]. The leader's status
    /// changes with everything that any node answers.
    pub async fn leads_otherwise(&mut self, than: &RaftStatus) -> bool {
        loop {
            let seen = leading(&self.0.borrow_and_update());
            if seen != (than.term, than.leader, than.leads) {
                return true;
            }
            if !self.changed().await {
                return false;
            }
        }
    }

    /// Waits until Raft has stopped; why.
    pub async fn stopped(&mut self) -> String {
        loop {
            if let Err(reason) = &self.0.borrow_and_update().running_state {
                return reason.to_string();
            }
            if !self.changed().await {
                return "it was shut down".to_owned();
            }
        }
    }
}

fn leading(metrics: &RaftMetrics<Types>) -> (u64, Option<NodeId>, bool) {
    (metrics.current_term, metrics.current_leader.map(NodeId), metrics.state == ServerState::Leader)
}

fn status(metrics: &RaftMetrics<Types>) -> RaftStatus {
    let membership = metrics.membership_config.membership();
    let matching = metrics.replication.iter().flatten();
    let (term, leader, leads) = leading(metrics);
    RaftStatus {
        term,
        leader,
        leads,
        last_index: metrics.last_log_index.unwrap_or(0),
        applied: metrics.last_applied.map_or(0, |id| id.index),
        snapshot: metrics.snapshot.map_or(0, |id| id.index),
        voters: membership.voter_ids().map(NodeId).collect(),
        is_joint: membership.get_joint_config().len() > 1,
        learners: membership.learner_ids().map(NodeId).collect(),
        matching: matching.filter_map(|(node, id)| Some((NodeId(*node), id.as_ref()?.index))).collect(),
        stopped: metrics.running_state.as_ref().err().map(ToString::to_string),
    }
}

fn answered<A: DeserializeOwned>(written: ClientWriteResponse<Types>) -> Result<Proposed<A>, RaftFault> {
    let unreadable = || RaftFault::Refused("the answer cannot be read".to_owned());
    let answer = written.data.0.as_deref().map(record::decode).transpose().map_err(|_| unreadable())?;
    Ok(Proposed { index: written.log_id.index, answer: answer.ok_or_else(unreadable)? })
}

fn nothing(_: ClientWriteResponse<Types>) {}

fn stopped(error: &Fatal<Types>) -> RaftFault {
    RaftFault::Stopped(error.to_string())
}

fn not_leader(forward: &ForwardToLeader<Types>) -> RaftFault {
    match forward.reason {
        // It leads, but has not been answered by a quorum for too long, or not yet.
        ForwardReason::LeaseExpired => RaftFault::NoQuorum,
        ForwardReason::NotLeader | ForwardReason::LeadershipTransfer => {
            RaftFault::NotLeader(forward.leader_id.map(NodeId))
        }
    }
}

fn write_fault(error: RaftError<Types, ClientWriteError<Types>>) -> RaftFault {
    match error {
        RaftError::Fatal(error) => stopped(&error),
        RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => not_leader(&forward),
        RaftError::APIError(ClientWriteError::LogEntryDiscarded(forward)) => {
            RaftFault::Unknown(forward.leader_id.map(NodeId))
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(
            ChangeMembershipError::InProgress(_) | ChangeMembershipError::UncommittedLeaderLog(_),
        )) => RaftFault::InProgress,
        RaftError::APIError(error) => RaftFault::Refused(error.to_string()),
    }
}

impl std::fmt::Display for RaftFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotLeader(Some(leader)) => write!(f, "node {} leads, not this one", leader.0),
            Self::NotLeader(None) => f.write_str("no node is known to lead"),
            Self::Unknown(_) => {
                f.write_str("the lead changed: it is not known whether the change will be agreed upon")
            }
            Self::NoQuorum => f.write_str("too few nodes answer to agree upon anything"),
            Self::InProgress => f.write_str("another change of the voters is under way"),
            Self::Refused(reason) => f.write_str(reason),
            Self::Stopped(reason) => write!(f, "Raft has stopped: {reason}"),
        }
    }
}

impl std::error::Error for RaftFault {}
