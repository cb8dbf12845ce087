//! How a member leaves: what it has goes to others, then it gives its lease back and says so, so that nobody has to wait.

use std::rc::Rc;
use std::time::Duration;

use larder_proto::topology::{MemberState, NodeId, Topology};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Control;
use crate::cluster::handle::{LeaveProgress, LeaveRefusal, ProposeError};
use crate::cluster::identity::Identity;
use crate::cluster::machine::{Answer, Change, Leave, Refusal};
use crate::cluster::raft::Node;
use crate::cluster::status::Phase;

impl Control {
    pub(super) async fn leave(
        self: Rc<Self>,
        kind: Leave,
        force: bool,
        progress: watch::Sender<LeaveProgress>,
    ) {
        let running = self.leaving.borrow().clone();
        let outcome = match running {
            // Handing over is part of either.
            Some((first, running)) if kind == Leave::HandOver || kind == first => {
                return follow(running, &progress).await;
            }
            Some(_) => Err(LeaveRefusal::NotMember),
            None => {
                self.leaving.replace(Some((kind, progress.subscribe())));
                let outcome = self.leave_once(kind, force, &progress).await;
                if outcome.is_err() {
                    self.leaving.take();
                }
                outcome
            }
        };
        progress.send_modify(|progress| progress.outcome = Some(outcome));
    }

    async fn leave_once(
        &self,
        kind: Leave,
        force: bool,
        progress: &watch::Sender<LeaveProgress>,
    ) -> Result<(), LeaveRefusal> {
        let (Some(identity), Some(_)) = (self.identity(), self.raft()) else {
            // Nobody knows it yet: nothing is lost.
            self.end(Phase::Left);
            return Ok(());
        };
        if let Err(refusal) = self.may_leave(identity.node)
            && !force
        {
            return Err(refusal);
        }
        let mut is_heard = false;
        while !is_heard && self.may_leave(identity.node).is_ok() {
            self.give_away(identity.node, kind, force, progress).await?;
            match self.step_down(identity, kind).await {
                // It was given something meanwhile.
                Ok(Answer::Refused(Refusal::StillOwner(_) | Refusal::NotDown(_))) => {
                    sleep(GOODBYE_PAUSE).await
                }
                Ok(_) => is_heard = true,
                Err(error) => {
                    tracing::debug!(%error, "goodbye was not heard");
                    break;
                }
            }
        }
        self.say_goodbye(identity, kind, is_heard).await;
        Ok(())
    }

    /// Gives the lead and the vote away, and says goodbye as one that has nothing to lose: it owns nothing where that is
    /// applied, so it serves nothing, whatever lease it has.
    async fn step_down(&self, identity: Identity, kind: Leave) -> Result<Answer, ProposeError> {
        let others = others_up(&self.published.topology.borrow(), identity.node);
        if let Some(node) = self.raft().filter(|_| others) {
            let _ = timeout(VOTE_TIME_MAX, give_vote_away(&node, kind)).await;
        }
        let node = identity.node;
        self.propose(&match kind == Leave::Rebuild && others {
            true => Change::Remove { node },
            false => Change::Goodbye { node, incarnation: self.incarnation },
        })
        .await
    }

    /// Whether somebody can take what this node owns.
    fn may_leave(&self, own: NodeId) -> Result<(), LeaveRefusal> {
        let topology = self.published.topology.borrow().clone();
        let owned = owned(&topology, own);
        if owned == 0 {
            return Ok(());
        }
        if !others_up(&topology, own) {
            return Err(LeaveRefusal::LastNode(owned));
        }
        if self.leader().is_none() || self.lease_until_ns.get() < self.now_ns() {
            return Err(LeaveRefusal::NoLeader(owned));
        }
        Ok(())
    }

    /// Says that it leaves, and waits until the others have what it has.
    async fn give_away(
        &self,
        own: NodeId,
        kind: Leave,
        force: bool,
        progress: &watch::Sender<LeaveProgress>,
    ) -> Result<(), LeaveRefusal> {
        self.propose_leave(own, Some(kind), force).await?;
        let mut topologies = self.published.topology.subscribe();
        loop {
            let topology = topologies.borrow_and_update().clone();
            let (owned, copies) = (owned(&topology, own), copies(&topology, own));
            progress.send_modify(|progress| (progress.owned, progress.copies) = (owned, copies));
            let left = if kind == Leave::Rebuild { owned + copies } else { owned };
            let is_down = topology.members.get(&own).is_none_or(|it| it.state == MemberState::Down);
            if left == 0 || is_down {
                return Ok(());
            }
            if !others_up(&topology, own) {
                if force {
                    return Ok(());
                }
                self.propose_leave(own, None, false).await?;
                return Err(LeaveRefusal::LastNode(owned));
            }
            if topologies.changed().await.is_err() {
                return Err(LeaveRefusal::NotMember);
            }
        }
    }

    /// Tries until the cluster has taken note; forced, it goes on after some time without that.
    async fn propose_leave(&self, own: NodeId, kind: Option<Leave>, force: bool) -> Result<(), LeaveRefusal> {
        let change = Change::Leave { node: own, incarnation: self.incarnation, kind };
        for _ in 0..GOODBYE_TRIES_MAX {
            match self.propose(&change).await {
                Ok(Answer::Refused(refusal)) if force => {
                    tracing::warn!(%refusal, "leaving by force");
                    return Ok(());
                }
                Ok(Answer::Refused(refusal)) => return Err(LeaveRefusal::Refused(refusal)),
                Ok(_) => return Ok(()),
                Err(error) => tracing::warn!(%error, "the cluster does not take note that this node leaves"),
            }
        }
        let owned = owned(&self.published.topology.borrow(), own);
        if force { Ok(()) } else { Err(LeaveRefusal::NoLeader(owned)) }
    }

    /// Serves nothing any more, and lets the leader know, if it has not heard it, so that nobody waits for the lease to end.
    async fn say_goodbye(&self, identity: Identity, kind: Leave, is_heard: bool) {
        self.give_lease_back();
        let others = others_up(&self.published.topology.borrow(), identity.node);
        if !is_heard {
            self.say_it_by_force(identity, kind, others).await;
        }
        if kind == Leave::Rebuild && others {
            self.forget_identity().await;
        } else {
            self.published.phase.send_replace(Phase::Left);
        }
    }

    /// Whatever the node still owns.
    async fn say_it_by_force(&self, identity: Identity, kind: Leave, others: bool) {
        if let Some(node) = self.raft().filter(|_| others) {
            let _ = timeout(VOTE_TIME_MAX, give_vote_away(&node, kind)).await;
        }
        let down = Change::CallDown { node: identity.node, incarnation: self.incarnation };
        let remove = Change::Remove { node: identity.node };
        for _ in 0..GOODBYE_TRIES_MAX {
            let change = if kind == Leave::Rebuild && others { &remove } else { &down };
            match self.propose(change).await {
                // Who leaves by force may still hold something: it is called down first.
                Ok(Answer::Refused(Refusal::NotDown(_))) => {
                    let _ = self.propose(&down).await;
                }
                Ok(Answer::Refused(Refusal::StillOwner(_))) => sleep(GOODBYE_PAUSE).await,
                Ok(_) => break,
                Err(error) => tracing::debug!(%error, "goodbye was not heard"),
            }
        }
    }

    /// For good: started again, this is a new node. Raft stops first, so that nothing is written any more.
    async fn forget_identity(&self) {
        if let Some(node) = self.raft() {
            let _ = timeout(VOTE_TIME_MAX, until_no_voter(&node)).await;
        }
        let node = self.node.take();
        self.end(Phase::Left);
        if let Some(node) = node {
            node.shutdown().await;
        }
        if let Err(error) = self.place.clear() {
            tracing::error!(%error, "the state of a node that has left is still there");
        }
    }
}

/// Tells of what another order has begun, until that has ended.
async fn follow(mut running: watch::Receiver<LeaveProgress>, progress: &watch::Sender<LeaveProgress>) {
    loop {
        let seen = running.borrow_and_update().clone();
        let has_ended = seen.outcome.is_some();
        progress.send_replace(seen);
        if has_ended {
            return;
        }
        if running.changed().await.is_err() {
            progress.send_modify(|progress| progress.outcome = Some(Err(LeaveRefusal::NotMember)));
            return;
        }
    }
}

/// The lead goes to another voter, and, where this is the only one, the vote to another member: the leader sees to that.
async fn give_vote_away(node: &Node<crate::cluster::machine::State>, kind: Leave) {
    loop {
        let status = node.status();
        let alone = status.voters.len() == 1 && status.voters.contains(&node.id());
        let must_not_vote = kind == Leave::Rebuild && status.voters.contains(&node.id());
        if !alone && !must_not_vote {
            if !status.leads {
                return;
            }
            let others =
                status.matching.iter().filter(|(id, _)| **id != node.id() && status.voters.contains(id));
            let Some((next, _)) = others.max_by_key(|(_, index)| **index) else { return };
            if node.transfer_lead(*next).await.is_err() {
                return;
            }
        }
        sleep(GOODBYE_PAUSE).await;
    }
}

async fn until_no_voter(node: &Node<crate::cluster::machine::State>) {
    while node.status().voters.contains(&node.id()) && node.status().stopped.is_none() {
        sleep(GOODBYE_PAUSE).await;
    }
}

fn owned(topology: &Topology, node: NodeId) -> usize {
    topology.rows.iter().filter(|row| row.owner == Some(node)).count()
}

fn copies(topology: &Topology, node: NodeId) -> usize {
    topology.rows.iter().filter(|row| row.copy(node).is_some()).count()
}

fn others_up(topology: &Topology, own: NodeId) -> bool {
    topology.members.iter().any(|(node, member)| *node != own && member.state == MemberState::Up)
}

/// Times that a goodbye is tried.
const GOODBYE_TRIES_MAX: usize = 3;

/// Between two looks.
const GOODBYE_PAUSE: Duration = Duration::from_millis(50);

/// How long giving the lead and the vote away may take.
const VOTE_TIME_MAX: Duration = Duration::from_secs(3);
