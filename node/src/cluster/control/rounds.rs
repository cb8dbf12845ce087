//! The leader's side of leases: requests wait for the next round that confirms the leadership, and are granted together.

use std::rc::Rc;

use larder_proto::topology::{ClusterId, MemberState, NodeId};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Control;
use super::answers::absent;
use crate::cluster::machine::{MEMBERS_MAX, State};
use crate::cluster::messages::{RenewReply, RenewRequest};
use crate::cluster::raft::Node;
use crate::cluster::rpc::Refusal;

/// A request for a lease that waits for a round.
pub(super) struct Waiting {
    request: RenewRequest,
    reply: oneshot::Sender<Result<RenewReply, Refusal>>,
}

impl Control {
    /// Answers a request for a lease, after a round that begins after now.
    pub(super) async fn renewed(&self, request: RenewRequest) -> Result<RenewReply, Refusal> {
        let node = self.raft().ok_or_else(absent)?;
        if !node.status().leads {
            return Ok(RenewReply::elsewhere(self.other_leader()));
        }
        let (reply, replied) = oneshot::channel();
        if self.duties.waiting.borrow().len() >= WAITING_MAX {
            return Err(Refusal::new(Refusal::ABSENT, "too many requests for leases wait"));
        }
        let asks = NodeId(request.node);
        let state = node.state();
        let known = state.topology.members.get(&asks);
        if known.is_some_and(|known| Some(known.incarnation) == request.incarnation()) {
            self.duties.heard(asks, self.now_ns());
        }
        self.duties.waiting.borrow_mut().push(Waiting { request, reply });
        self.duties.asked.notify_one();
        replied.await.map_err(|_| absent())?
    }

    /// One round after the other, while somebody waits. Each asks every node, so those who ask shortly after one another share one:
    /// otherwise the messages of many nodes would grow with the square of their number.
    pub(super) async fn rounds(self: Rc<Self>, node: Node<State>) {
        let mut pauses = interval(self.rule.length() / ROUNDS_PER_LEASE);
        pauses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.duties.asked.notified().await;
            pauses.tick().await;
            let waiting = self.duties.waiting.take();
            if waiting.is_empty() {
                continue;
            }
            // It began after all of them had come. Whatever the leadership was confirmed in, it is only worth something if
            // the term is the one whose grants are remembered, before the round and after it.
            let term = node.status().term;
            // This node is a voter of its own rounds. Whether it may be is looked at after the round.
            let _ = self.heard.borrow_mut().note(term, self.now_ns());
            let confirmed = timeout(self.rule.length(), node.confirm_leadership()).await;
            let status = node.status();
            let is_same = status.leads && status.term == term && self.duties.leads_in(term);
            let listens = self.heard.borrow().listens_to(term);
            let leads = matches!(confirmed, Ok(Ok(_))) && is_same && listens;
            if leads {
                self.duties.note_confirmed(self.now_ns());
            }
            let state = node.state();
            for Waiting { request, reply } in waiting {
                let decided = match leads {
                    true => self.decide(&state, request),
                    false => Ok(RenewReply::elsewhere(self.other_leader())),
                };
                let _ = reply.send(decided);
            }
        }
    }

    /// Grants or not, by the state as it is now. Nothing is awaited between looking at it and noting the grant.
    fn decide(&self, state: &State, request: RenewRequest) -> Result<RenewReply, Refusal> {
        let node = NodeId(request.node);
        self.duties.note_bytes(request.owned());
        let said = request.member.ok_or_else(|| Refusal::new(Refusal::MALFORMED, "no member"))?.member()?;
        let Some(known) = state.topology.members.get(&node) else {
            // Before the cluster is founded nobody is named.
            let removed = state.topology.cluster != ClusterId(0);
            return Ok(RenewReply { removed, ..RenewReply::default() });
        };
        let is_same = known.incarnation == said.incarnation;
        let has_moved = (&known.host, known.port, &known.zone, known.version)
            != (&said.host, said.port, &said.zone, said.version);
        let may_serve = is_same && known.state != MemberState::Down;
        if !may_serve || has_moved {
            self.duties.wants_up(node, said.clone());
        }
        if known.state == MemberState::Down {
            self.duties.is_down(node);
        }
        // The first duty of a new cluster's leader is to say how long leases are.
        if may_serve && self.has_same_lease(state) {
            let at = (state.topology.epoch, self.now_ns());
            let granted = self.duties.grant(node, said.incarnation, at);
            return Ok(granted.map_or_else(RenewReply::default, RenewReply::granted));
        }
        Ok(RenewReply::default())
    }
}

/// Rounds that there are at most in the time of a lease. The wait for the next one is a small part of the time between two requests of a
/// node.
const ROUNDS_PER_LEASE: u32 = 32;

/// Requests for leases that wait for a round: as many as there are members, each asking a few times.
const WAITING_MAX: usize = 4 * MEMBERS_MAX;
