//! What the rest of the node holds of the cluster: a channel to the control loop, and what it publishes. May be used from any
//! thread.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use larder_proto::topology::{NodeId, Topology};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::identity::Identity;
use super::machine::{Answer, Change, Leave, Refusal, State};
use super::status::{Phase, Status};

/// The cluster, for the rest of the node. Clones are the same.
#[derive(Clone)]
pub struct Handle {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) states: watch::Receiver<Arc<State>>,
    pub(super) topologies: watch::Receiver<Arc<Topology>>,
    pub(super) phases: watch::Receiver<Phase>,
    pub(super) identity: watch::Receiver<Option<Identity>>,
}

/// What the control loop is asked for.
pub(super) enum Order {
    Propose(Change, oneshot::Sender<Result<Answer, ProposeError>>),
    Status(oneshot::Sender<Status>),
    Leave { kind: Leave, force: bool, progress: watch::Sender<LeaveProgress> },
    Stop(oneshot::Sender<()>),
}

/// Why it is not known that a change was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProposeError {
    /// No leader took it: it was not applied and never will be.
    NoLeader,
    /// It may have been applied, or may be yet.
    Unknown,
    /// Too many wait already.
    Busy,
    /// The control loop has ended.
    Stopped,
}

/// How far a node is in leaving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveProgress {
    /// Partitions that it owns yet.
    pub owned: usize,
    /// Copies that it holds yet, which matter only if it leaves for good.
    pub copies: usize,
    /// How it ended, if it has.
    pub outcome: Option<Result<(), LeaveRefusal>>,
}

/// Why a node does not leave. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaveRefusal {
    /// So many partitions would be lost, since no other node could take them.
    LastNode(usize),
    /// No leader: nobody can hand anything over, and so many partitions have this owner.
    NoLeader(usize),
    /// The cluster says no.
    Refused(Refusal),
    /// It leaves for another reason already, or is stopping.
    NotMember,
    /// It took longer than it may.
    Late,
}

impl Handle {
    /// Proposes a change, wherever the leader is, and waits until it is applied there. Ends after some seconds.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub async fn propose(&self, change: Change) -> Result<Answer, ProposeError> {
        let (answer, answered) = oneshot::channel();
        self.orders.try_send(Order::Propose(change, answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ProposeError::Busy,
            mpsc::error::TrySendError::Closed(_) => ProposeError::Stopped,
        })?;
        answered.await.map_err(|_| ProposeError::Stopped)?
    }

    /// The newest topology, and whenever it changes. Before the node is a member it has no members and no owners.
    #[must_use]
    pub fn topology(&self) -> watch::Receiver<Arc<Topology>> {
        self.topologies.clone()
    }

    /// The newest replicated state, and whenever it changes.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<Arc<State>> {
        self.states.clone()
    }

    /// The newest replicated state.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.states.borrow())
    }

    /// How far this node is in becoming a member or leaving, and whenever that changes.
    #[must_use]
    pub fn phases(&self) -> watch::Receiver<Phase> {
        self.phases.clone()
    }

    /// Who this node is, once it is a member.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        *self.identity.borrow()
    }

    /// Leaves the cluster. The progress tells how far that is; the last one has an outcome.
    #[must_use]
    pub fn leave(&self, kind: Leave, force: bool) -> watch::Receiver<LeaveProgress> {
        let (progress, watched) = watch::channel(LeaveProgress { owned: 0, copies: 0, outcome: None });
        if let Err(error) = self.orders.try_send(Order::Leave { kind, force, progress }) {
            let (mpsc::error::TrySendError::Full(order) | mpsc::error::TrySendError::Closed(order)) = error;
            if let Order::Leave { progress, .. } = order {
                progress.send_modify(|progress| progress.outcome = Some(Err(LeaveRefusal::NotMember)));
            }
        }
        watched
    }

    /// Leaves the cluster, or waits until that has ended which leaves already. While there is no leader it is tried again.
    ///
    /// # Errors
    /// See [`LeaveRefusal`]; after this time, why it has not come to anything.
    pub async fn leave_within(
        &self,
        kind: Leave,
        force: bool,
        time_max: Duration,
    ) -> Result<(), LeaveRefusal> {
        let mut why = LeaveRefusal::Late;
        let tried = async {
            loop {
                let mut progress = self.leave(kind, force);
                let ended = progress.wait_for(|progress| progress.outcome.is_some()).await;
                match ended.ok().and_then(|progress| progress.outcome.clone()) {
                    Some(Err(refusal @ LeaveRefusal::NoLeader(_))) => why = refusal,
                    Some(outcome) => return outcome,
                    None => return Err(LeaveRefusal::NotMember),
                }
                sleep(LEAVE_PAUSE).await;
                why = LeaveRefusal::Late;
            }
        };
        let tried = timeout(time_max, tried).await;
        tried.unwrap_or(Err(why))
    }

    /// The cluster as this node sees it; none if the control loop has ended or is overwhelmed.
    pub async fn status(&self) -> Option<Status> {
        let (answer, answered) = oneshot::channel();
        self.orders.try_send(Order::Status(answer)).ok()?;
        answered.await.ok()
    }

    /// Stops the control loop: no lease is renewed any more, and the log is closed when this returns.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.orders.send(Order::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }

    /// The address for any client of a member.
    #[must_use]
    pub fn address(&self, node: NodeId) -> Option<(String, u16)> {
        let topology = self.topologies.borrow();
        topology.members.get(&node).map(|member| (member.host.clone(), member.port))
    }
}

impl fmt::Display for ProposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLeader => "the cluster has no leader at the moment; nothing has changed",
            Self::Unknown => "the leader was lost meanwhile; whether it happened shows in a moment",
            Self::Busy => "too many changes wait; nothing has changed",
            Self::Stopped => "this node is stopping",
        })
    }
}

impl std::error::Error for ProposeError {}

impl fmt::Display for LeaveRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastNode(partitions) => write!(
                f,
                "no other node is up to take over: the data of {partitions} partitions would be lost; start another node \
                 first, or repeat with --force"
            ),
            Self::NoLeader(partitions) => write!(
                f,
                "the cluster has no leader, so nothing can be handed over: the data of {partitions} partitions that this \
                 node owns could be lost; bring a majority of nodes up first, or repeat with --force"
            ),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Late => f.write_str("partitions could not be handed over in time; others take them over"),
            Self::NotMember => f.write_str("this node is not a member of a cluster, or is leaving already"),
        }
    }
}

impl std::error::Error for LeaveRefusal {}

/// Before it is tried again to leave.
const LEAVE_PAUSE: Duration = Duration::from_millis(50);
