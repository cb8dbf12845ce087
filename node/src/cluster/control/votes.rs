//! Keeps Raft's members those of the state: who is admitted listens, who is chosen votes, who is removed is forgotten. A task
//! of its own, since a change of who votes may take long.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use larder_proto::topology::{ClusterId, NodeId};
use tokio::time::{sleep, timeout};

use super::{Control, control_port};
use crate::cluster::machine::State;
use crate::cluster::raft::{Node, RaftFault, RaftStatus};
use crate::cluster::voters::voters;

impl Control {
    /// While this node leads: one change after the other, until nothing is left to change.
    pub(super) async fn votes(self: Rc<Self>, node: Node<State>) {
        let mut states = node.states();
        loop {
            let (status, state) = (node.status(), states.borrow_and_update().clone());
            if status.leads && state.topology.cluster != ClusterId(0) {
                match timeout(CHANGE_TIME_MAX, change_one(&node, &state, &status)).await {
                    Ok(Ok(true)) => continue,
                    Ok(Ok(false) | Err(RaftFault::NotLeader(_) | RaftFault::InProgress)) => {}
                    Ok(Err(fault)) => tracing::warn!(%fault, "who votes was not changed"),
                    Err(_) => tracing::warn!("a change of who votes takes long"),
                }
            }
            tokio::select! {
                biased;
                _ = states.changed() => sleep(VOTES_PAUSE).await,
                () = sleep(VOTES_EVERY) => {}
            }
        }
    }
}

/// Makes one change that is wanted. Whether there was one.
async fn change_one(node: &Node<State>, state: &State, status: &RaftStatus) -> Result<bool, RaftFault> {
    let members = &state.topology.members;
    let present: BTreeSet<NodeId> = status.voters.union(&status.learners).copied().collect();
    if let Some((id, member)) = members.iter().find(|(id, _)| !present.contains(id)) {
        node.add_learner(*id, &member.host, control_port(member.port)).await?;
        return Ok(true);
    }
    if let Some(wanted) = wanted_voters(state, status) {
        tracing::info!(voters = ?wanted.iter().map(|id| id.0).collect::<Vec<_>>(), "who votes changes");
        node.change_voters(&wanted).await?;
        return Ok(true);
    }
    let gone = status.learners.iter().find(|id| !members.contains_key(id));
    if let Some(id) = gone {
        node.remove(*id).await?;
        return Ok(true);
    }
    Ok(false)
}

/// Who is to vote, if that is to be changed now.
fn wanted_voters(state: &State, status: &RaftStatus) -> Option<BTreeSet<NodeId>> {
    let wanted = voters(state, &status.voters);
    let is_ready = |id: &NodeId| {
        let has = status.matching.get(id).copied().unwrap_or(0);
        status.voters.contains(id) || has + LAG_ENTRIES_MAX >= status.last_index
    };
    // Joint voters are the old ones and the new ones: the second step of the change is not done, and nobody else does it.
    let is_changed = wanted != status.voters || status.is_joint;
    (is_changed && !wanted.is_empty() && wanted.iter().all(is_ready)).then_some(wanted)
}

/// How long one change may take before it is looked at anew.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(5);

/// How often Raft's members are compared with the state's when nothing happens.
const VOTES_EVERY: Duration = Duration::from_millis(250);

/// After a change of the state.
const VOTES_PAUSE: Duration = Duration::from_millis(20);

/// Entries that a node may lack that is to vote.
const LAG_ENTRIES_MAX: u64 = 200;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use larder_proto::topology::{Incarnation, Member, MemberState};

    use super::*;

    #[test]
    fn a_change_that_was_begun_is_ended() {
        let mut state = State::default();
        for number in 1..=3 {
            let member = Member {
                host: "h".into(),
                port: number as u16,
                zone: String::new(),
                incarnation: Incarnation(number),
                state: MemberState::Up,
                version: 1,
            };
            Arc::make_mut(&mut state.topology).members.insert(NodeId(number), member);
        }
        let all: BTreeSet<NodeId> = (1..=3).map(NodeId).collect();
        let mut status = RaftStatus { voters: BTreeSet::from([NodeId(1)]), ..RaftStatus::default() };
        assert_eq!(wanted_voters(&state, &status), Some(all.clone()));
        status.voters = all.clone();
        assert_eq!(wanted_voters(&state, &status), None);
        status.is_joint = true;
        assert_eq!(wanted_voters(&state, &status), Some(all));
    }
}
